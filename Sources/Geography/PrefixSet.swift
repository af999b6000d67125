/// Networks, each of which is in it or not: several times faster than a `Set`.
public struct PrefixSet: Sendable {
    /// By the first address, and the length below it.
    private var ipv4 = Numbering<UInt64>()
    /// By the first address with the bit after the last known one set, which says how many are known.
    private var ipv6 = Numbering<UInt128>()
    /// Single IPv6 addresses, which have no bit to spare.
    private var ipv6Hosts = Numbering<UInt128>()

    /// A set without a network.
    public init() {}

    /// Adds a network.
    ///
    /// - Returns: false if it was there.
    public mutating func insert(_ prefix: IPPrefix) -> Bool {
        switch prefix.address {
        case .v4(let first): ipv4.insertOnce(UInt64(first) << 8 | UInt64(prefix.length))
        case .v6(let first):
            prefix.length == 128
                ? ipv6Hosts.insertOnce(first) : ipv6.insertOnce(first | 1 << UInt128(127 - prefix.length))
        }
    }
}

extension Numbering {
    /// - Returns: false if the key was there.
    fileprivate mutating func insertOnce(_ key: Key) -> Bool {
        guard self[key] == nil else { return false }
        insert(key, 0)
        return true
    }
}
