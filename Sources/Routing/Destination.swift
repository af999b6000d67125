/// The number of a datacenter: its position in the configuration.
public typealias Datacenter = Int

/// A datacenter of a tier with its weight.
public struct Share: Hashable, Sendable {
    /// The number of the datacenter.
    public var datacenter: Datacenter
    /// The weight, at least 1. A datacenter gets clients in proportion to it.
    public var weight: UInt32

    /// Gives a datacenter a weight, at least 1.
    public init(_ datacenter: Datacenter, weight: UInt32 = 1) {
        self.datacenter = datacenter
        self.weight = weight
    }
}

/// Where a rule sends its clients, as it is configured.
public indirect enum Destination: Hashable, Sendable {
    /// No datacenter: the clients get no answer.
    case none
    /// One of several datacenters, drawn by weight.
    case tier([Share])
    /// The nearest of these datacenters first. After the `limit` nearest ones the others follow as listed. For a client
    /// without coordinates all follow as listed.
    case nearest([Datacenter], limit: Int)
    /// The first of these destinations that has an available datacenter.
    case list([Destination])
    /// Another destination, as long as its first choice is available. The clients of a datacenter that is not available
    /// are spread over `group` by capacity; without a group, over all datacenters that have an answer.
    case spread(Destination, group: [Datacenter]?)

    /// All datacenters that the destination names. See also `spreadsOverAll`.
    public var datacenters: Set<Datacenter> {
        switch self {
        case .none: []
        case .tier(let shares): Set(shares.map(\.datacenter))
        case .nearest(let datacenters, _): Set(datacenters)
        case .list(let destinations): destinations.reduce(into: []) { $0.formUnion($1.datacenters) }
        case .spread(let destination, let group): destination.datacenters.union(group ?? [])
        }
    }

    /// Whether clients may be spread over all datacenters that have an answer, including those that are not named.
    public var spreadsOverAll: Bool {
        switch self {
        case .none, .tier, .nearest: false
        case .list(let destinations): destinations.contains(where: \.spreadsOverAll)
        case .spread(_, let group): group == nil
        }
    }

    /// Whether the order depends on the client's coordinates.
    public var wantsNearest: Bool { !nearestParts.isEmpty }

    /// The parts whose order depends on the client's coordinates.
    var nearestParts: [(datacenters: [Datacenter], limit: Int)] {
        switch self {
        case .none, .tier: []
        case .nearest(let datacenters, let limit): [(datacenters, limit)]
        case .list(let destinations): destinations.flatMap(\.nearestParts)
        case .spread(let destination, _): destination.nearestParts
        }
    }
}
