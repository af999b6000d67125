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

    /// The layer with all addresses that differ in the last bits of their family having the value of the first of them.
    package func coarsened(ipv4Bits: Int, ipv6Bits: Int) -> AddressLayer {
        AddressLayer(ipv4: ipv4.coarsened(bits: ipv4Bits), ipv6: ipv6.coarsened(bits: ipv6Bits))
    }

    /// Whether every address has the value 0.
    public var isZero: Bool { ipv4.isZero && ipv6.isZero }

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

/// Blocks either contain one another or have no address in common, so a stack holds those around the current address.
private func ranges<Address>(_ blocks: inout [Block<Address>], _ otherwise: UInt32) -> AddressRanges<Address> {
    // Stable, so that of equal blocks the last stays the last.
    let order = blocks.indices.sorted {
        let (a, b) = (blocks[$0], blocks[$1])
        return a.first != b.first ? a.first < b.first : a.length != b.length ? a.length < b.length : $0 < $1
    }
    var result = AddressRanges<Address>(everywhere: otherwise)
    var open: [Block<Address>] = []
    func close(before address: Address?) {
        while let block = open.last, address.map({ block.last < $0 }) ?? true {
            open.removeLast()
            guard block.last < .max else { continue }
            result.append(from: block.last + 1, value: open.last?.value ?? otherwise)
        }
    }
    for position in order {
        let block = blocks[position]
        close(before: block.first)
        result.append(from: block.first, value: block.value)
        open.append(block)
    }
    close(before: nil)
    return result
}
