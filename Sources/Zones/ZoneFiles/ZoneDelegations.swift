import Platform

/// The zone cuts of a zone: which of its names are delegated to other servers (RFC 1034 section 4.2).
struct ZoneDelegations {
    private let cuts: [Cut]
    /// Whether any name is delegated.
    let hasAny: Bool

    /// The position of a name relative to the zone cuts.
    enum Cut {
        /// No zone cut is at or above the name.
        case authoritative
        /// The name is a delegation point.
        case delegationPoint
        /// The name is below a delegation point.
        case occluded
    }

    init(_ contents: borrowing ParsedZone, _ rrsets: RRsets) {
        var cuts: [Cut] = []
        cuts.reserveCapacity(contents.names.count)
        // Most zones have no delegations, and need no look-up at each name.
        let mayDelegate = contents.records.contains { $0.type == .ns && $0.name != 0 }
        for name in 0..<contents.names.count {
            let parent = contents.names.parents[name]
            // A parent has a lower number, so its entry is there.
            if parent < 0 {
                cuts.append(.authoritative)
            } else if cuts[Int(parent)] != .authoritative {
                cuts.append(.occluded)
            } else {
                cuts.append(mayDelegate && rrsets.has(.ns, at: name, in: contents) ? .delegationPoint : .authoritative)
            }
        }
        self.cuts = cuts
        hasAny = mayDelegate
    }

    subscript(name: Int) -> Cut { cuts[name] }
}
