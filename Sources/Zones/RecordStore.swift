/// Records as they are written into answers: all of a line but its beginning and the owner, ready to be copied.
public struct RecordStore: Sendable {
    private var entries: [Entry] = []
    private var bytes: [UInt8] = []

    private struct Entry {
        var offset: Int
        var length: UInt32
        var type: RecordType
        var isAuthoritative: Bool
    }

    /// Positions of records that belong together.
    public typealias Positions = Range<Int32>

    public init() {}

    /// Where the next record will be.
    var end: Int32 { Int32(entries.count) }

    /// Adds a record of the zone that pdns knows by `zoneID`.
    ///
    /// - Parameter isAuthoritative: false for delegations and glue, which a signer must leave alone.
    mutating func append(type: RecordType, ttl: UInt32, zoneID: Int, content: RecordContent, isAuthoritative: Bool) {
        let line = "\tIN\t\(type)\t\(ttl)\t\(zoneID)\t\(content.text)\n"
        entries.append(
            Entry(offset: bytes.count, length: UInt32(line.utf8.count), type: type, isAuthoritative: isAuthoritative))
        bytes.append(contentsOf: line.utf8)
    }

    /// Calls `body` for the records at `positions` that are of `type`, or for all if that is `any`.
    @inline(__always)
    public func forEach(
        _ positions: Positions, type: RecordType,
        _ body: (_ line: Span<UInt8>, _ type: RecordType, _ isAuthoritative: Bool) -> Void
    ) {
        let entries = entries.span
        for position in positions {
            let entry = entries[Int(position)]
            guard entry.type == type || type == .any else { continue }
            body(
                bytes.span.extracting(entry.offset..<(entry.offset + Int(entry.length))), entry.type,
                entry.isAuthoritative)
        }
    }
}
