import DNS
import Platform

/// The RRsets of a zone: its records sorted by name and then by type, without duplicates.
struct RRsets {
    /// The positions of the records in the zone's records.
    private(set) var order: [Int32]
    /// The start of each name's records in `order`; the last element is the end.
    private(set) var starts: [Int32]

    init(_ contents: borrowing ParsedZone) {
        // A counting sort, which keeps the records of each name in the order in which they were written.
        starts = Array(repeating: 0, count: contents.names.count + 1)
        for record in contents.records { starts[Int(record.name) + 1] += 1 }
        for i in starts.indices.dropFirst() { starts[i] += starts[i - 1] }
        var next = starts
        order = Array(repeating: 0, count: contents.records.count)
        for (position, record) in contents.records.enumerated() {
            order[Int(next[Int(record.name)])] = Int32(position)
            next[Int(record.name)] += 1
        }
        sortByTypeAndRemoveDuplicates(contents)
    }

    /// The positions of the records of a name, sorted by type.
    subscript(name: Int) -> ArraySlice<Int32> { order[Int(starts[name])..<Int(starts[name + 1])] }

    /// Whether a name has no records.
    func isEmpty(_ name: Int) -> Bool { starts[name] == starts[name + 1] }

    /// Whether a name has a record of `type`.
    func has(_ type: RecordType, at name: Int, in contents: borrowing ParsedZone) -> Bool {
        var low = Int(starts[name])
        let end = Int(starts[name + 1])
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if contents.records[Int(order[middle])].type.rank < type.rank { low = middle + 1 } else { high = middle }
        }
        return low < end && contents.records[Int(order[low])].type == type
    }

    private mutating func sortByTypeAndRemoveDuplicates(_ contents: borrowing ParsedZone) {
        var end = 0
        for name in 0..<contents.names.count {
            let range = Int(starts[name])..<Int(starts[name + 1])
            starts[name] = Int32(end)
            if range.count == 1 {
                order[end] = order[range.lowerBound]
                end += 1
            } else if range.count > 1 {
                // Records of one type keep their order, because positions ascend.
                let sorted = order[range].sorted {
                    (contents.records[Int($0)].type.rank, $0) < (contents.records[Int($1)].type.rank, $1)
                }
                var seen: Set<RecordIdentity> = []
                for (i, position) in sorted.enumerated() {
                    let record = contents.records[Int(position)]
                    let isAlone =
                        (i == 0 || contents.records[Int(sorted[i - 1])].type != record.type)
                        && (i + 1 == sorted.count || contents.records[Int(sorted[i + 1])].type != record.type)
                    guard isAlone || seen.insert(RecordIdentity(record, contents)).inserted else { continue }
                    order[end] = position
                    end += 1
                }
            }
        }
        starts[contents.names.count] = Int32(end)
        order.removeSubrange(end...)
    }
}

/// The identity of a record: two records of a name are duplicates if it is equal.
private struct RecordIdentity: Hashable {
    var type: RecordType
    var text: String

    init(_ record: ParsedZone.Entry, _ contents: borrowing ParsedZone) {
        type = record.type
        text = contents.string(of: record)
        // Names are compared without regard to case (RFC 4343).
        if type.holdsNames { text = text.lowercased() }
    }
}

extension RecordType {
    /// The sort key of a type among the records of a name: SOA comes first, as a zone transfer needs it (RFC 5936
    /// section 2.2).
    var rank: UInt16 { self == .soa ? 0 : rawValue }

    /// Whether the data of this type consists of names and numbers only.
    fileprivate var holdsNames: Bool { [.ns, .cname, .dname, .ptr, .mx, .srv, .soa].contains(self) }
}
