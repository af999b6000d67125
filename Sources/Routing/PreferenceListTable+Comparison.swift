extension PreferenceListTable {
    /// Returns the part of a list's clients that each datacenter gets while all are available; empty if they get no
    /// answer.
    ///
    /// - Parameter count: the number of datacenters in an answer, at least 1. Each of them counts for the same part.
    /// - Returns: the part of each datacenter. The sum is 1.
    public func parts(of list: UInt32, datacentersInAnswer count: Int = 1) -> [Datacenter: Double] {
        var parts: [Datacenter: Double] = [:]
        var left = count
        for tier in count == 1 ? firstTier(of: list) : tiers(of: list) where left > 0 {
            let new = tier.filter { parts[$0.datacenter] == nil }
            let taken = min(left, new.count)
            let sum = new.reduce(0.0) { $0 + Double($1.weight) }
            for share in new {
                parts[share.datacenter] = new.count <= left ? 1 : Double(taken) * Double(share.weight) / sum
            }
            left -= taken
        }
        return parts.mapValues { $0 / Double(count - left) }
    }

    /// Returns the part of a list's clients that each datacenter gets while one is not available; empty if they get
    /// no answer.
    public func parts(
        of list: UInt32, datacentersInAnswer count: Int = 1, without away: Datacenter
    ) -> [Datacenter: Double] {
        let usual = parts(of: list, datacentersInAnswer: count)
        guard let lost = usual[away] else { return usual }
        var parts = usual.filter { $0.key != away }
        var heirs: [Datacenter: Double] = [:]
        if spreads(list) {
            for datacenter in spreadGroup(of: list) ?? Array(0..<datacenters.count) {
                heirs[datacenter] = datacenters[datacenter].capacity
            }
        } else {
            // Its clients draw among the others of its tier; if there are none, they go to the next tier.
            let tiers = tiers(of: list).drop { tier in !tier.contains { $0.datacenter == away } }
            for tier in tiers where heirs.isEmpty {
                for share in tier where share.datacenter != away && (count == 1 || usual[share.datacenter] == nil) {
                    heirs[share.datacenter] = Double(share.weight)
                }
            }
        }
        heirs[away] = nil
        let sum = heirs.values.reduce(0, +)
        for (datacenter, weight) in heirs where sum > 0 { parts[datacenter, default: 0] += lost * weight / sum }
        return parts
    }

    /// Whether every answer for a list's clients includes at least one of some datacenters, while all are available.
    ///
    /// - Parameters:
    ///   - count: the number of datacenters in an answer, at least 1.
    ///   - isWanted: whether a datacenter is one of these.
    public func alwaysAnswers(
        _ list: UInt32, datacentersInAnswer count: Int, with isWanted: (Datacenter) -> Bool
    ) -> Bool {
        var seen: Set<Datacenter> = []
        var left = count
        for tier in count == 1 ? firstTier(of: list) : tiers(of: list) where left > 0 {
            let new = tier.map(\.datacenter).filter { seen.insert($0).inserted }
            let taken = min(left, new.count)
            // If there are too few others to fill the places that this tier has in an answer, a wanted one is always
            // among them.
            if new.count(where: { !isWanted($0) }) < taken { return true }
            left -= taken
        }
        return false
    }

    /// Returns an array of the first tier of a list; empty if the list is empty.
    private func firstTier(of list: UInt32) -> [[Share]] {
        guard let first = range(of: list).first else { return [] }
        switch tiers[first].kind {
        case .datacenter(let datacenter): return [[Share(datacenter)]]
        case .pool(let pool):
            return [pools[pool].range.map { Share(Int(members[$0].datacenter), weight: members[$0].weight) }]
        case .distance: return Array(tiers(of: list).prefix(1))
        case .spread: return []
        }
    }

    /// Whether a list of this table and a list of another send clients to the same datacenters in any state of
    /// availability.
    ///
    /// - Parameter isSame: whether a datacenter of this table and one of the other are the same.
    public func isEqual(
        _ list: UInt32, _ otherList: UInt32, of other: PreferenceListTable, _ isSame: (Datacenter, Datacenter) -> Bool
    ) -> Bool {
        let (mine, others) = (range(of: list), other.range(of: otherList))
        guard mine.count == others.count else { return false }
        func areEqual(_ one: Int, _ two: Int) -> Bool {
            members[one].weight == other.members[two].weight
                && isSame(Int(members[one].datacenter), Int(other.members[two].datacenter))
        }
        func areInOneOrder(_ one: Pool, _ two: Pool) -> Bool {
            one.memberCount == two.memberCount && zip(one.range, two.range).allSatisfy(areEqual)
        }
        // Members are sorted by number, and the same datacenter may have another number in the other table.
        func haveSameMembers(_ one: Pool, _ two: Pool) -> Bool {
            areInOneOrder(one, two)
                || one.memberCount == two.memberCount
                    && one.range.allSatisfy { one in two.range.contains { areEqual(one, $0) } }
        }
        return zip(mine, others).allSatisfy { one, two in
            switch (tiers[one].kind, other.tiers[two].kind) {
            case (.datacenter(let one), .datacenter(let two)): return isSame(one, two)
            case (.pool(let one), .pool(let two)): return haveSameMembers(pools[one], other.pools[two])
            case (.distance(let one), .distance(let two)):
                let (one, two) = (distances[one], other.distances[two])
                return one.client == two.client && one.skipped == two.skipped && one.limit == two.limit
                    && areInOneOrder(one.set, two.set)
                    && one.set.range.allSatisfy { location(of: Int(members[$0].datacenter)) != nil }
                    && zip(one.set.range, two.set.range).allSatisfy { one, two in
                        location(of: Int(members[one].datacenter))
                            == other.location(of: Int(other.members[two].datacenter))
                    }
            case (.spread(let one), .spread(let two)):
                guard one != Tier.everything, two != Tier.everything else { return one == two }
                return haveSameMembers(pools[one], other.pools[two])
            default: return false
            }
        }
    }
}
