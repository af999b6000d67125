import Geography

/// A sampled answer of a service, which stands for `weight` answers, as a coprocess sends it to the agent.
public struct SampledHit: Hashable, Sendable {
    /// The time of the answer, in milliseconds since 1970.
    public var time: Int
    /// The client's network, never longer than `longestIPv4` or `longestIPv6` bits.
    public var network: IPPrefix
    /// The client's country, ISO 3166-1 alpha-2; empty if it is unknown.
    public var country: String
    public var coordinates: Coordinates?
    /// The qname.
    public var name: String
    public var service: String
    /// The datacenters whose addresses are in the answer.
    public var datacenters: [String]
    /// The EDNS scope prefix length of the answer, 0...128.
    public var scope: Int
    /// The side of the rollout that answered; `nil` if no rollout runs.
    public var side: Side?
    /// Whether only the map's default rule matched; `nil` if that is not known.
    public var isByDefault: Bool?
    /// The number of answers that this one stands for, at least 1.
    public var weight: Int

    /// A side of a rollout.
    public enum Side: String, Sendable {
        case old
        case new
    }

    /// The length of the longest IPv4 prefix of a client that is reported.
    public static let longestIPv4 = 24
    /// The length of the longest IPv6 prefix of a client that is reported.
    public static let longestIPv6 = 56

    public init(
        time: Int, network: IPPrefix, country: String, coordinates: Coordinates?, name: String, service: String,
        datacenters: [String], scope: Int, side: Side?, isByDefault: Bool? = nil, weight: Int = 1
    ) {
        self.time = time
        self.network = network
        self.country = country
        self.coordinates = coordinates
        self.name = name
        self.service = service
        self.datacenters = datacenters
        self.scope = scope
        self.side = side
        self.isByDefault = isByDefault
        self.weight = weight
    }
}
