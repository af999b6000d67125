import Geography

/// The network whose clients a sticky service treats alike: /24 for IPv4 and /56 for IPv6, the prefix lengths that
/// resolvers send (RFC 7871 section 11.1).
package struct ClientNetwork {
    /// A number that identifies the network.
    package let number: UInt64
    /// The length of its prefix, in the client's own family.
    let scope: UInt8

    /// The prefix length of IPv4 networks.
    static let ipv4Scope: UInt8 = 24

    /// Returns the number of the network of an IPv4 address.
    @inline(__always)
    static func number(of bits: UInt32) -> UInt64 { UInt64(bits >> 8) }

    /// - Parameter length: the number of leading bits of the client that are known.
    package init(_ client: IPAddress, length: Int = .max) {
        switch client {
        case .v4(let bits):
            number = Self.number(of: bits)
            scope = Self.ipv4Scope
        case .v6(let bits):
            if let embedded = client.embeddedIPv4, length > embedded.offset {
                number = UInt64(embedded.address >> 8)
                scope = UInt8(24 + embedded.offset)
            } else if bits >> 72 == 0 || bits >> 72 == 0x64_ff9b_0000_00 {
                // These two /56 contain embedded IPv4 addresses, which draw as IPv4 networks. The rest of each /56
                // draws apart from them, by /96.
                number = UInt64(truncatingIfNeeded: bits >> 32) | 1 << 63
                scope = 96
            } else {
                number = UInt64(truncatingIfNeeded: bits >> 72) | 1 << 63
                scope = 56
            }
        }
    }
}
