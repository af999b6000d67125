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

    /// All datacenters that a client may be sent to.
    public var datacenters: Set<Datacenter> {
        switch self {
        case .none: []
        case .tier(let shares): Set(shares.map(\.datacenter))
        case .nearest(let datacenters, _): Set(datacenters)
        case .list(let destinations): destinations.reduce(into: []) { $0.formUnion($1.datacenters) }
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
        }
    }
}
