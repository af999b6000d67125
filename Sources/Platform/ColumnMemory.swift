/// Columns in private memory of this process, which is freed with this object.
public final class ColumnMemory: Sendable {
    private let column: Column<UInt8>

    /// Keeps the columns that `write` writes.
    public init(_ write: (inout ColumnWriter) -> Void) {
        var writer = ColumnWriter()
        write(&writer)
        let memory = writer.finish()
        column = Column(start: memory.baseAddress!.assumingMemoryBound(to: UInt8.self), count: memory.count)
    }

    deinit { PageMemory.free(UnsafeMutableRawBufferPointer(mutating: bytes)) }

    /// The bytes of all columns, valid as long as this object.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(column.buffer) }
    /// A reader of the columns, which are valid as long as this object.
    public var reader: ColumnReader { ColumnReader(bytes) }
}
