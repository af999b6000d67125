import Geography

/// One answer of a service to a client that stands for `weight` of them, as a coprocess tells the agent of it.
public struct SampledHit: Hashable, Sendable {
    /// When it was answered, in milliseconds since 1970.
    public var time: Int
    /// The client's network, never longer than `longestIPv4` or `longestIPv6` bits.
    public var network: IPPrefix
    /// ISO 3166-1 alpha-2; empty if no database knows the country.
    public var country: String
    public var coordinates: Coordinates?
    /// As asked.
    public var name: String
    public var service: String
    /// The datacenters that the answer has addresses of.
    public var datacenters: [String]
    /// The EDNS scope prefix length of the answer, 0...128.
    public var scope: Int
    /// Which side of a rollout answered; `nil` if none runs.
    public var side: Side?
    /// Whether no rule matched but the map's default; `nil` if that is not known.
    public var isByDefault: Bool?
    /// The number of answers that this one stands for, 1 or more.
    public var weight: Int

    /// A side of a rollout.
    public enum Side: String, Sendable {
        case old
        case new
    }

    /// The longest prefix that stands for a client of IPv4.
    public static let longestIPv4 = 24
    /// The longest prefix that stands for a client of IPv6.
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
