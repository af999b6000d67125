/// The datacenters that may be used, and by which clients.
public struct Availability: Sendable {
    /// Whether each datacenter is down, by number; datacenters past the end are up.
    private let isDown: [Bool]
    /// The partial drain of each datacenter, by number; empty if there is none.
    private let partialDrains: [PartialDrain]
    /// The number of the client's network.
    private var network: UInt64 = 0

    /// A drain of a datacenter for a part of the client networks.
    public struct PartialDrain: Sendable {
        /// Networks whose draw, 0...2^32 - 1, is below this limit are drained.
        let limit: UInt64
        let identity: UInt64

        /// - Parameters:
        ///   - part: the part of all networks, 0...1. A larger part includes all networks of a smaller one.
        ///   - identity: the identity of the datacenter; see `identity(of:)`. The draws of datacenters are independent,
        ///     so that the networks that one datacenter drains first are not those that the next one drains first.
        public init(part: Double, identity: UInt64) {
            limit = UInt64(part * 0x1p32)
            self.identity = identity
        }
    }

    /// All datacenters are available.
    public static let all = Availability(down: [])

    /// All datacenters except those that are down are available, some of them only to a part of the networks.
    public init(down: Set<Datacenter>, partialDrains: [Datacenter: PartialDrain] = [:]) {
        isDown = (0..<((down.max() ?? -1) + 1)).map(down.contains)
        self.partialDrains = (0..<((partialDrains.keys.max() ?? -1) + 1)).map {
            partialDrains[$0] ?? PartialDrain(part: 0, identity: 0)
        }
    }

    /// Whether all datacenters are available to all clients.
    public var isAll: Bool { isDown.isEmpty && partialDrains.isEmpty }

    /// Whether the availability is the same for all clients.
    public var isSameForAll: Bool { partialDrains.isEmpty }

    /// Returns the availability for the clients of a network.
    public func forNetwork(_ network: UInt64) -> Availability {
        var availability = self
        availability.network = network
        return availability
    }

    /// Whether a datacenter may be used.
    public func contains(_ datacenter: Datacenter) -> Bool {
        if datacenter < isDown.count, isDown[datacenter] { return false }
        guard datacenter < partialDrains.count else { return true }
        let closure = partialDrains[datacenter]
        return splitMix64(network ^ splitMix64(closure.identity)) >> 32 >= closure.limit
    }
}
