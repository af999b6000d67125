/// What one service answers with in one zone, compiled: the records of every datacenter.
public struct ServiceAnswers: Sendable {
    /// The records of each datacenter, by its number; empty for one that the service is not in.
    private var positions: [RecordStore.Positions] = []

    /// - Parameters:
    ///   - records: the records of each datacenter, by its number.
    ///   - zoneID: the zone's id in the protocol.
    public init(
        _ records: [[(type: RecordType, content: RecordContent)]], ttl: UInt32, zoneID: Int, store: inout RecordStore
    ) {
        for datacenter in records {
            let start = store.end
            for record in datacenter {
                store.append(
                    type: record.type, ttl: ttl, zoneID: zoneID, content: record.content, isAuthoritative: true)
            }
            positions.append(start..<store.end)
        }
    }

    /// Where the records of a datacenter are.
    public subscript(datacenter: Int) -> RecordStore.Positions { positions[datacenter] }
}
