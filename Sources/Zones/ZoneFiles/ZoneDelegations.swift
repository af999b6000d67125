import Platform

/// Which names of a zone are delegated to other servers (RFC 1034 section 4.2).
struct ZoneDelegations {
    private let cuts: [Cut]

    /// Where a name lies towards the delegations of its zone.
    enum Cut {
        case above, at, below
    }

    init(_ contents: borrowing ZoneContents, _ groups: RecordGroups) {
        var cuts: [Cut] = []
        for name in 0..<contents.names.count {
            let parent = contents.names.parents[name]
            // A parent has the lower number.
            if parent < 0 {
                cuts.append(.above)
            } else if cuts[Int(parent)] != .above {
                cuts.append(.below)
            } else {
                cuts.append(groups.has(.ns, at: name, in: contents) ? .at : .above)
            }
        }
        self.cuts = cuts
    }

    subscript(name: Int) -> Cut { cuts[name] }
}
