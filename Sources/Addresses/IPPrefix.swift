/// A block of addresses: those that share their first `length` bits with `address`.
public struct IPPrefix: Hashable, Sendable {
    /// The first address of the block; all bits after `length` are zero.
    public let address: IPAddress
    /// The number of bits that the block's addresses share: 0 to 32 (IPv4) or 128 (IPv6).
    public let length: Int

    /// The block of `length` bits around `address`; `nil` if the family has no such length.
    public init?(_ address: IPAddress, length: Int) {
        guard 0...address.bitWidth ~= length else { return nil }
        self.length = length
        switch address {
        case .v4(let bits): self.address = .v4(length == 0 ? 0 : bits & (.max << UInt32(32 - length)))
        case .v6(let bits): self.address = .v6(length == 0 ? 0 : bits & (.max << UInt128(128 - length)))
        }
    }

    /// Reads `address/length`, or an address alone, which is the block of that one address.
    ///
    /// Bits after `length` may be set, as resolvers do send them; they are cleared. Anything else gives `nil`.
    public init?(_ text: Span<UInt8>) {
        var slash = text.count
        while slash > 0, text[slash - 1] != UInt8(ascii: "/") { slash -= 1 }
        guard slash > 0 else {
            guard let address = IPAddress(text) else { return nil }
            self.init(address, length: address.bitWidth)
            return
        }
        guard slash < text.count, text.count - slash <= 3, let address = IPAddress(text.extracting(0..<(slash - 1)))
        else { return nil }
        var length = 0
        for i in slash..<text.count {
            let digit = Int(text[i]) - Int(UInt8(ascii: "0"))
            guard 0...9 ~= digit else { return nil }
            length = length * 10 + digit
        }
        self.init(address, length: length)
    }

    /// Reads the textual form, as the form for bytes does.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }
}

extension IPPrefix: CustomStringConvertible {
    public var description: String { "\(address)/\(length)" }
}

extension IPPrefix {
    /// The IPv6 blocks whose addresses carry an IPv4 address; see `IPAddress.embeddedIPv4`.
    public static let embeddingIPv4 = ["::/96", "::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16"].map {
        IPPrefix($0)!
    }
}

extension IPPrefix {
    /// Whether all addresses of the block are in `other`, too.
    public func isInside(_ other: IPPrefix) -> Bool { length >= other.length && other.contains(address) }

    /// The IPv4 address inside the first address of this IPv6 block, and the number of bits in front of it; see
    /// `IPAddress.embeddedIPv4`. `nil` if the block is so wide that it leaves the IPv4 address open altogether.
    @inlinable public var embeddedIPv4: (address: UInt32, offset: Int)? {
        guard let embedded = address.embeddedIPv4, length > embedded.offset else { return nil }
        return embedded
    }

    /// Whether `other` is one of the block's addresses.
    public func contains(_ other: IPAddress) -> Bool { IPPrefix(other, length: length)?.address == address }
}
