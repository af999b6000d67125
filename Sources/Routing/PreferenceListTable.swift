import Geography
import Platform

/// The preference lists of a map: a view of columns that `write` wrote. Reading a list allocates nothing.
public struct PreferenceListTable: Sendable {
    /// The start of each list's tiers; the last element is the end.
    @usableFromInline let tierStarts: Column<UInt32>
    @usableFromInline let tiers: Column<Tier>
    /// The members of pools and of sets that are sorted by distance.
    let members: Column<Member>
    let pools: Column<Pool>
    let distances: Column<Distance>
    let datacenters: Column<DatacenterProperties>

    /// A tier in 32 bits: a single datacenter, as most are, or the position of a pool or of a `Distance`. The last tier
    /// of a list may say instead over which pool, or that over all datacenters, clients are spread.
    @usableFromInline
    struct Tier: BitwiseCopyable {
        @usableFromInline var bits: UInt32

        init(datacenter: Datacenter) { bits = UInt32(datacenter) }
        init(pool: Int) { bits = 1 << 31 | UInt32(pool) }
        init(distance: Int) { bits = 3 << 30 | UInt32(distance) }
        init(spreadOver pool: Int) { bits = 7 << 29 | UInt32(pool) }

        /// Stands for all datacenters instead of the position of a pool.
        static var everything: Int { Int(UInt32.max >> 3) }

        @usableFromInline
        enum Kind {
            /// A single datacenter.
            case datacenter(Datacenter)
            /// The position of a pool in `pools`.
            case pool(Int)
            /// The position of an order by distance in `distances`.
            case distance(Int)
            /// The position of a pool, or `everything`.
            case spread(Int)
        }

        /// The datacenter if the tier is a single one; otherwise `nil`. Cheaper than `kind`.
        @inlinable @inline(__always) var datacenter: Datacenter? { bits >> 31 == 0 ? Int(bits) : nil }

        @inlinable @inline(__always) var kind: Kind {
            switch bits >> 29 {
            case 0...3: .datacenter(Int(bits))
            case 4, 5: .pool(Int(bits & (.max >> 2)))
            case 6: .distance(Int(bits & (.max >> 3)))
            default: .spread(Int(bits & (.max >> 3)))
            }
        }
    }

    struct Member: BitwiseCopyable {
        var datacenter: UInt32
        var weight: UInt32
        /// The sum of the weights up to and including this one.
        var cumulativeWeight: UInt64
    }

    /// A range of `members`.
    struct Pool: BitwiseCopyable {
        var firstMember: UInt32
        var memberCount: UInt32

        var range: Range<Int> { Int(firstMember)..<(Int(firstMember) + Int(memberCount)) }
    }

    /// A large set whose nearest members are in the tiers before; see `PreferenceList.DistanceTail`.
    struct Distance: BitwiseCopyable {
        var client: UnitVector
        var set: Pool
        var skipped: UInt32
        var limit: UInt32
    }

    /// The number of lists.
    public var count: Int { tierStarts.count - 1 }

    /// Reads the lists of a map, and checks all positions in them.
    ///
    /// - Parameter datacenters: all datacenters.
    init(from reader: inout ColumnReader, datacenters: Column<DatacenterProperties>) throws(MalformedColumns) {
        tierStarts = try reader.read()
        tiers = try reader.read()
        members = try reader.read()
        pools = try reader.read()
        distances = try reader.read()
        self.datacenters = datacenters
        let (members, pools, distances) = (members, pools, distances)
        func isSound(_ pool: Pool) -> Bool { pool.memberCount > 0 && pool.range.upperBound <= members.count }
        guard !tierStarts.isEmpty, tierStarts[0] == 0, tierStarts[tierStarts.count - 1] == tiers.count,
            zip(tierStarts.buffer, tierStarts.buffer.dropFirst()).allSatisfy({ $0 <= $1 }),
            members.buffer.allSatisfy({ $0.datacenter < datacenters.count }), pools.buffer.allSatisfy(isSound),
            distances.buffer.allSatisfy({ isSound($0.set) && $0.skipped <= PreferenceList.eagerNearestCount })
        else { throw MalformedColumns("preference lists are damaged") }
        let isSound = tiers.buffer.allSatisfy { tier in
            switch tier.kind {
            case .datacenter(let datacenter): datacenter < datacenters.count
            case .pool(let pool): pool < pools.count
            case .distance(let distance): distance < distances.count
            case .spread(let pool): pool < pools.count || pool == Tier.everything
            }
        }
        guard datacenters.buffer.allSatisfy({ DatacenterProperties.capacities.contains($0.capacity) }) else {
            throw MalformedColumns("the capacity of a datacenter is out of range")
        }
        guard isSound else { throw MalformedColumns("a preference list has a datacenter that does not exist") }
    }

