/// A compiled map: from an address to the number of its preference list, and how far around the address that holds.
///
/// With ranges the scope needs no storage. All addresses of a prefix are in one range exactly if the addresses before
/// and after the range are not in the prefix, so the scope of `a` in `[s, e]` is one more than the longer of the
/// common prefixes of `a` with `s - 1` and with `e + 1`.
public struct PlaceTable: Sendable {
    private let ipv4: StrideTable<UInt32>
    private let ipv6: StrideTable<UInt128>
    /// All IPv4 addresses have the same list, so that the IPv6 ranges say it all.
    private let isIPv4Uniform: Bool
    /// A client whose IPv4 address is left open has the list of its block even if all IPv4 addresses have one list.
    private let keepsBlocksApart: Bool
    /// The list of clients in each of `IPPrefix.embeddingIPv4` whose IPv4 address is not known.
    private let blockLists: [UInt32]

    /// The table in which each address has the list that `layer` gives it, below `listCount`.
    ///
    /// - Parameter keepsBlocksApart: whether a client whose IPv4 address is left open has the list of its IPv6 block even if all IPv4
    ///   addresses have one list.
    public init(_ layer: AddressLayer, listCount: Int, keepsBlocksApart: Bool = false) {
        self.keepsBlocksApart = keepsBlocksApart
        ipv4 = StrideTable(layer.ipv4, valueCount: UInt32(listCount))
        isIPv4Uniform = layer.ipv4.values.count == 1
        var ipv6 = layer.ipv6
        let elsewhere = UInt32(listCount)
        blockLists = IPPrefix.embeddingIPv4.map { block in
            guard case .v6(let first) = block.address else { return 0 }
            return layer.ipv6.value(of: first)
        }
        // What carries an IPv4 address is looked up as that address. A scope must not reach into these blocks, unless
        // there is only one list to be found there.
        for block in IPPrefix.embeddingIPv4 {
            guard case .v6(let first) = block.address else { continue }
            let last = first | .max >> UInt128(block.length)
            ipv6 = ipv6.overlaid(first: first, last: last, value: isIPv4Uniform ? layer.ipv4.values[0] : elsewhere)
        }
        self.ipv6 = StrideTable(ipv6, valueCount: elsewhere + 1)
    }

    /// The preference list of an address, and the length of the widest prefix around the address in which every address
    /// has the same: at least 1, since pdns keeps an answer of scope 0 for clients of both families.
    ///
    /// - Parameter length: how many of the address's first bits are known. An IPv4 address of which none of the bits are
    ///   known cannot be looked up, unless all have the same list: its client has the list that rules give to the IPv6 block.
    @inline(__always)
    public func lookup(_ address: IPAddress, length: Int = .max) -> (list: UInt32, scope: UInt8) {
        switch address {
        case .v4(let bits):
            return ipv4.lookup(bits)
        case .v6(let bits):
            guard let embedded = address.embeddedIPv4 else { return ipv6.lookup(bits) }
            if length <= embedded.offset, !isIPv4Uniform || keepsBlocksApart { return lookupBlock(of: address) }
            guard !isIPv4Uniform else { return ipv6.lookup(bits) }
            let (list, scope) = ipv4.lookup(embedded.address)
            return (list, scope + UInt8(embedded.offset))
        }
    }

    /// The list of clients of unknown IPv4 address in the block around an address that carries one.
    private func lookupBlock(of address: IPAddress) -> (list: UInt32, scope: UInt8) {
        let blocks = IPPrefix.embeddingIPv4
        for i in blocks.indices where blocks[i].contains(address) { return (blockLists[i], UInt8(blocks[i].length)) }
        return (blockLists[0], 1)
    }

    /// The number of bytes that the table takes.
    public var byteCount: Int { ipv4.byteCount + ipv6.byteCount }
}
