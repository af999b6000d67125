/// A compiled map: from an address to the number of its preference list, and how far around the address that holds.
///
/// With ranges the scope needs no storage. All addresses of a prefix are in one range exactly if the addresses before
/// and after the range are not in the prefix, so the scope of `a` in `[s, e]` is one more than the longer of the
/// common prefixes of `a` with `s - 1` and with `e + 1`.
public struct PlaceTable: Sendable {
    private let ipv4: IndexedRanges<UInt32>
    private let ipv6: IndexedRanges<UInt128>
    /// All IPv4 addresses have the same list, so that the IPv6 ranges say it all.
    private let isIPv4Uniform: Bool

    /// The table of a map that sends each place of `atlas` to the preference list `list` says.
    ///
    /// - Parameter list: asked once for every place; below 2^32 - 1.
    public init(_ atlas: Atlas, list: (Place) -> UInt32) {
        let lists = atlas.places.map(list)
        let ipv4 = atlas.ipv4.map { lists[Int($0)] }
        self.ipv4 = IndexedRanges(ipv4)
        isIPv4Uniform = ipv4.values.count == 1
        var ipv6 = atlas.ipv6.map { lists[Int($0)] }
        // What carries an IPv4 address is looked up as that address. A scope must not reach into these blocks, unless
        // there is only one list to be found there.
        for block in IPPrefix.embeddingIPv4 {
            guard case .v6(let first) = block.address else { continue }
            let last = first | .max >> UInt128(block.length)
            ipv6 = ipv6.overlaid(first: first, last: last, value: isIPv4Uniform ? ipv4.values[0] : .max)
        }
        self.ipv6 = IndexedRanges(ipv6)
    }

    /// The preference list of an address, and the length of the widest prefix around the address in which every address
    /// has the same: at least 1, since pdns keeps an answer of scope 0 for clients of both families.
    public func lookup(_ address: IPAddress) -> (list: UInt32, scope: UInt8) {
        switch address {
        case .v4(let bits):
            return ipv4.lookup(bits)
        case .v6(let bits):
            guard !isIPv4Uniform, let embedded = address.embeddedIPv4 else { return ipv6.lookup(bits) }
            let (list, scope) = ipv4.lookup(embedded.address)
            return (list, scope + UInt8(embedded.offset))
        }
    }

    /// The number of bytes that the table takes.
    public var byteCount: Int { ipv4.byteCount + ipv6.byteCount }
}

/// Ranges with an index over the first 16 bits of the address, so that few of them need to be searched (as in DXR).
private struct IndexedRanges<Address: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    private let starts: [Address]
    private let values: [UInt32]
    /// For each value of the first 16 bits, the range of the lowest such address; at the end, the last range.
    private let index: [UInt32]

    init(_ ranges: AddressRanges<Address>) {
        starts = ranges.starts
        values = ranges.values
        var index: [UInt32] = []
        index.reserveCapacity(65_537)
        var range = 0
        for bits in 0..<65_536 {
            let lowest = Address(bits) << Address(Address.bitWidth - 16)
            while range + 1 < starts.count, starts[range + 1] <= lowest { range += 1 }
            index.append(UInt32(range))
        }
        index.append(UInt32(starts.count - 1))
        self.index = index
    }

    func lookup(_ address: Address) -> (list: UInt32, scope: UInt8) {
        let starts = starts.span
        let bits = Int(truncatingIfNeeded: address >> Address(Address.bitWidth - 16))
        // The range is the last that starts at or before the address.
        var low = Int(index[bits])
        var high = Int(index[bits + 1])
        while low < high {
            let middle = (low + high + 1) / 2
            if starts[middle] <= address { low = middle } else { high = middle - 1 }
        }
        var shared = 0
        if low > 0 { shared = (address ^ (starts[low] - 1)).leadingZeroBitCount }
        if low + 1 < starts.count { shared = max(shared, (address ^ starts[low + 1]).leadingZeroBitCount) }
        return (values[low], UInt8(truncatingIfNeeded: shared + 1))
    }

    var byteCount: Int { starts.count * MemoryLayout<Address>.stride + values.count * 4 + index.count * 4 }
}
