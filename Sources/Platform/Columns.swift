import Glibc

/// Numbers of one layout side by side in memory that something else keeps: a mapped image. Reading one allocates nothing and
/// counts no references.
public struct Column<Element: BitwiseCopyable>: @unchecked Sendable {
    public let start: UnsafePointer<Element>
    public let count: Int

    /// - Parameter start: stays valid, and unchanged, as long as the column is used.
    @inlinable
    public init(start: UnsafePointer<Element>, count: Int) {
        self.start = start
        self.count = count
    }

    /// An element of a valid position: whoever lays out the column sees to that. Checked in debug builds.
    @inlinable @inline(__always)
    public subscript(position: Int) -> Element {
        assert(position >= 0 && position < count, "outside of the column")
        return start[position]
    }

    /// A column without elements.
    public static var empty: Column {
        Column(start: UnsafePointer(bitPattern: MemoryLayout<Element>.alignment)!, count: 0)
    }

    public var indices: Range<Int> { 0..<count }
    @inlinable public var isEmpty: Bool { count == 0 }
    @inlinable public var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: start, count: count) }
}

extension Column where Element: FixedWidthInteger & UnsignedInteger {
    /// Whether all elements are below `limit`. It looks at every one: several at a time is faster than to stop early.
    @inlinable
    public func areAll(below limit: Int) -> Bool {
        guard let largest = Element(exactly: limit - 1) else { return limit > 0 || isEmpty }
        var highest: Element = 0
        for position in 0..<count { highest = max(highest, start[position]) }
        return highest <= largest
    }
}

/// Texts in UTF-8, one after the other.
public struct TextColumn: Sendable {
    fileprivate let bytes: Column<UInt8>
    fileprivate let ends: Column<UInt64>

    public var count: Int { ends.count }

    public subscript(position: Int) -> String { String(decoding: utf8(position), as: UTF8.self) }

    /// The bytes of a text.
    public func utf8(_ position: Int) -> UnsafeBufferPointer<UInt8> {
        let start = position == 0 ? 0 : Int(ends[position - 1])
        return UnsafeBufferPointer(rebasing: bytes.buffer[start..<Int(ends[position])])
    }
}

/// A column does not fit what it is read as.
public struct MalformedColumns: Error, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Lays columns one after the other, each aligned to 64 bytes and headed by the number and size of its elements, in memory that
/// grows as they come, without being copied.
///
/// Numbers are as the machine has them: little-endian on all that geopipe runs on.
public struct ColumnWriter: ~Copyable {
    public private(set) var bytes: UnsafeMutableRawBufferPointer
    public private(set) var count = 0

    /// What a column begins with.
    struct Head: BitwiseCopyable {
        var count: UInt64
        var stride: UInt64
    }

    public init() { bytes = PageMemory.allocate(1 << 16) }

    deinit { PageMemory.free(bytes) }

    /// Appends a column.
    public mutating func add<Element: BitwiseCopyable>(_ elements: [Element]) {
        elements.withUnsafeBufferPointer { add($0) }
    }

    /// Appends a column.
    public mutating func add<Element: BitwiseCopyable>(_ elements: UnsafeBufferPointer<Element>) {
        let start = (count + MemoryLayout<Head>.size + 63) & ~63
        reserve(start + elements.count * MemoryLayout<Element>.stride)
        bytes.storeBytes(
            of: Head(count: UInt64(elements.count), stride: UInt64(MemoryLayout<Element>.stride)),
            toByteOffset: start - MemoryLayout<Head>.size, as: Head.self)
        if let source = elements.baseAddress {
            memcpy(bytes.baseAddress! + start, source, elements.count * MemoryLayout<Element>.stride)
        }
        count = start + elements.count * MemoryLayout<Element>.stride
    }

    /// Appends a column of zeros, which `fill` may write over.
    public mutating func add<Element: BitwiseCopyable>(
        _ type: Element.Type, count elementCount: Int, _ fill: (UnsafeMutableBufferPointer<Element>) -> Void
    ) {
        let start = (count + MemoryLayout<Head>.size + 63) & ~63
        let length = elementCount * MemoryLayout<Element>.stride
        reserve(start + length)
        bytes.storeBytes(
            of: Head(count: UInt64(elementCount), stride: UInt64(MemoryLayout<Element>.stride)),
            toByteOffset: start - MemoryLayout<Head>.size, as: Head.self)
        fill(
            UnsafeMutableRawBufferPointer(rebasing: bytes[start..<(start + length)]).bindMemory(to: Element.self))
        count = start + length
    }

    /// Appends all columns of a section that begins at a multiple of 64 bytes, as this must do, too.
    public mutating func add(section: ColumnReader) {
        precondition(count % 64 == 0)
        reserve(count + section.bytes.count)
        if let source = section.bytes.baseAddress { memcpy(bytes.baseAddress! + count, source, section.bytes.count) }
        count += section.bytes.count
    }