    /// Writes lists. They refer to the datacenters that are passed to `init`.
    static func write(_ lists: [PreferenceList], to writer: inout ColumnWriter) {
        var tierStarts: [UInt32] = [0]
        var tiers: [Tier] = []
        var members: [Member] = []
        var pools: [Pool] = []
        var distances: [Distance] = []
        var known: [[Share]: Pool] = [:]
        func pool(_ shares: [Share]) -> Pool {
            if let pool = known[shares] { return pool }
            let pool = Pool(firstMember: UInt32(members.count), memberCount: UInt32(shares.count))
            known[shares] = pool
            var sum: UInt64 = 0
            for share in shares {
                sum += UInt64(share.weight)
                members.append(
                    Member(datacenter: UInt32(share.datacenter), weight: share.weight, cumulativeWeight: sum))
            }
            return pool
        }
        var rest: (datacenters: [Datacenter], pool: Pool)?
        for list in lists {
            for tier in list.tiers {
                switch tier {
                case .shares(let shares) where shares.count == 1:
                    tiers.append(Tier(datacenter: shares[0].datacenter))
                case .shares(let shares):
                    tiers.append(Tier(pool: pools.count))
                    pools.append(pool(shares))
                case .distanceTail(let tail):
                    // Consecutive lists usually have the same set, and hashing a large set takes time.
                    if rest?.datacenters != tail.datacenters {
                        rest = (tail.datacenters, pool(tail.datacenters.map { Share($0) }))
                    }
                    tiers.append(Tier(distance: distances.count))
                    distances.append(
                        Distance(
                            client: tail.client, set: rest!.pool, skipped: UInt32(tail.skipped),
                            limit: UInt32(tail.limit)))
                }
            }
            switch list.spread {
            case .all:
                tiers.append(Tier(spreadOver: Tier.everything))
            case .group(let group):
                tiers.append(Tier(spreadOver: pools.count))
                pools.append(pool(group.map { Share($0) }))
            case nil: break
            }
            tierStarts.append(UInt32(tiers.count))
        }
        writer.add(tierStarts)
        writer.add(tiers)
        writer.add(members)
        writer.add(pools)
        writer.add(distances)
    }

    /// Returns the location of a datacenter; `nil` if it has none.
    public func location(of datacenter: Datacenter) -> UnitVector? { datacenters[datacenter].location }

    /// Returns the only datacenter of a list's first tier; `nil` if there are more, or none.
    @inlinable @inline(__always)
    public func onlyFirst(_ list: UInt32) -> Datacenter? {
        let range = range(of: list)
        return range.isEmpty ? nil : tiers[range.lowerBound].datacenter
    }

    /// Returns the positions of a list's tiers.
    @inlinable @inline(__always)
    func range(of list: UInt32) -> Range<Int> {
        Range(uncheckedBounds: (Int(tierStarts[Int(list)]), Int(tierStarts[Int(list) &+ 1])))
    }

    /// Whether the clients of a list are spread if a datacenter that they would get is not available.
    public func spreads(_ list: UInt32) -> Bool {
        guard let last = range(of: list).last, case .spread = tiers[last].kind else { return false }
        return true
    }

    /// Returns the datacenters that a list spreads clients over; `nil` for all, and also if it does not spread.
    public func spreadGroup(of list: UInt32) -> [Datacenter]? {
        guard let last = range(of: list).last, case .spread(let pool) = tiers[last].kind, pool != Tier.everything else {
            return nil
        }
        return pools[pool].range.map { Int(members[$0].datacenter) }
    }

    /// Returns all tiers of a list.
    public func tiers(of list: UInt32) -> [[Share]] {
        var result: [[Share]] = []
        for position in range(of: list) {
            switch tiers[position].kind {
            case .datacenter(let datacenter):
                result.append([Share(datacenter)])
            case .pool(let pool):
                result.append(
                    pools[pool].range.map { Share(Int(members[$0].datacenter), weight: members[$0].weight) })
            case .distance(let distance):
                _ = forEachInDistanceTail(distances[distance], .all) {
                    result.append([Share($0)])
                    return true
                }
            case .spread: break
            }
        }
        return result
    }

    /// Why a datacenter was chosen.
    public enum Reason: Sendable {
        /// By its position in the list.
        case listed
        /// By a draw in this tier or one before.
        case drawn
        /// By the draw of the client's network, because this datacenter is not available.
        case spread(from: Datacenter)
    }

    /// Calls `body` with the available datacenters of a list in the order of preference, as long as it returns true.
    public func forEachChoice(
        _ list: UInt32, _ draw: RendezvousDraw, _ availability: Availability,
        _ body: (_ datacenter: Datacenter, _ reason: Reason) -> Bool
    ) {
        var reason = Reason.listed
        for position in range(of: list) {
            switch tiers[position].kind {
            case .datacenter(let datacenter):
                guard availability.contains(datacenter) else { continue }
                guard body(datacenter, reason) else { return }
            case .pool(let pool):
                reason = .drawn
                guard forEachMember(pools[pool].range, draw, availability, { body($0, .drawn) }) else { return }
            case .distance(let distance):
                guard forEachInDistanceTail(distances[distance], availability, { body($0, reason) }) else { return }
            case .spread: break
            }
        }
    }

