/// A block of addresses: those that share their first `length` bits with `address`.
///
/// ```swift
/// let block = IPPrefix("192.0.2.77/24")!      // 192.0.2.0/24: host bits are cleared
/// block.contains(IPAddress("192.0.2.1")!)     // true
/// IPPrefix("192.0.2.0/33")                    // nil
/// ```
public struct IPPrefix: Hashable, Sendable {
    /// The first address of the block: all bits after the first `length` bits are zero.
    public let address: IPAddress
    /// The number of bits that the block's addresses share: 0 to 32 (IPv4) or 128 (IPv6).
    public let length: Int

    /// Makes the block of `length` bits around `address`; `nil` if the length is not 0...32 (IPv4) or 0...128 (IPv6).
    public init?(_ address: IPAddress, length: Int) {
        guard 0...address.bitWidth ~= length else { return nil }
        self.length = length
        switch address {
        case .v4(let bits): self.address = .v4(length == 0 ? 0 : bits & (.max << UInt32(32 - length)))
        case .v6(let bits): self.address = .v6(length == 0 ? 0 : bits & (.max << UInt128(128 - length)))
        }
    }

    /// Reads `address/length`, or an address alone, which stands for the block of that one address.
    ///
    /// Host bits may be set, because some resolvers send them; they are cleared. Any other text gives `nil`.
    @inlinable @inline(__always)
    public init?(_ text: Span<UInt8>) {
        if let (address, length) = text.withUnsafeBytes({ usualIPv4Prefix($0) }) {
            self.init(
                checked: .v4(length == 0 ? 0 : address & (.max &<< UInt32(truncatingIfNeeded: 32 &- length))), length)
        } else {
            self.init(any: text)
        }
    }

    @inlinable @inline(__always)
    init(checked address: IPAddress, _ length: Int) {
        self.address = address
        self.length = length
    }

    @inline(never) @usableFromInline
    init?(any text: Span<UInt8>) {
        let prefix: IPPrefix? = text.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return nil }
            return IPPrefix(start, to: start + text.count)
        }
        guard let prefix else { return nil }
        self = prefix
    }

    private init?(_ start: UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) {
        var next = start
        if let bits = parseIPv4(&next, to: end) {
            guard next < end else {
                self.init(.v4(bits), length: 32)
                return
            }
            guard next.pointee == UInt8(ascii: "/"), let length = parseLength(from: next + 1, to: end) else {
                return nil
            }
            self.init(.v4(bits), length: length)
        } else {
            self.init(ipv6: start, to: end)
        }
    }

    private init?(ipv6 start: UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) {
        // A zone index may contain a slash, so the last slash counts.
        var slash = end
        while slash > start, slash[-1] != UInt8(ascii: "/") { slash -= 1 }
        guard slash > start else {
            guard let address = IPAddress(start, to: end) else { return nil }
            self.init(address, length: address.bitWidth)
            return
        }
        guard let address = IPAddress(start, to: slash - 1), let length = parseLength(from: slash, to: end) else {
            return nil
        }
        self.init(address, length: length)
    }

    /// Reads the textual form; see the initializer for bytes.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }
}

extension IPPrefix: CustomStringConvertible {
    public var description: String { "\(address)/\(length)" }
}

extension IPPrefix {
    /// The IPv6 blocks whose addresses embed an IPv4 address; see `IPAddress.embeddedIPv4`.
    public static let embeddingIPv4 = ["::/96", "::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16"].map {
        IPPrefix($0)!
    }
}

extension IPPrefix {
    /// Whether `other` contains all addresses of the block.
    public func isInside(_ other: IPPrefix) -> Bool { length >= other.length && other.contains(address) }

    /// The IPv4 address that is embedded in the first address of this IPv6 block, and the number of bits before it; see
    /// `IPAddress.embeddedIPv4`. `nil` if the block is so wide that none of the bits of the IPv4 address are given.
    @inlinable public var embeddedIPv4: (address: UInt32, offset: Int)? {
        guard let embedded = address.embeddedIPv4, length > embedded.offset else { return nil }
        return embedded
    }

    /// Whether the block contains an address.
    public func contains(_ other: IPAddress) -> Bool { IPPrefix(other, length: length)?.address == address }
}

/// Reads an IPv4 address, a slash and a length of one or two digits, which fill `text`. Any other text gives `nil`,
/// also a few valid ones: an octet is read only if four bytes are left, so that no check of the end is needed inside
/// it.
@inlinable @inline(__always)
func usualIPv4Prefix(_ text: UnsafeRawBufferPointer) -> (address: UInt32, length: Int)? {
    guard var next = text.baseAddress else { return nil }
    let end = next + text.count
    var address: UInt32 = 0
    for position in 0..<4 {
        // Three digits and the byte after them, the most that is read below.
        guard end - next >= 4, case var octet = digit(next.load(as: UInt8.self)), octet < 10 else { return nil }
        next += 1
        if case let second = digit(next.load(as: UInt8.self)), second < 10 {
            guard octet > 0 else { return nil }
            octet = octet &* 10 &+ second
            next += 1
            if case let third = digit(next.load(as: UInt8.self)), third < 10 {
                octet = octet &* 10 &+ third
                next += 1
                guard octet < 256 else { return nil }
            }
        }
        guard next.load(as: UInt8.self) == (position < 3 ? UInt8(ascii: ".") : UInt8(ascii: "/")) else { return nil }
        next += 1
        address = address &<< 8 | octet
    }
    let digits = end - next
    guard digits == 1 || digits == 2, case var length = digit(next.load(as: UInt8.self)), length < 10 else {
        return nil
    }
    if digits == 2 {
        guard case let second = digit(next.load(fromByteOffset: 1, as: UInt8.self)), second < 10 else { return nil }
        length = length &* 10 &+ second
    }
    return length <= 32 ? (address, Int(length)) : nil
}

/// Returns the value of a decimal digit; more than 9 for any other byte.
@inlinable @inline(__always)
func digit(_ byte: UInt8) -> UInt32 { UInt32(byte) &- UInt32(UInt8(ascii: "0")) }

/// Reads the number of one to three digits that fills the bytes from `start` to `end`.
@inline(__always)
private func parseLength(from start: UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) -> Int? {
    guard 1...3 ~= end - start else { return nil }
    var length = 0
    var next = start
    while next < end {
        let digit = next.pointee &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        length = length &* 10 &+ Int(digit)
        next += 1
    }
    return length
}
