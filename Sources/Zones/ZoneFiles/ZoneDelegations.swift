import Platform

/// Which names of a zone are delegated to other servers (RFC 1034 section 4.2).
struct ZoneDelegations {
    private let cuts: [Cut]
    /// Whether any name is delegated.
    let hasAny: Bool

    /// Where a name lies towards the delegations of its zone.
    enum Cut {
        case above, at, below
    }

    init(_ contents: borrowing ZoneContents, _ groups: RecordGroups) {
        var cuts: [Cut] = []
        cuts.reserveCapacity(contents.names.count)
        // Most zones delegate nothing: then there is nothing to look for at each name.
        let mayDelegate = contents.records.contains { $0.type == .ns && $0.name != 0 }
        for name in 0..<contents.names.count {
            let parent = contents.names.parents[name]
            // A parent has the lower number.
            if parent < 0 {
                cuts.append(.above)
            } else if cuts[Int(parent)] != .above {
                cuts.append(.below)
            } else {
                cuts.append(mayDelegate && groups.has(.ns, at: name, in: contents) ? .at : .above)
            }
        }
        self.cuts = cuts
        hasAny = mayDelegate
    }

    subscript(name: Int) -> Cut { cuts[name] }
}
