/// Records as they are written into answers, ready to be copied: what a line has between the owner and the zone's id, and
/// what it has behind that.
public struct RecordStore: Sendable {
    private var entries: [Entry] = []
    private var bytes: [UInt8] = []

    private struct Entry {
        var offset: Int
        var length: UInt32
        var type: RecordType
        var headLength: UInt8
    }

    /// Positions of records that belong together.
    public typealias Positions = Range<Int32>

    public init() {}

    /// Where the next record will be.
    var end: Int32 { Int32(entries.count) }

    mutating func append(type: RecordType, ttl: UInt32, content: RecordContent) {
        let head = lineHead(type, ttl)
        let text = Array("\(content.text)\n".utf8)
        entries.append(
            Entry(
                offset: bytes.count, length: UInt32(head.count + text.count), type: type, headLength: UInt8(head.count))
        )
        bytes += head + text
    }

    /// Calls `body` for the records at `positions` that are of `type`, or for all if that is `any`.
    @inline(__always)
    public func forEach(
        _ positions: Positions, type: RecordType,
        _ body: (_ head: Span<UInt8>, _ text: Span<UInt8>, _ type: RecordType) -> Void
    ) {
        let entries = entries.span
        for position in positions {
            let entry = entries[Int(position)]
            guard entry.type == type || type == .any else { continue }
            let middle = entry.offset + Int(entry.headLength)
            body(
                bytes.span.extracting(entry.offset..<middle),
                bytes.span.extracting(middle..<(entry.offset + Int(entry.length))), entry.type)
        }
    }
}

/// What a line has between the owner and the zone's id.
func lineHead(_ type: RecordType, _ ttl: UInt32) -> [UInt8] { Array("\tIN\t\(type)\t\(ttl)\t".utf8) }
