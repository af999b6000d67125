/// The number of a datacenter: its position among the configuration's.
public typealias Datacenter = Int

/// Where a client is to be sent: tiers of datacenters, the first first.
///
/// Of a tier one datacenter is drawn; the next tier is for when none of this one is available.
public struct PreferenceList: Hashable, Sendable {
    /// Datacenters that share their clients evenly, in the order in which they were written. Not empty.
    public typealias Tier = [Datacenter]

    /// The tiers, the most wanted first. Not empty.
    public var tiers: [Tier]

    public init(tiers: [Tier]) { self.tiers = tiers }

    /// All datacenters that may be chosen.
    public var datacenters: Set<Datacenter> { Set(tiers.joined()) }
}
