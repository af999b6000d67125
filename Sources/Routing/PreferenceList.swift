import Geography

/// The datacenters for a client, the most wanted first: a destination worked out for one place.
public struct PreferenceList: Hashable, Sendable {
    /// Of each tier one datacenter is drawn; the next tier is for when none of it is available. No tier at all means
    /// that there is to be no answer.
    public var tiers: [Tier]
    /// Over which datacenters clients are spread of whom a datacenter that the tiers come to is not available; `nil` if
    /// the tiers alone decide.
    public var spread: Spread?

    /// A group of datacenters that take the clients of one that is not available, by capacity.
    public enum Spread: Hashable, Sendable {
        /// All that have an answer.
        case all
        /// These, in the order of their numbers.
        case group([Datacenter])
    }

    /// Datacenters among which nothing but weight decides, or very many in the order of their distance.
    public enum Tier: Hashable, Sendable {
        case shares([Share])
        /// What follows behind the nearest few, worked out only when it is needed.
        case farther(Farther)
    }

    /// The datacenters of a large set but the nearest ones, which stand in the tiers before.
    public struct Farther: Hashable, Sendable {
        /// Where the client is.
        public var client: Direction
        /// The whole set, as listed.
        public var datacenters: [Datacenter]
        /// How many of the set stand in the tiers before.
        public var skipped: Int
        /// How many of the set, with the skipped ones, are in the order of distance; the others follow as listed.
        public var limit: Int
    }

    /// A set of so many datacenters at most is put in order of distance ahead of time.
    static let smallSet = 16
    /// Of a larger set so many: its orders are nearly as many as there are places, and to keep them whole would take
    /// much memory for the day on which so many are down.
    static let nearestFew = 2

    /// Works out `destination` for a client.
    ///
    /// - Parameters:
    ///   - client: where the client is, if that is known.
    ///   - locations: where each datacenter is, by its number. Those of a `nearest` have one.
    public init(_ destination: Destination, client: Direction?, locations: [Direction?]) {
        tiers = []
        var placed: Set<Datacenter> = []
        append(destination, client, locations, &placed)
        if case .spread(_, let group) = destination, !tiers.isEmpty {
            spread = group.map { .group($0.sorted()) } ?? .all
        }
    }

    private mutating func append(
        _ destination: Destination, _ client: Direction?, _ locations: [Direction?], _ placed: inout Set<Datacenter>
    ) {
        switch destination {
        case .none:
            break
        case .tier(let shares):
            let new = shares.filter { placed.insert($0.datacenter).inserted }
            if !new.isEmpty { tiers.append(.shares(reduced(new))) }
        case .list(let destinations):
            for part in destinations { append(part, client, locations, &placed) }
        case .spread(let destination, _):
            append(destination, client, locations, &placed)
        case .nearest(let datacenters, let limit):
            guard let client else {
                return append(.list(datacenters.map { .tier([Share($0)]) }), client, locations, &placed)
            }
            let isSmall = datacenters.count <= Self.smallSet
            let near = min(limit, isSmall ? datacenters.count : Self.nearestFew)
            let order = byDistance(datacenters, from: client, locations, first: near)
            let ahead = isSmall ? order : Array(order[..<near])
            append(.list(ahead.map { .tier([Share($0)]) }), client, locations, &placed)
            if !isSmall {
                tiers.append(
                    .farther(Farther(client: client, datacenters: datacenters, skipped: near, limit: limit)))
            }
        }
    }
}

/// The shares in the one form that all tiers have in which each datacenter gets the same part: what is the same must not make
/// a scope narrower.
private func reduced(_ shares: [Share]) -> [Share] {
    func commonDivisor(_ a: UInt32, _ b: UInt32) -> UInt32 { b == 0 ? a : commonDivisor(b, a % b) }
    let divisor = shares.reduce(0) { commonDivisor($0, $1.weight) }
    return shares.map { Share($0.datacenter, weight: $0.weight / divisor) }.sorted { $0.datacenter < $1.datacenter }
}

/// The datacenters with the `count` nearest ones first, in the order of their distance, and the rest as listed. What is
/// equally far stays as listed.
func byDistance(
    _ datacenters: [Datacenter], from client: Direction, _ locations: [Direction?], first count: Int
) -> [Datacenter] {
    let chords = datacenters.map { client.squaredChord(to: locations[$0]!) }
    var nearest: [Int] = []
    for position in datacenters.indices {
        guard nearest.count < count || chords[position] < chords[nearest[nearest.count - 1]] else { continue }
        if nearest.count == count { nearest.removeLast() }
        var place = nearest.count
        while place > 0, chords[position] < chords[nearest[place - 1]] { place -= 1 }
        nearest.insert(position, at: place)
    }
    let isNear = Set(nearest)
    return nearest.map { datacenters[$0] } + datacenters.indices.filter { !isNear.contains($0) }.map { datacenters[$0] }
}
