import Geography

/// The datacenters for a client in the order of preference: a destination evaluated at one place.
public struct PreferenceList: Hashable, Sendable {
    /// The tiers. One datacenter of a tier is drawn; the next tier is used if none of it is available. Without a tier
    /// there is no answer.
    public var tiers: [Tier]
    /// The datacenters that the clients of an unavailable datacenter are spread over; `nil` if they go to the next
    /// tier.
    public var spread: Spread?

    /// The datacenters that take the clients of an unavailable one, by capacity.
    public enum Spread: Hashable, Sendable {
        /// All datacenters that have an answer.
        case all
        /// These datacenters, sorted by number.
        case group([Datacenter])
    }

    /// A tier: datacenters that are drawn by weight, or many datacenters in the order of distance.
    public enum Tier: Hashable, Sendable {
        /// Datacenters that are drawn by weight.
        case shares([Share])
        /// The datacenters after the nearest ones, sorted only when they are needed.
        case distanceTail(DistanceTail)
    }

    /// The datacenters of a large set except the nearest ones, which are in the tiers before.
    public struct DistanceTail: Hashable, Sendable {
        /// The location of the client.
        public var client: UnitVector
        /// The whole set, as listed.
        public var datacenters: [Datacenter]
        /// The number of datacenters of the set that are in the tiers before.
        public var skipped: Int
        /// The number of datacenters, including the skipped ones, that are sorted by distance; the others follow as
        /// listed.
        public var limit: Int
    }

    /// Sets of at most this size are sorted completely when the map is compiled.
    static let eagerSortLimit = 16
    /// The number of nearest datacenters of a larger set that are sorted then. A large set has nearly as many orders as
    /// there are places, and storing them completely would take much memory, which is needed only if many datacenters
    /// are down.
    static let eagerNearestCount = 2

    /// Evaluates `destination` for a client.
    ///
    /// - Parameters:
    ///   - client: the client's location; `nil` if it is unknown.
    ///   - locations: the location of each datacenter. The datacenters of a `nearest` must have one.
    public init(_ destination: Destination, client: UnitVector?, locations: [UnitVector?]) {
        tiers = []
        var placed: Set<Datacenter> = []
        append(destination, client, locations, &placed)
        if case .spread(_, let group) = destination, !tiers.isEmpty {
            spread = group.map { .group($0.sorted()) } ?? .all
        }
    }

    private mutating func append(
        _ destination: Destination, _ client: UnitVector?, _ locations: [UnitVector?], _ placed: inout Set<Datacenter>
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
            let isSmall = datacenters.count <= Self.eagerSortLimit
            let near = min(limit, isSmall ? datacenters.count : Self.eagerNearestCount)
            let order = byDistance(datacenters, from: client, locations, first: near)
            let ahead = isSmall ? order : Array(order[..<near])
            append(.list(ahead.map { .tier([Share($0)]) }), client, locations, &placed)
            if !isSmall {
                tiers.append(
                    .distanceTail(
                        DistanceTail(client: client, datacenters: datacenters, skipped: near, limit: limit)))
            }
        }
    }
}

/// Returns the normal form of a tier: reduced weights, sorted by datacenter. Tiers that mean the same must be equal,
/// because different lists make scopes narrower.
private func reduced(_ shares: [Share]) -> [Share] {
    func commonDivisor(_ a: UInt32, _ b: UInt32) -> UInt32 { b == 0 ? a : commonDivisor(b, a % b) }
    let divisor = shares.reduce(0) { commonDivisor($0, $1.weight) }
    return shares.map { Share($0.datacenter, weight: $0.weight / divisor) }.sorted { $0.datacenter < $1.datacenter }
}

/// Returns the datacenters with the `count` nearest ones first, sorted by distance, and the others as listed. Equally
/// distant ones stay as listed.
func byDistance(
    _ datacenters: [Datacenter], from client: UnitVector, _ locations: [UnitVector?], first count: Int
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
