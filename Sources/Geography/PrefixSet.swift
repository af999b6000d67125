/// A set of networks, several times faster than `Set`.
public struct PrefixSet: Sendable {
    /// Keys: the first address, and the length in the lowest 8 bits.
    private var ipv4 = IntegerMap<UInt64>()
    /// Keys: the first address with the first host bit set, which encodes the length.
    private var ipv6 = IntegerMap<UInt128>()
    /// Keys: single IPv6 addresses, which have no host bit.
    private var ipv6Hosts = IntegerMap<UInt128>()

    /// Makes an empty set.
    public init() {}

    /// Inserts a network.
    ///
    /// - Returns: false if it was in the set already.
    public mutating func insert(_ prefix: IPPrefix) -> Bool {
        switch prefix.address {
        case .v4(let first): ipv4.insertOnce(UInt64(first) << 8 | UInt64(prefix.length))
        case .v6(let first):
            prefix.length == 128
                ? ipv6Hosts.insertOnce(first) : ipv6.insertOnce(first | 1 << UInt128(127 - prefix.length))
        }
    }
}

extension IntegerMap {
    /// Inserts a key; false if it was there already.
    fileprivate mutating func insertOnce(_ key: Key) -> Bool {
        guard self[key] == nil else { return false }
        insert(key, 0)
        return true
    }
}
