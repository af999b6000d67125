import DNS
import Platform

/// The ids by which pdns knows zones.
///
/// pdns keeps an id for as long as the SOA record that came with it, and asks with it whichever coprocess is next: that may
/// have another configuration already. So an id may only lead to the zone that it was given for, where it matters at all:
/// where zones are below each other.
public struct ZoneIDs: Sendable {
    @usableFromInline let ids: Column<Int32>
    /// Positions of zones in the order of their ids.
    private let order: Column<Int32>

    /// Works out the ids of zones, by their positions.
    ///
    /// - Parameter areNested: whether a zone is below another; ids are then made of the apexes, and else are small numbers.
    static func ids(_ apexes: [DomainName], areNested: Bool) -> [Int32] {
        guard areNested else { return (0..<apexes.count).map { Int32($0 + 1) } }
        // Of two with the same hash the one with the lower key has it.
        let keys = apexes.map(\.key)
        var ids = [Int32](repeating: 0, count: apexes.count)
        var taken: Set<Int32> = []
        for zone in apexes.indices.sorted(by: { keys[$0].lexicographicallyPrecedes(keys[$1]) }) {
            // Above all that count zones from 1.
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

    /// The id of the zone at a position.
    @inlinable @inline(__always)
    public subscript(zone: Int) -> Int { Int(ids[zone]) }

    /// The position of the zone that has an id.
    @inlinable @inline(__always)
    public func zone(_ id: Int) -> Int? {
        // pdns mostly has not asked the zone before, and says so with -1.
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
