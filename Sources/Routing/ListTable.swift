import Geography
import Platform

/// The preference lists of a map: a view of columns that `write` laid out, of which one is read without allocating.
public struct ListTable: Sendable {
    /// Where the tiers of each list begin; one list's end where the next one's begin.
    @usableFromInline let tierStarts: Column<UInt32>
    @usableFromInline let tiers: Column<Tier>
    /// What tiers of several datacenters, and sets of which the nearest are sought, are made of.
    let members: Column<Member>
    let pools: Column<Pool>
    let distances: Column<Distance>
    let datacenters: Column<Site>

    /// A datacenter that stands alone, as most do, or the position of a pool or of a `Distance`. As the last of a list,
    /// what a client's list is when a datacenter of it is not available: spread over a pool, or over all.
    @usableFromInline
    struct Tier: BitwiseCopyable {
        @usableFromInline var bits: UInt32

        init(datacenter: Datacenter) { bits = UInt32(datacenter) }
        init(pool: Int) { bits = 1 << 31 | UInt32(pool) }
        init(distance: Int) { bits = 3 << 30 | UInt32(distance) }
        init(spreadOver pool: Int) { bits = 7 << 29 | UInt32(pool) }

        /// Stands for all datacenters where the position of a pool is.
        static var everything: Int { Int(UInt32.max >> 3) }

        @usableFromInline
        enum Kind {
            case datacenter(Datacenter)
            case pool(Int)
            case distance(Int)
            /// A pool, or `everything`.
            case spread(Int)
        }

        /// The datacenter that stands alone here; `nil` if it is something else. Cheaper than `kind`.
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
        /// The sum of the weights up to and with this one.
        var cumulativeWeight: UInt64
    }

    /// Positions in `members`.
    struct Pool: BitwiseCopyable {
        var firstMember: UInt32
        var memberCount: UInt32

        var range: Range<Int> { Int(firstMember)..<(Int(firstMember) + Int(memberCount)) }
    }

    /// The rest of a set of which the nearest stand in the tiers before; see `PreferenceList.Farther`.
    struct Distance: BitwiseCopyable {
        var client: Direction
        var set: Pool
        var skipped: UInt32
        var limit: UInt32
    }

    /// The number of lists.
    public var count: Int { tierStarts.count - 1 }

    /// Reads the lists of a map, and checks all positions in them.
    ///
    /// - Parameter datacenters: all there are.
    init(from reader: inout ColumnReader, datacenters: Column<Site>) throws(MalformedColumns) {
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
            distances.buffer.allSatisfy({ isSound($0.set) && $0.skipped <= PreferenceList.nearestFew })
        else { throw MalformedColumns("preference lists are damaged") }
        let isSound = tiers.buffer.allSatisfy { tier in
            switch tier.kind {
            case .datacenter(let datacenter): datacenter < datacenters.count
            case .pool(let pool): pool < pools.count
            case .distance(let distance): distance < distances.count
            case .spread(let pool): pool < pools.count || pool == Tier.everything
            }
        }
        guard datacenters.buffer.allSatisfy({ Site.capacities.contains($0.capacity) }) else {
            throw MalformedColumns("a datacenter has a capacity that is no positive number")
        }
        guard isSound else { throw MalformedColumns("a preference list has a datacenter that does not exist") }
    }

    /// Lays out lists, of the datacenters that the reader will be given.
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
                case .farther(let farther):
                    // Lists that follow one another mostly have the same set, and to hash a large one takes its time.
                    if rest?.datacenters != farther.datacenters {
                        rest = (farther.datacenters, pool(farther.datacenters.map { Share($0) }))
                    }
                    tiers.append(Tier(distance: distances.count))
                    distances.append(
                        Distance(
                            client: farther.client, set: rest!.pool, skipped: UInt32(farther.skipped),
                            limit: UInt32(farther.limit)))
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

