extension ListTable {
    /// The part of the clients of a list that each datacenter gets while all are available; empty if they get no answer.
    ///
    /// - Parameter count: how many datacenters an answer is from, at least 1. Each of them counts for the same part.
    /// - Returns: the parts, whose sum is 1, by datacenter.
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

    /// The part of the clients of a list that each datacenter gets while one is away; empty if they get no answer.
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
            // Its clients draw among those that are left of its tier, or go to the first tier that has any.
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

    /// Whether every answer that clients of a list get has one of some datacenters, while all are available.
    ///
    /// - Parameters:
    ///   - count: how many datacenters an answer is from, at least 1.
    ///   - isWanted: tells whether a datacenter is one of them.
    public func alwaysAnswers(
        _ list: UInt32, datacentersInAnswer count: Int, with isWanted: (Datacenter) -> Bool
    ) -> Bool {
        var seen: Set<Datacenter> = []
        var left = count
        for tier in count == 1 ? firstTier(of: list) : tiers(of: list) where left > 0 {
            let new = tier.map(\.datacenter).filter { seen.insert($0).inserted }
            let taken = min(left, new.count)
            // Otherwise the others can fill the places that this tier has in an answer.
            if new.count(where: { !isWanted($0) }) < taken { return true }
            left -= taken
        }
        return false
    }

    /// The first tier of a list, in an array that is empty if the list is.
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

    /// Whether a list of this table is the same as a list of another, whatever is available.
    ///
    /// - Parameter isSame: whether a datacenter of this table is that one of the other.
    public func isEqual(
        _ list: UInt32, _ otherList: UInt32, of other: ListTable, _ isSame: (Datacenter, Datacenter) -> Bool
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
        // Members are in the order of their numbers, and a datacenter may have another number there.
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
