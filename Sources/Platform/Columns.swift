import Glibc

/// An array of fixed-size elements in memory that another object owns, such as a mapped image. Reading an element
/// allocates nothing and counts no references.
public struct Column<Element: BitwiseCopyable>: @unchecked Sendable {
    /// The address of the first element.
    public let start: UnsafePointer<Element>
    /// The number of elements.
    public let count: Int

    /// Makes a view of `count` elements at `start`, which must stay valid and unchanged as long as the column is used.
    @inlinable
    public init(start: UnsafePointer<Element>, count: Int) {
        self.start = start
        self.count = count
    }

    /// Returns the element at a position, which must be valid: the readers of an image check all positions when they
    /// open it. Only debug builds check the position here.
    @inlinable @inline(__always)
    public subscript(position: Int) -> Element {
        assert(position >= 0 && position < count, "outside of the column")
        return start[position]
    }

    /// A column without elements.
    public static var empty: Column {
        Column(start: UnsafePointer(bitPattern: MemoryLayout<Element>.alignment)!, count: 0)
    }

    /// The valid positions.
    public var indices: Range<Int> { 0..<count }
    /// Whether there are no elements.
    @inlinable public var isEmpty: Bool { count == 0 }
    /// The elements in memory; valid as long as the memory of the column is.
    @inlinable public var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: start, count: count) }
}

extension Column where Element: FixedWidthInteger & UnsignedInteger {
    /// Whether all elements are below `limit`. The loop never exits early, so that the compiler can vectorize it.
    @inlinable
    public func areAll(below limit: Int) -> Bool {
        guard let largest = Element(exactly: limit - 1) else { return limit > 0 || isEmpty }
        var highest: Element = 0
        for position in 0..<count { highest = max(highest, start[position]) }
        return highest <= largest
    }
}

/// Texts in UTF-8, one after another.
public struct TextColumn: Sendable {
    fileprivate let bytes: Column<UInt8>
    fileprivate let ends: Column<UInt64>

    /// The number of texts.
    public var count: Int { ends.count }

    /// Returns a text at a valid position. Invalid UTF-8 is replaced.
    public subscript(position: Int) -> String { String(decoding: utf8(position), as: UTF8.self) }

    /// Returns the bytes of a text.
    public func utf8(_ position: Int) -> UnsafeBufferPointer<UInt8> {
        let start = position == 0 ? 0 : Int(ends[position - 1])
        return UnsafeBufferPointer(rebasing: bytes.buffer[start..<Int(ends[position])])
    }
}

/// An error in columns: they do not have the expected layout, or a value that is out of range.
public struct MalformedColumns: Error, Equatable, CustomStringConvertible {
    /// What is wrong with the columns.
    public let description: String

    /// Makes an error; `description` says what is wrong.
    public init(_ description: String) { self.description = description }
}

/// Writes columns one after another, each aligned to 64 bytes and preceded by the number and the size of its elements.
/// Its memory grows without being copied.
///
/// Numbers are in the byte order of the machine: little-endian on all machines that geopipe runs on.
///
/// ```swift
/// var writer = ColumnWriter()
/// writer.add([3, 5, 8] as [UInt32])
/// writer.add(texts: ["oslo", "ashburn"])
/// let bytes = writer.finish()
/// defer { PageMemory.free(bytes) }
///
/// var reader = ColumnReader(UnsafeRawBufferPointer(bytes))
/// let numbers = try reader.read(UInt32.self)   // the same order and types; numbers[2] is 8
/// let names = try reader.readTexts()           // ["oslo", "ashburn"]
/// ```
public struct ColumnWriter: ~Copyable {
    /// The memory: `count` written bytes, and spare ones.
    public private(set) var bytes: UnsafeMutableRawBufferPointer
    /// The number of written bytes.
    public private(set) var count = 0

    /// The header of a column: the number of its elements, and the size of each in bytes.
    struct Head: BitwiseCopyable {
        var count: UInt64
        var stride: UInt64
    }

