/// Columns that were written by this process for itself, as long as something holds on to them.
public final class ColumnMemory: Sendable {
    private let column: Column<UInt8>

    /// Keeps what `write` writes.
    public init(_ write: (inout ColumnWriter) -> Void) {
        var writer = ColumnWriter()
        write(&writer)
        let memory = writer.finish()
        column = Column(start: memory.baseAddress!.assumingMemoryBound(to: UInt8.self), count: memory.count)
    }

    deinit { PageMemory.free(UnsafeMutableRawBufferPointer(mutating: bytes)) }

    /// All bytes, valid as long as this is.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(column.buffer) }
    /// Reads the columns, which are valid as long as this is.
    public var reader: ColumnReader { ColumnReader(bytes) }
}
