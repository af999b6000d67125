/// The number of a datacenter: its position among the configuration's.
public typealias Datacenter = Int

/// A datacenter's part in the clients of a tier.
public struct Share: Hashable, Sendable {
    public var datacenter: Datacenter
    /// At least 1; a datacenter gets as many clients as its weight's part in the sum of all.
    public var weight: UInt32

    public init(_ datacenter: Datacenter, weight: UInt32 = 1) {
        self.datacenter = datacenter
        self.weight = weight
    }
}

/// Where a rule sends its clients, as it was written.
public indirect enum Destination: Hashable, Sendable {
    /// To nowhere: they get no answer.
    case none
    /// To one of several, drawn by weight.
    case tier([Share])
    /// To the nearest of these first. After `limit` of them the rest follow as listed; so do all for a client of whom
    /// no coordinates are known.
    case nearest([Datacenter], limit: Int)
    /// To the first of these that has an available datacenter.
    case list([Destination])
    /// As another says, while the datacenter that it comes to first is available. The clients of one that is not are
    /// spread over a group by capacity; without `group`, over all datacenters that have an answer.
    case spread(Destination, group: [Datacenter]?)

    /// All datacenters that are named, to which a client may be sent; see `spreadsOverAll` for those that are not named.
    public var datacenters: Set<Datacenter> {
        switch self {
        case .none: []
        case .tier(let shares): Set(shares.map(\.datacenter))
        case .nearest(let datacenters, _): Set(datacenters)
        case .list(let destinations): destinations.reduce(into: []) { $0.formUnion($1.datacenters) }
        case .spread(let destination, let group): destination.datacenters.union(group ?? [])
        }
    }

    /// Whether clients may be spread over all datacenters that have an answer, also those that are not named.
    public var spreadsOverAll: Bool {
        switch self {
        case .none, .tier, .nearest: false
        case .list(let destinations): destinations.contains(where: \.spreadsOverAll)
        case .spread(_, let group): group == nil
        }
    }

    /// Whether the order depends on where the client is.
    public var wantsNearest: Bool { !nearestParts.isEmpty }

    /// The parts of which the order depends on where the client is.
    var nearestParts: [(datacenters: [Datacenter], limit: Int)] {
        switch self {
        case .none, .tier: []
        case .nearest(let datacenters, let limit): [(datacenters, limit)]
        case .list(let destinations): destinations.flatMap(\.nearestParts)
        case .spread(let destination, _): destination.nearestParts
        }
    }
}
