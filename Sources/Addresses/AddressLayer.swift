/// A value for every IPv4 and IPv6 address.
public struct AddressLayer: Sendable {
    /// The values of all IPv4 addresses.
    package var ipv4: AddressRanges<UInt32>
    /// The values of all IPv6 addresses.
    package var ipv6: AddressRanges<UInt128>

    /// Gives every address the same value.
    public init(everywhere value: UInt32) {
        ipv4 = AddressRanges(everywhere: value)
        ipv6 = AddressRanges(everywhere: value)
    }

    /// Makes a layer of the values of both families.
    package init(ipv4: AddressRanges<UInt32>, ipv6: AddressRanges<UInt128>) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }

    /// Gives each address the value of the longest prefix that contains it, and `otherwise` if none does.
    ///
    /// If a prefix occurs twice, the last one counts.
    public init(_ prefixes: [(prefix: IPPrefix, value: UInt32)], otherwise: UInt32) {
        var ipv4: [Block<UInt32>] = []
        var ipv6: [Block<UInt128>] = []
        for (prefix, value) in prefixes {
            switch prefix.address {
            case .v4(let first): ipv4.append(Block(first: first, length: prefix.length, value: value))
            case .v6(let first): ipv6.append(Block(first: first, length: prefix.length, value: value))
            }
        }
        self.ipv4 = ranges(&ipv4, otherwise)
        self.ipv6 = ranges(&ipv6, otherwise)
    }

    /// Returns the layer with each value transformed.
    public func map(_ transform: (UInt32) -> UInt32) -> AddressLayer {
        AddressLayer(ipv4: ipv4.map(transform), ipv6: ipv6.map(transform))
    }

    /// Reserves address space for `count` ranges of each family; pages are committed on first use.
    package mutating func reserve(_ count: Int) {
        ipv4.reserve(count)
        ipv6.reserve(count)
    }

    /// Returns the layer with each value `v` replaced by `values[v]`.
    func mapped(by values: [UInt32]) -> AddressLayer {
        values.withUnsafeBufferPointer { values in map { values[Int($0)] } }
    }

    /// Whether every address has the value 0.
    public var isZero: Bool { ipv4.isZero && ipv6.isZero }

    /// Returns the layer with each value replaced by `transform(value, otherValue)` where the value of `other` is not
    /// 0.
    public func replaced(where other: AddressLayer, _ transform: (UInt32, UInt32) -> UInt32) -> AddressLayer {
        AddressLayer(
            ipv4: ipv4.replaced(where: other.ipv4, transform), ipv6: ipv6.replaced(where: other.ipv6, transform))
    }

    /// Returns the layer of `transform(value, otherValue)`, address by address.
    public func combined(with other: AddressLayer, _ transform: (UInt32, UInt32) -> UInt32) -> AddressLayer {
        AddressLayer(
            ipv4: ipv4.combined(with: other.ipv4, transform), ipv6: ipv6.combined(with: other.ipv6, transform))
    }
}

private struct Block<Address: FixedWidthInteger & UnsignedInteger & Sendable> {
    var first: Address
    var length: Int
    var value: UInt32

    var last: Address { length == 0 ? .max : first | (length == Address.bitWidth ? 0 : .max >> Address(length)) }
}

private struct SortKey<Address: FixedWidthInteger & UnsignedInteger & Sendable> {
    var first: Address
    /// The length of the block in the upper 32 bits, its position in the lower ones.
    var rest: UInt64
}

/// Turns blocks into ranges.
///
/// Two blocks either contain one another or have no address in common, so that a stack holds the blocks around the
/// current address.
private func ranges<Address>(_ blocks: inout [Block<Address>], _ otherwise: UInt32) -> AddressRanges<Address> {
    // The position makes the order stable, so that the last of equal blocks stays the last. Keys without pointers
    // sort fast in place.
    var order = blocks.enumerated().map { position, block in
        SortKey(first: block.first, rest: UInt64(block.length) << 32 | UInt64(position))
    }
    order.sort { $0.first != $1.first ? $0.first < $1.first : $0.rest < $1.rest }
    var result = AddressRanges<Address>(everywhere: otherwise)
    var open: [Block<Address>] = []
    func close(before address: Address?) {
        while let block = open.last, address.map({ block.last < $0 }) ?? true {
            open.removeLast()
            guard block.last < .max else { continue }
            result.append(from: block.last + 1, value: open.last?.value ?? otherwise)
        }
    }
    for key in order {
        let block = blocks[Int(key.rest & 0xffff_ffff)]
        close(before: block.first)
        result.append(from: block.first, value: block.value)
        open.append(block)
    }
    close(before: nil)
    return result
}