    /// Makes a writer without columns.
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

    /// Appends a column of zeros, which `fill` may overwrite.
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

    /// Appends all columns of another section. Both must begin at a multiple of 64 bytes, so that alignment is kept.
    public mutating func add(section: ColumnReader) {
        precondition(count % 64 == 0)
        reserve(count + section.bytes.count)
        if let source = section.bytes.baseAddress { memcpy(bytes.baseAddress! + count, source, section.bytes.count) }
        count += section.bytes.count
    }

    /// Appends a text as a column of its UTF-8 bytes.
    public mutating func add(_ text: String) { add(Array(text.utf8)) }

    /// Appends texts as two columns: their bytes, and the end of each text.
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

    /// Appends a column of one element.
    public mutating func add<Element: BitwiseCopyable>(one element: Element) { add([element]) }

    /// Pads to a multiple of 64 bytes.
    ///
    /// - Returns: the offset of the next column's memory.
    public mutating func align() -> Int {
        reserve((count + 63) & ~63)
        count = (count + 63) & ~63
        return count
    }

    /// Appends `length` zero bytes.
    public mutating func skip(_ length: Int) {
        reserve(count + length)
        count += length
    }

    /// Overwrites bytes that were written or skipped before.
    public mutating func overwrite<Element: BitwiseCopyable>(at offset: Int, with element: Element) {
        bytes.storeBytes(of: element, toByteOffset: offset, as: Element.self)
    }

    /// Returns the memory, which the caller must free with `PageMemory`.
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

/// Reads columns in the order in which they were written; see the example at `ColumnWriter`. It never reads outside of
/// its bytes, even if they are damaged.
public struct ColumnReader {
    fileprivate let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// Makes a reader of `bytes`, which must begin at a multiple of 64, and stay valid as long as the columns are used.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether another reader has the same bytes.
    package func hasSameBytes(as other: ColumnReader) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        guard let one = bytes.baseAddress, let two = other.bytes.baseAddress else { return true }
        return memcmp(one, two, bytes.count) == 0
    }

    /// Reads the next column.
    ///
    /// - Throws: if the column exceeds the bytes, or has elements of another size.
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
            throw MalformedColumns("a column is truncated")
        }
        position = start + Int(head.count) * stride
        return Column(
            start: (bytes.baseAddress! + start).assumingMemoryBound(to: Element.self), count: Int(head.count))
    }

    /// Reads the next column as a text. Invalid UTF-8 is replaced.
    public mutating func readText() throws(MalformedColumns) -> String {
        String(decoding: try read(UInt8.self).buffer, as: UTF8.self)
    }

    /// Reads the next two columns as texts.
    public mutating func readTexts() throws(MalformedColumns) -> [String] {
        let texts = try readTextColumn()
        return (0..<texts.count).map { texts[$0] }
    }

    /// Reads the next two columns as texts that are not copied.
    public mutating func readTextColumn() throws(MalformedColumns) -> TextColumn {
        let column = TextColumn(bytes: try read(UInt8.self), ends: try read(UInt64.self))
        var start: UInt64 = 0
        for end in column.ends.buffer {
            guard end <= UInt64(column.bytes.count), end >= start else {
                throw MalformedColumns("the end of a text is out of range")
            }
            start = end
        }
        return column
    }

    /// Reads the next column, which must have one element, and returns it.
    public mutating func readOne<Element: BitwiseCopyable>(
        _ type: Element.Type = Element.self
    ) throws(MalformedColumns) -> Element {
        let column = try read(type)
        guard column.count == 1 else { throw MalformedColumns("a column does not have exactly one element") }
        return column[0]
    }

    /// The address of the first column.
    public var start: UnsafeRawPointer { bytes.baseAddress! }

    /// The number of bytes of all columns.
    public var count: Int { bytes.count }

    /// Whether all columns have been read.
    public var isAtEnd: Bool { position == bytes.count }
}
