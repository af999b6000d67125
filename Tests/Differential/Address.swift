import Foundation

enum Family: Hashable {
    case v4, v6
    var width: Int { self == .v4 ? 32 : 128 }
}

/// An IP address. These tests have their own type, so that an error in geopipe's type is not in both.
struct Address: Hashable, CustomStringConvertible {
    let family: Family
    /// The address as a number; an IPv4 address uses the lowest 32 bits.
    let bits: UInt128

    init(_ family: Family, _ bits: UInt128) {
        self.family = family
        self.bits = bits
    }

    /// Parses an address in the form that these tests use.
    init(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        let family: Family = text.contains(":") ? .v6 : .v4
        precondition(inet_pton(family == .v4 ? AF_INET : AF_INET6, text, &bytes) == 1, "no address: \(text)")
        self.init(family, bytes.prefix(family.width / 8).reduce(0) { $0 << 8 | UInt128($1) })
    }

    /// The bytes in network byte order.
    var bytes: [UInt8] {
        stride(from: family.width - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bits >> UInt128($0)) }
    }

    var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(family == .v4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// All addresses that begin with the same `length` bits.
struct Network: Hashable, CustomStringConvertible {
    let first: Address
    let length: Int

    /// The network with this prefix length that contains `address`.
    init(_ address: Address, _ length: Int) {
        first = Address(address.family, address.bits & ~Self.hostBits(address.family, length))
        self.length = length
    }

    init(_ text: String) {
        let parts = text.split(separator: "/")
        self.init(Address(String(parts[0])), Int(parts[1])!)
    }

    static func everything(_ family: Family) -> Network { Network(Address(family, 0), 0) }

    var last: Address { Address(first.family, first.bits | Self.hostBits(first.family, length)) }

    var halves: (Network, Network) {
        let lower = Network(first, length + 1)
        return (lower, Network(last, length + 1))
    }

    /// The other half of the network that is one bit shorter.
    var sibling: Network {
        Network(Address(first.family, first.bits ^ 1 << UInt128(first.family.width - length)), length)
    }

    func contains(_ address: Address) -> Bool {
        address.family == first.family && Network(address, length).first == first
    }

    func contains(_ other: Network) -> Bool { other.length >= length && contains(other.first) }

    /// The first and last addresses and their neighbours outside, which reveal off-by-one errors.
    var borders: [Address] {
        var all = [first, last]
        if first.bits > 0 { all.append(Address(first.family, first.bits - 1)) }
        if last.bits < Self.hostBits(first.family, 0) { all.append(Address(first.family, last.bits + 1)) }
        return all
    }

    func random(using generator: inout some RandomNumberGenerator) -> Address {
        Address(first.family, first.bits | (UInt128.random(in: .min ... .max, using: &generator) & hostBits))
    }

    var description: String { "\(first)/\(length)" }

    private var hostBits: UInt128 { Self.hostBits(first.family, length) }

    private static func hostBits(_ family: Family, _ length: Int) -> UInt128 {
        length == family.width ? 0 : ~0 >> UInt128(128 - family.width + length)
    }
}

/// The IPv6 networks whose addresses embed an IPv4 address, and are looked up by that.
enum Carrier: CaseIterable {
    case compatible, mapped, nat64, sixToFour, teredo

    var network: Network {
        switch self {
        case .compatible: Network("::/96")
        case .mapped: Network("::ffff:0:0/96")
        case .nat64: Network("64:ff9b::/96")
        case .sixToFour: Network("2002::/16")
        case .teredo: Network("2001::/32")
        }
    }

    /// The number of bits before the IPv4 address.
    var offset: Int { self == .sixToFour ? 16 : 96 }

    /// Returns the IPv4 network that is embedded in `network`, which is a part of the carrier's network.
    func carried(by network: Network) -> Network {
        switch self {
        case .sixToFour:
            Network(Address(.v4, network.first.bits >> 80 & 0xFFFF_FFFF), min(network.length - 16, 32))
        case .teredo:  // at the end, with every bit inverted
            Network(Address(.v4, ~network.first.bits & 0xFFFF_FFFF), max(network.length - 96, 0))
        default:
            Network(Address(.v4, network.first.bits & 0xFFFF_FFFF), network.length - 96)
        }
    }

    /// Returns an address that embeds `address`; its other bits are random.
    func carry(_ address: Address, using generator: inout some RandomNumberGenerator) -> Address {
        let rest = network.random(using: &generator).bits
        return switch self {
        case .sixToFour: Address(.v6, rest & ~(0xFFFF_FFFF << 80) | address.bits << 80)
        case .teredo: Address(.v6, rest & ~0xFFFF_FFFF | ~address.bits & 0xFFFF_FFFF)
        default: Address(.v6, network.first.bits | address.bits)
        }
    }

    /// Returns the carrier that contains `network`.
    static func of(_ network: Network) -> Carrier? {
        allCases.first { $0.network.contains(network) }
    }
}
