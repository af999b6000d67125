/// Which datacenters may be used, and by which clients.
public struct Availability: Sendable {
    /// By number; datacenters beyond its end are available.
    private let isDown: [Bool]
    /// By number; empty if no datacenter is closed to some.
    private let closures: [Closure]
    /// Tells the client's network from others.
    private var network: UInt64 = 0

    /// A datacenter that is closed to a part of the client networks.
    public struct Closure: Sendable {
        /// Below which draw a network is sent away, of 2^32.
        let limit: UInt64
        let identity: UInt64

        /// - Parameters:
        ///   - part: of all networks, from 0 to 1. A larger part is closed to all that a smaller one is closed to.
        ///   - identity: tells the datacenter from others; see `identity(of:)`. Each draws on its own: whoever is sent away
        ///     from one is not the first to be sent away from the next.
        public init(part: Double, identity: UInt64) {
            limit = UInt64(part * 0x1p32)
            self.identity = identity
        }
    }

    /// All are available.
    public static let all = Availability(down: [])

    /// All but those that are down are available, and some to a part of the clients only.
    public init(down: Set<Datacenter>, closures: [Datacenter: Closure] = [:]) {
        isDown = (0..<((down.max() ?? -1) + 1)).map(down.contains)
        self.closures = (0..<((closures.keys.max() ?? -1) + 1)).map { closures[$0] ?? Closure(part: 0, identity: 0) }
    }

    /// Whether all datacenters are available, to all clients.
    public var isAll: Bool { isDown.isEmpty && closures.isEmpty }

    /// Whether it is the same for all clients.
    public var isSameForAll: Bool { closures.isEmpty }

    /// The availability for the clients of a network.
    public func forNetwork(_ network: UInt64) -> Availability {
        var availability = self
        availability.network = network
        return availability
    }

    /// Whether a datacenter may be used.
    public func contains(_ datacenter: Datacenter) -> Bool {
        if datacenter < isDown.count, isDown[datacenter] { return false }
        guard datacenter < closures.count else { return true }
        let closure = closures[datacenter]
        return mixed(network ^ mixed(closure.identity)) >> 32 >= closure.limit
    }
}
