/// A walk over the whole address space, piece by piece, in the order of addresses.
///
/// The pieces are prefixes. At the first address of each piece the walk asks how long the prefix is. The longest of the
/// scopes that several tables have for this address makes a piece in which each of these tables has one value.
public enum AddressWalk {
    /// Walks over all IPv4 addresses.
    ///
    /// - Parameter length: takes the first address of a piece, and returns the length of the piece's prefix, 0...32.
    @inlinable
    public static func overIPv4(_ length: (_ first: UInt32) -> UInt8) {
        var first: UInt32 = 0
        while true {
            let last = first | UInt32(truncatingIfNeeded: UInt64(0xffff_ffff) >> UInt64(length(first)))
            guard last < .max else { return }
            first = last + 1
        }
    }

    /// Walks over all IPv6 addresses outside of the blocks of `IPPrefix.embeddingIPv4`, whose addresses are looked up
    /// as IPv4.
    ///
    /// - Parameter length: takes the first address of a piece, and returns the length of the piece's prefix, 0...128.
    @inlinable
    public static func overIPv6(_ length: (_ first: UInt128) -> UInt8) {
        let blocks = embeddingBlocks
        var next = 0
        var first: UInt128 = 0
        while true {
            while next < blocks.count, blocks[next].last < first { next += 1 }
            let last: UInt128
            if next < blocks.count, blocks[next].first <= first {
                last = blocks[next].last
            } else {
                last = first | (UInt128.max >> UInt128(length(first)))
            }
            guard last < .max else { return }
            first = last + 1
        }
    }

    /// The blocks that the walk leaves out, in the order of addresses.
    @usableFromInline
    static let embeddingBlocks: [(first: UInt128, last: UInt128)] = IPPrefix.embeddingIPv4.compactMap { block in
        guard case .v6(let first) = block.address else { return nil }
        return (first, first | .max >> UInt128(block.length))
    }.sorted { $0.first < $1.first }

    /// Returns the number of IPv4 addresses in a piece.
    @inlinable
    public static func addressCount(ofIPv4 length: UInt8) -> Int { 1 << (32 - Int(length)) }

    /// Returns the numbers of the first and the last /48 that an IPv6 piece overlaps, 0...2^48 - 1.
    @inlinable
    public static func sites(ofIPv6 first: UInt128, _ length: UInt8) -> ClosedRange<Int> {
        let site = Int(truncatingIfNeeded: first >> 80)
        return site...(length >= 48 ? site : site | ((1 << (48 - Int(length))) - 1))
    }
}
