/// A value for every address there is, of both families.
public struct AddressLayer: Sendable {
    package var ipv4: AddressRanges<UInt32>
    package var ipv6: AddressRanges<UInt128>

    /// The same value everywhere.
    public init(everywhere value: UInt32) {
        ipv4 = AddressRanges(everywhere: value)
        ipv6 = AddressRanges(everywhere: value)
    }

    package init(ipv4: AddressRanges<UInt32>, ipv6: AddressRanges<UInt128>) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }

    /// The value of the longest prefix around each address; `otherwise` where there is none.
    ///
    /// Of a prefix that is there twice the last counts.
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

    /// The layer with each value replaced.
    public func map(_ transform: (UInt32) -> UInt32) -> AddressLayer {
        AddressLayer(ipv4: ipv4.map(transform), ipv6: ipv6.map(transform))
    }

    /// Makes room for `count` ranges of each family, of which only those that come take memory.
    package mutating func reserve(_ count: Int) {
        ipv4.reserve(count)
        ipv6.reserve(count)
    }

    /// The layer with each value replaced by the one at its position.
    func mapped(by values: [UInt32]) -> AddressLayer {
        values.withUnsafeBufferPointer { values in map { values[Int($0)] } }
    }

    /// Whether every address has the value 0.
    public var isZero: Bool { ipv4.isZero && ipv6.isZero }

    /// The layer with the values that `transform` makes of this value and that of `other` where that is not 0.
    public func replaced(where other: AddressLayer, _ transform: (UInt32, UInt32) -> UInt32) -> AddressLayer {
        AddressLayer(
            ipv4: ipv4.replaced(where: other.ipv4, transform), ipv6: ipv6.replaced(where: other.ipv6, transform))
    }

    /// The layer of what `transform` makes of this value and that of `other`.
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
    /// The length of the block, and below it its position.
    var rest: UInt64
}

/// Blocks either contain one another or have no address in common, so a stack holds those around the current address.
private func ranges<Address>(_ blocks: inout [Block<Address>], _ otherwise: UInt32) -> AddressRanges<Address> {
    // Stable, so that of equal blocks the last stays the last. The keys are side by side: a million are sorted in place.
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
