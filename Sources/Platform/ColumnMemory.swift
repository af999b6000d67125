/// Columns that were written by this process for itself, as long as something holds on to them.
public final class ColumnMemory: Sendable {
    private let column: Column<UInt8>

    /// Keeps what `write` writes.
    public init(_ write: (inout ColumnWriter) -> Void) {
        var writer = ColumnWriter()
        write(&writer)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: writer.count, alignment: 64)
        copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: writer.bytes[..<writer.count]))
        column = Column(start: copy.baseAddress!.assumingMemoryBound(to: UInt8.self), count: writer.count)
    }

    deinit { column.start.deallocate() }

    /// All bytes, valid as long as this is.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(column.buffer) }
    /// Reads the columns, which are valid as long as this is.
    public var reader: ColumnReader { ColumnReader(bytes) }
}
