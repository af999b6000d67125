import DNS
import Platform

/// The zone ids of the pipe protocol.
///
/// pdns caches an id together with the SOA record that it came with, and sends it to any of its coprocesses, which may
/// have another configuration by then. So an id must always refer to the same zone if it matters, which is the case if
/// one zone is below another.
public struct ZoneIDs: Sendable {
    @usableFromInline let ids: Column<Int32>
    /// The positions of zones, sorted by id.
    private let order: Column<Int32>

    /// Returns the ids of zones by position.
    ///
    /// - Parameter areNested: whether some zone is below another. If so, ids are hashes of the apexes; if not, they
    ///   are small numbers.
    static func ids(_ apexes: [DomainName], areNested: Bool) -> [Int32] {
        guard areNested else { return (0..<apexes.count).map { Int32($0 + 1) } }
        // If two apexes have the same hash, the one with the lower key gets it, whatever the order of the zones is.
        let keys = apexes.map(\.key)
        var ids = [Int32](repeating: 0, count: apexes.count)
        var taken: Set<Int32> = []
        for zone in apexes.indices.sorted(by: { keys[$0].lexicographicallyPrecedes(keys[$1]) }) {
            // 2^30 or more, which no count of zones reaches.
            let key = keys[zone]
            var id = Int32(nameHash(key.span) >> 2 | 1 << 30)
            while !taken.insert(id).inserted { id = id == .max ? 1 << 30 : id + 1 }
            ids[zone] = id
        }
        return ids
    }

    static func write(_ ids: [Int32], to columns: inout ColumnWriter) {
        columns.add(ids)
        columns.add(ids.indices.sorted { ids[$0] < ids[$1] }.map { Int32($0) })
    }

    init(from columns: inout ColumnReader, zoneCount: Int) throws(MalformedColumns) {
        ids = try columns.read()
        order = try columns.read()
        guard ids.count == zoneCount, order.count == zoneCount, order.buffer.allSatisfy({ 0..<zoneCount ~= Int($0) }),
            ids.buffer.allSatisfy({ $0 > 0 })
        else { throw MalformedColumns("the ids of zones do not fit the zones") }
    }

    /// Returns the id of the zone at a position.
    @inlinable @inline(__always)
    public subscript(zone: Int) -> Int { Int(ids[zone]) }

    /// Returns the position of the zone with an id; `nil` if there is none.
    @inlinable @inline(__always)
    public func zone(_ id: Int) -> Int? {
        // pdns usually does not know the zone yet, and sends -1.
        guard id > 0 else { return nil }
        if id <= ids.count, ids[id &- 1] == id { return id &- 1 }
        return search(id)
    }

    @usableFromInline
    func search(_ id: Int) -> Int? {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if ids[Int(order[middle])] < id { low = middle + 1 } else { high = middle }
        }
        guard low < order.count, ids[Int(order[low])] == id else { return nil }
        return Int(order[low])
    }
}
