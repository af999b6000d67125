import Geography

/// The preference lists of a map, laid out so that one is read without allocating.
public struct ListTable: Sendable {
    /// Where the tiers of each list begin; one list's end where the next one's begin.
    private var tierStarts: [Int32] = [0]
    private var tiers: [Tier] = []
    private var members: [Member] = []
    private var farther: [FartherTier] = []
    private let datacenters: [Site]

    private struct Tier {
        /// Positions in `members`; empty if `farther` says the rest.
        var firstMember: Int32
        var memberCount: Int32
        /// A position in `farther`, or -1.
        var farther: Int32
    }

    private struct Member {
        var datacenter: Int32
        var weight: UInt32
        /// The sum of the weights up to this one, which included.
        var cumulativeWeight: UInt64
    }

    private struct FartherTier {
        var client: Direction
        var firstMember: Int32
        var memberCount: Int32
        var skipped: Int32
        var limit: Int32
    }

    /// A datacenter, as far as choosing needs to know it.
    public struct Site: Sendable {
        /// The same for a name, wherever it stands; see `identity(of:)`.
        public var identity: UInt64
        public var location: Direction?

        public init(identity: UInt64, location: Direction?) {
            self.identity = identity
            self.location = location
        }
    }

    init(_ lists: [PreferenceList], datacenters: [Site]) {
        self.datacenters = datacenters
        var sets: [[Datacenter]: Int32] = [:]
        for list in lists {
            for tier in list.tiers {
                switch tier {
                case .shares(let shares):
                    tiers.append(
                        Tier(firstMember: Int32(members.count), memberCount: Int32(shares.count), farther: -1))
                    append(shares)
                case .farther(let rest):
                    let first = sets[rest.datacenters] ?? Int32(members.count)
                    if first == Int32(members.count) {
                        sets[rest.datacenters] = first
                        append(rest.datacenters.map { Share($0) })
                    }
                    tiers.append(
                        Tier(firstMember: 0, memberCount: 0, farther: Int32(farther.count)))
                    farther.append(
                        FartherTier(
                            client: rest.client, firstMember: first, memberCount: Int32(rest.datacenters.count),
                            skipped: Int32(rest.skipped), limit: Int32(rest.limit)))
                }
            }
            tierStarts.append(Int32(tiers.count))
        }
    }

    private mutating func append(_ shares: [Share]) {
        var sum: UInt64 = 0
        for share in shares {
            sum += UInt64(share.weight)
            members.append(Member(datacenter: Int32(share.datacenter), weight: share.weight, cumulativeWeight: sum))
        }
    }

    /// The tiers of a list, all of them.
    public func tiers(of list: UInt32) -> [[Share]] {
        var result: [[Share]] = []
        for tier in tiers[Int(tierStarts[Int(list)])..<Int(tierStarts[Int(list) + 1])] {
            if tier.farther >= 0 {
                _ = forEachFarther(farther[Int(tier.farther)], .all) {
                    result.append([Share($0)])
                    return true
                }
            } else {
                let range = Int(tier.firstMember)..<Int(tier.firstMember + tier.memberCount)
                result.append(members[range].map { Share(Int($0.datacenter), weight: $0.weight) })
            }
        }
        return result
    }

    /// Calls `body` for the available datacenters of a list, the first choice first, for as long as it says to go on.
    ///
    /// - Parameter drawn: whether chance had a part in what `body` was called for, up to then.
    public func forEachChoice(
        _ list: UInt32, _ draw: Draw, _ availability: Availability,
        _ body: (_ datacenter: Datacenter, _ drawn: Bool) -> Bool
    ) {
        var drawn = false
        for position in Int(tierStarts[Int(list)])..<Int(tierStarts[Int(list) + 1]) {
            let tier = tiers[position]
            if tier.memberCount == 1 {
                let datacenter = Int(members[Int(tier.firstMember)].datacenter)
                guard availability.contains(datacenter) else { continue }
                guard body(datacenter, drawn) else { return }
            } else if tier.farther >= 0 {
                guard forEachFarther(farther[Int(tier.farther)], availability, { body($0, drawn) }) else { return }
            } else {
                drawn = true
                guard forEachMember(tier, draw, availability, { body($0, true) }) else { return }
            }
        }
    }

    /// The members of a tier in the order of their scores.
    private func forEachMember(
        _ tier: Tier, _ draw: Draw, _ availability: Availability, _ body: (Datacenter) -> Bool
    ) -> Bool {
        let range = Int(tier.firstMember)..<Int(tier.firstMember + tier.memberCount)
        let first = draw.isStable ? nil : firstMember(in: range, draw, availability)
        if let first, !body(first) { return false }
        var last = -Double.infinity
        while true {
            var best: (score: Double, datacenter: Datacenter)?
            for position in range {
                let member = members[position]
                let datacenter = Int(member.datacenter)
                guard datacenter != first, availability.contains(datacenter) else { continue }
                let score = draw.score(datacenters[datacenter].identity, weight: member.weight)
                guard score > last, score < best?.score ?? .infinity else { continue }
                best = (score, datacenter)
            }
            guard let best else { return true }
            guard body(best.datacenter) else { return false }
            last = best.score
        }
    }

    /// One by weight, without looking at all; `nil` if luck led to some that are not available.
    private func firstMember(in range: Range<Int>, _ draw: Draw, _ availability: Availability) -> Datacenter? {
        let total = members[range.upperBound - 1].cumulativeWeight
        for attempt in 0..<4 {
            let drawn = draw.number(below: total, attempt: UInt64(attempt))
            // The first member whose cumulative weight is above.
            var (low, high) = (range.lowerBound, range.upperBound - 1)
            while low < high {
                let middle = (low + high) / 2
                if members[middle].cumulativeWeight > drawn { high = middle } else { low = middle + 1 }
            }
            let datacenter = Int(members[low].datacenter)
            if availability.contains(datacenter) { return datacenter }
        }
        return nil
    }

    /// The members of a large set behind its nearest ones: by distance up to its limit, then as listed.
    private func forEachFarther(
        _ tier: FartherTier, _ availability: Availability, _ body: (Datacenter) -> Bool
    ) -> Bool {
        let range = Int(tier.firstMember)..<Int(tier.firstMember + tier.memberCount)
        // Who is nearer than this, or as near and listed before it, has had its turn.
        var last = (chord: -Double.infinity, position: -1)
        for rank in 0..<tier.limit {
            var next: (chord: Double, position: Int)?
            for position in range {
                let chord = tier.client.squaredChord(to: datacenters[Int(members[position].datacenter)].location!)
                guard (chord, position) > last, next.map({ (chord, position) < $0 }) ?? true else { continue }
                next = (chord, position)
            }
            guard let next else { return true }
            last = next
            let datacenter = Int(members[next.position].datacenter)
            if rank >= tier.skipped, availability.contains(datacenter), !body(datacenter) { return false }
        }
        for position in range {
            let datacenter = Int(members[position].datacenter)
            let chord = tier.client.squaredChord(to: datacenters[datacenter].location!)
            guard (chord, position) > last, availability.contains(datacenter) else { continue }
            guard body(datacenter) else { return false }
        }
        return true
    }
}