    /// Does the same as `forEachChoice` until a datacenter of the list is not available.
    ///
    /// Then it goes on with the datacenters that the list spreads over, in the order of their scores by capacity. So
    /// only the clients of the datacenter that fails move, and if another one fails later, they stay where they are.
    /// The rest of the list comes last.
    ///
    /// - Parameters:
    ///   - list: a list that spreads.
    ///   - spreading: the draw of the client's network.
    ///   - canAnswer: whether clients may be spread to a datacenter.
    ///   - isPassed: whether to skip an unavailable datacenter without spreading: it has no answer here, but has not
    ///     failed.
    ///   - body: may be called for the same datacenter more than once.
    public func forEachSpreadChoice(
        _ list: UInt32, _ draw: RendezvousDraw, spreading: RendezvousDraw, _ availability: Availability,
        canAnswer: (Datacenter) -> Bool, isPassed: (Datacenter) -> Bool = { _ in false },
        _ body: (_ datacenter: Datacenter, _ reason: Reason) -> Bool
    ) {
        guard let end = range(of: list).last, case .spread(let pool) = tiers[end].kind else { return }
        var away: Datacenter?
        forEachChoice(list, draw, .all) { datacenter, reason in
            guard availability.contains(datacenter) else {
                if isPassed(datacenter) { return true }
                away = datacenter
                return false
            }
            return body(datacenter, reason)
        }
        guard let away else { return }
        let isOverAll = pool == Tier.everything
        let candidates = isOverAll ? 0..<datacenters.count : pools[pool].range
        var isSpread = false
        var last = -Double.infinity
        while true {
            var best: (score: Double, datacenter: Datacenter)?
            for position in candidates {
                let datacenter = isOverAll ? position : Int(members[position].datacenter)
                guard availability.contains(datacenter), canAnswer(datacenter) else { continue }
                let site = datacenters[datacenter]
                let score = spreading.score(site.identity, rate: site.capacity)
                guard score > last, score < best?.score ?? .infinity else { continue }
                best = (score, datacenter)
            }
            guard let best else { break }
            isSpread = true
            guard body(best.datacenter, .spread(from: away)) else { return }
            last = best.score
        }
        forEachChoice(list, draw, availability) { body($0, isSpread ? .spread(from: away) : $1) }
    }

    /// Calls `body` with the available members of a pool in the order of their scores. Each call takes one pass over
    /// the pool.
    private func forEachMember(
        _ range: Range<Int>, _ draw: RendezvousDraw, _ availability: Availability, _ body: (Datacenter) -> Bool
    ) -> Bool {
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

    /// Draws one member by weight without a pass over the pool; `nil` if four attempts have drawn unavailable ones.
    private func firstMember(in range: Range<Int>, _ draw: RendezvousDraw, _ availability: Availability) -> Datacenter?
    {
        let total = members[range.upperBound - 1].cumulativeWeight
        for attempt in 0..<4 {
            let drawn = draw.number(below: total, attempt: UInt64(attempt))
            // Find the first member whose cumulative weight is above the number.
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

    /// The distance of a member from the client, and its position: of equally distant members the one that is listed
    /// first counts as nearer.
    private typealias Rank = (chord: Double, position: Int)

    private func rank(_ position: Int, _ client: UnitVector) -> Rank {
        (client.squaredChord(to: datacenters[Int(members[position].datacenter)].vector), position)
    }

    /// Returns the nearest wanted member that is farther away than `rank`.
    private func nearest(
        after rank: Rank, _ distance: Distance, _ isWanted: (_ datacenter: Datacenter) -> Bool
    ) -> Rank? {
        var best: Rank?
        for position in distance.set.range where isWanted(Int(members[position].datacenter)) {
            let candidate = self.rank(position, distance.client)
            guard candidate > rank, best.map({ candidate < $0 }) ?? true else { continue }
            best = candidate
        }
        return best
    }

    /// Calls `body` with the available members of a large set after its nearest ones: by distance up to the limit,
    /// then as listed.
    ///
    /// The cost does not depend on the number of unavailable members.
    private func forEachInDistanceTail(
        _ distance: Distance, _ availability: Availability, _ body: (Datacenter) -> Bool
    ) -> Bool {
        let set = distance.set.range
        // Members up to this rank are done.
        var last: Rank = (-.infinity, -1)
        for _ in 0..<distance.skipped {
            guard let next = nearest(after: last, distance, { _ in true }) else { return true }
            last = next
        }
        while let next = nearest(after: last, distance, availability.contains) {
            if distance.limit < set.count {
                let nearer = set.reduce(0) { $0 + (rank($1, distance.client) < next ? 1 : 0) }
                guard nearer < distance.limit else { break }
            }
            guard body(Int(members[next.position].datacenter)) else { return false }
            last = next
        }
        guard distance.limit < set.count else { return true }
        for position in set where availability.contains(Int(members[position].datacenter)) {
            guard rank(position, distance.client) > last else { continue }
            guard body(Int(members[position].datacenter)) else { return false }
        }
        return true
    }
}