    /// Appends a text's bytes in UTF-8.
    public mutating func add(_ text: String) { add(Array(text.utf8)) }

    /// Appends texts, as one column of their bytes and one of where each ends.
    public mutating func add(texts: [String]) {
        var bytes: [UInt8] = []
        var ends: [UInt64] = []
        for text in texts {
            bytes += text.utf8
            ends.append(UInt64(bytes.count))
        }
        add(bytes)
        add(ends)
    }

    /// Appends one number or structure, as a column of one element.
    public mutating func add<Element: BitwiseCopyable>(one element: Element) { add([element]) }

    /// Goes on at a multiple of 64 bytes.
    ///
    /// - Returns: where that is.
    public mutating func align() -> Int {
        reserve((count + 63) & ~63)
        count = (count + 63) & ~63
        return count
    }

    /// Leaves room that is zero.
    public mutating func skip(_ length: Int) {
        reserve(count + length)
        count += length
    }

    /// Writes over what was laid down or skipped before.
    public mutating func overwrite<Element: BitwiseCopyable>(at offset: Int, with element: Element) {
        bytes.storeBytes(of: element, toByteOffset: offset, as: Element.self)
    }

    /// Gives the memory away; the caller is to free it with `PageMemory`.
    public consuming func finish() -> UnsafeMutableRawBufferPointer {
        let result = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
        PageMemory.free(rest: bytes, after: count)
        bytes = PageMemory.allocate(1)
        return result
    }

    private mutating func reserve(_ needed: Int) {
        guard needed > bytes.count else { return }
        bytes = PageMemory.grow(bytes, to: max(needed, bytes.count * 2))
    }
}

/// Reads columns in the order in which they were written. Whatever the bytes are, it never reads outside of them.
public struct ColumnReader {
    fileprivate let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// - Parameter bytes: begin at a multiple of 64, and stay valid as long as the columns are used.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether all of its columns are those of another.
    package func hasSameBytes(as other: ColumnReader) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        guard let one = bytes.baseAddress, let two = other.bytes.baseAddress else { return true }
        return memcmp(one, two, bytes.count) == 0
    }

    /// The next column.
    ///
    /// - Throws: if it ends after the bytes, or has elements of another size.
    public mutating func read<Element: BitwiseCopyable>(
        _ type: Element.Type = Element.self
    ) throws(MalformedColumns) -> Column<Element> {
        let start = (position + MemoryLayout<ColumnWriter.Head>.size + 63) & ~63
        guard start <= bytes.count else { throw MalformedColumns("a column is missing") }
        let head = bytes.load(
            fromByteOffset: start - MemoryLayout<ColumnWriter.Head>.size, as: ColumnWriter.Head.self)
        let stride = MemoryLayout<Element>.stride
        guard head.stride == UInt64(stride) else { throw MalformedColumns("a column has elements of another size") }
        guard head.count <= UInt64(bytes.count - start) / UInt64(stride) else {
            throw MalformedColumns("a column is cut short")
        }
        position = start + Int(head.count) * stride
        return Column(
            start: (bytes.baseAddress! + start).assumingMemoryBound(to: Element.self), count: Int(head.count))
    }

    /// The next column, a text.
    public mutating func readText() throws(MalformedColumns) -> String {
        String(decoding: try read(UInt8.self).buffer, as: UTF8.self)
    }

    /// The next columns, texts.
    public mutating func readTexts() throws(MalformedColumns) -> [String] {
        let texts = try readTextColumn()
        return (0..<texts.count).map { texts[$0] }
    }

    /// The next columns, texts, which stay where they are.
    public mutating func readTextColumn() throws(MalformedColumns) -> TextColumn {
        let column = TextColumn(bytes: try read(UInt8.self), ends: try read(UInt64.self))
        var start: UInt64 = 0
        for end in column.ends.buffer {
            guard end <= UInt64(column.bytes.count), end >= start else {
                throw MalformedColumns("a text ends where it cannot")
            }
            start = end
        }
        return column
    }

    /// The only element of the next column.
    public mutating func readOne<Element: BitwiseCopyable>(
        _ type: Element.Type = Element.self
    ) throws(MalformedColumns) -> Element {
        let column = try read(type)
        guard column.count == 1 else { throw MalformedColumns("a column has not one element") }
        return column[0]
    }

    /// Where the columns begin in memory.
    public var start: UnsafeRawPointer { bytes.baseAddress! }

    /// The number of bytes of all columns.
    public var count: Int { bytes.count }

    /// Whether all columns have been read.
    public var isAtEnd: Bool { position == bytes.count }
}
