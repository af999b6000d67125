import Glibc

/// Numbers of one layout side by side in memory that something else keeps: a mapped image. Reading one allocates nothing and
/// counts no references.
public struct Column<Element: BitwiseCopyable>: @unchecked Sendable {
    public let start: UnsafePointer<Element>
    public let count: Int

    /// - Parameter start: stays valid, and unchanged, as long as the column is used.
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

    public var indices: Range<Int> { 0..<count }
    public var isEmpty: Bool { count == 0 }
    public var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: start, count: count) }
}

/// A column does not fit what it is read as.
public struct MalformedColumns: Error, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Lays columns one after the other, each aligned to 64 bytes and headed by the number and size of its elements, in memory that
/// grows as they come.
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

    public init() { bytes = .allocate(byteCount: 1 << 16, alignment: 64) }

    deinit { bytes.deallocate() }

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

    /// Appends a text's bytes in UTF-8.
    public mutating func add(_ text: String) { add(Array(text.utf8)) }

    private mutating func reserve(_ needed: Int) {
        guard needed > bytes.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(needed, bytes.count * 2), alignment: 64)
        memcpy(larger.baseAddress!, bytes.baseAddress!, count)
        memset(larger.baseAddress! + count, 0, larger.count - count)
        bytes.deallocate()
        bytes = larger
    }
}

/// Reads columns in the order in which they were written. Whatever the bytes are, it never reads outside of them.
public struct ColumnReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// - Parameter bytes: begin at a multiple of 64, and stay valid as long as the columns are used.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

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

    /// Whether all columns have been read.
    public var isAtEnd: Bool { position == bytes.count }
}