    /// Where a datacenter is, if that is known.
    public func location(of datacenter: Datacenter) -> Direction? { datacenters[datacenter].location }

    /// The datacenter that a list begins with, if no other is in its first tier; `nil` if there are more, or none at all.
    @inlinable @inline(__always)
    public func onlyFirst(_ list: UInt32) -> Datacenter? {
        let range = range(of: list)
        return range.isEmpty ? nil : tiers[range.lowerBound].datacenter
    }

    /// Positions of the tiers of a list.
    @inlinable @inline(__always)
    func range(of list: UInt32) -> Range<Int> {
        Range(uncheckedBounds: (Int(tierStarts[Int(list)]), Int(tierStarts[Int(list) &+ 1])))
    }

    /// Whether the clients of a list are spread when a datacenter that it comes to is not available.
    public func spreads(_ list: UInt32) -> Bool {
        guard let last = range(of: list).last, case .spread = tiers[last].kind else { return false }
        return true
    }

    /// The datacenters over which a list spreads; `nil` for all, and if it does not spread.
    public func spreadGroup(of list: UInt32) -> [Datacenter]? {
        guard let last = range(of: list).last, case .spread(let pool) = tiers[last].kind, pool != Tier.everything else {
            return nil
        }
        return pools[pool].range.map { Int(members[$0].datacenter) }
    }

    /// The tiers of a list, all of them.
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
                _ = forEachFarther(distances[distance], .all) {
                    result.append([Share($0)])
                    return true
                }
            case .spread: break
            }
        }
        return result
    }

    /// What made a list come to a datacenter.
    public enum Reason: Sendable {
        /// Its place in the list.
        case listed
        /// Chance, here or before.
        case drawn
        /// The draw of the client's network, since this datacenter is not available.
        case spread(from: Datacenter)
    }

    /// Calls `body` for the available datacenters of a list, the first choice first, for as long as it says to go on.
    public func forEachChoice(
        _ list: UInt32, _ draw: Draw, _ availability: Availability,
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
                guard forEachFarther(distances[distance], availability, { body($0, reason) }) else { return }
            case .spread: break
            }
        }
    }

    /// Does as `forEachChoice` does until the list comes to a datacenter that is not available.
    ///
    /// From there on those over which the list spreads have their turn, in the order of their scores by capacity: so only the
    /// clients of what goes away move, each to the place that it keeps when something else goes away as well. What is left of the
    /// list comes last.
    ///
    /// - Parameters:
    ///   - list: one that spreads.
    ///   - spreading: the draw of the client's network.
    ///   - canAnswer: whether clients may be spread to a datacenter.
    ///   - isPassed: whether the list goes on after a datacenter though that is not available: it has nothing to give here, and
    ///     is not away.
    ///   - body: it may be called for the same datacenter more than once.
    public func forEachSpreadChoice(
        _ list: UInt32, _ draw: Draw, spreading: Draw, _ availability: Availability,
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

    /// The available members of a pool in the order of their scores, with one pass for each that `body` is called for.
    private func forEachMember(
        _ range: Range<Int>, _ draw: Draw, _ availability: Availability, _ body: (Datacenter) -> Bool
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

    /// How far a member of a set is from the client. Of two that are as far the one that is listed first counts as nearer.
    private typealias Rank = (chord: Double, position: Int)

    private func rank(_ position: Int, _ client: Direction) -> Rank {
        (client.squaredChord(to: datacenters[Int(members[position].datacenter)].direction), position)
    }

    /// The nearest of the members that are farther away than `rank`.
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

    /// The available members of a large set after its nearest ones: by distance up to its limit, then as listed.
    ///
    /// What it costs does not depend on how many are not available.
    private func forEachFarther(
        _ distance: Distance, _ availability: Availability, _ body: (Datacenter) -> Bool
    ) -> Bool {
        let set = distance.set.range
        // What is nearer than this has had its turn.
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
