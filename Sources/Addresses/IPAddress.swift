/// An IPv4 or IPv6 address, as a number in host order.
public enum IPAddress: Hashable, Sendable {
    /// An IPv4 address, 0 to 2^32 - 1.
    case v4(UInt32)
    /// An IPv6 address, 0 to 2^128 - 1.
    case v6(UInt128)

    /// Reads the textual form: dotted decimal without leading zeros, or RFC 4291 section 2.2.
    ///
    /// A zone index after an IPv6 address (`%eth1`, RFC 4007 section 11) is ignored, because pdns passes it on. Any
    /// other text gives `nil`.
    public init?(_ text: Span<UInt8>) {
        let address: IPAddress? = text.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return nil }
            return IPAddress(start, to: start + text.count)
        }
        guard let address else { return nil }
        self = address
    }

    /// Reads the textual form; see the initializer for bytes.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }

    /// Reads the address that fills the bytes from `start` to `end`; a zone index may follow an IPv6 address.
    @inline(__always)
    init?(_ start: UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) {
        var next = start
        if let address = parseIPv4(&next, to: end), next == end {
            self = .v4(address)
        } else {
            guard let address = parseIPv6WithZone(start, to: end) else { return nil }
            self = .v6(address)
        }
    }

    /// The number of bits in an address of this family: 32 or 128.
    @inlinable public var bitWidth: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    /// The IPv4 address that is embedded in this IPv6 address, and the number of bits before it.
    ///
    /// Known forms: IPv4-mapped `::ffff:0:0/96` and IPv4-compatible `::/96` (RFC 4291 section 2.5.5), 6to4 `2002::/16`
    /// (RFC 3056), Teredo `2001::/32` (RFC 4380, the client's address with all bits flipped) and NAT64 `64:ff9b::/96`
    /// (RFC 6052). `nil` for IPv4 and for every other IPv6 address.
    @inlinable @inline(__always)
    public var embeddedIPv4: (address: UInt32, offset: Int)? {
        guard case .v6(let bits) = self else { return nil }
        let top = UInt32(truncatingIfNeeded: bits >> 96)
        switch top {
        case 0:
            let upper = UInt64(truncatingIfNeeded: bits >> 32)
            guard upper == 0 || upper == 0xffff else { return nil }
            return (UInt32(truncatingIfNeeded: bits), 96)
        case 0x2001_0000:
            return (~UInt32(truncatingIfNeeded: bits), 96)
        case 0x0064_ff9b:
            guard UInt64(truncatingIfNeeded: bits >> 32) == 0 else { return nil }
            return (UInt32(truncatingIfNeeded: bits), 96)
        default:
            guard top >> 16 == 0x2002 else { return nil }
            return (UInt32(truncatingIfNeeded: bits >> 80), 16)
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The address in dotted decimal, or as RFC 5952 recommends.
    public var description: String {
        switch self {
        case .v4(let bits):
            return "\(bits >> 24).\(bits >> 16 & 0xff).\(bits >> 8 & 0xff).\(bits & 0xff)"
        case .v6(let bits):
            if bits >> 32 == 0xffff { return "::ffff:\(IPAddress.v4(UInt32(truncatingIfNeeded: bits)))" }
            let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) }
            guard let gap = longestRunOfZeros(groups) else { return hexadecimal(groups[...]) }
            return hexadecimal(groups[..<gap.lowerBound]) + "::" + hexadecimal(groups[gap.upperBound...])
        }
    }
}

/// Returns the longest run of at least two zero groups, the first of equally long ones (RFC 5952 section 4.2).
private func longestRunOfZeros(_ groups: [UInt16]) -> Range<Int>? {
    var longest = 0..<0
    var start = 0
    for (i, group) in groups.enumerated() {
        if group != 0 {
            start = i + 1
        } else if i + 1 - start > longest.count {
            longest = start..<(i + 1)
        }
    }
    return longest.count > 1 ? longest : nil
}

private func hexadecimal(_ groups: ArraySlice<UInt16>) -> String {
    groups.map { String($0, radix: 16) }.joined(separator: ":")
}

/// Reads the IPv4 address at the beginning of the bytes from `next` to `end`, and moves `next` past it; `nil` if
/// there is none.
@inline(__always)
func parseIPv4(_ next: inout UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) -> UInt32? {
    guard var address = parseOctet(&next, to: end) else { return nil }
    for _ in 0..<3 {
        guard next < end, next.pointee == UInt8(ascii: ".") else { return nil }
        next += 1
        guard let octet = parseOctet(&next, to: end) else { return nil }
        address = address << 8 | octet
    }
    return address
}

/// Reads a number of one to three digits up to 255, without leading zeros.
@inline(__always)
private func parseOctet(_ next: inout UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) -> UInt32? {
    guard next < end, case var octet = UInt32(next.pointee &- UInt8(ascii: "0")), octet < 10 else { return nil }
    next += 1
    // A digit after a leading zero is left to the caller, which expects a dot and refuses it.
    guard octet > 0, next < end, case let second = UInt32(next.pointee &- UInt8(ascii: "0")), second < 10 else {
        return octet
    }
    octet = octet &* 10 &+ second
    next += 1
    guard next < end, case let third = UInt32(next.pointee &- UInt8(ascii: "0")), third < 10 else { return octet }
    octet = octet &* 10 &+ third
    next += 1
    return octet < 256 ? octet : nil
}

@inline(never)
private func parseIPv6WithZone(_ start: UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) -> UInt128? {
    var next = start
    guard let address = parseIPv6(&next, to: end) else { return nil }
    // Only a zone index can follow: a percent sign and at least one byte.
    return next == end || end - next >= 2 ? address : nil
}

/// Reads the IPv6 address that ends at `end` or before a `%`, and moves `next` to its end.
@inline(__always)
private func parseIPv6(_ next: inout UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) -> UInt128? {
    var address: UInt128 = 0
    var groups = 0
    /// The number of groups before `::`.
    var headGroups: Int?
    guard end - next >= 2 else { return nil }
    if next.pointee == UInt8(ascii: ":") {
        guard next[1] == UInt8(ascii: ":") else { return nil }
        headGroups = 0
        next += 2
    }
    while next < end, next.pointee != UInt8(ascii: "%") {
        guard groups < 8 else { return nil }
        let groupStart = next
        var group: UInt32 = 0
        while next < end, case let digit = hexadecimalDigit(next.pointee), digit < 16 {
            group = group << 4 | digit
            next += 1
        }
        guard 1...4 ~= next - groupStart else { return nil }
        if next < end, next.pointee == UInt8(ascii: ".") {
            // The last 32 bits may be written as an IPv4 address.
            next = groupStart
            guard let last = parseIPv4(&next, to: end), next == end || next.pointee == UInt8(ascii: "%") else {
                return nil
            }
            address = address &<< 32 | UInt128(last)
            groups &+= 2
            break
        }
        address = address &<< 16 | UInt128(group)
        groups &+= 1
        guard next < end, next.pointee != UInt8(ascii: "%") else { break }
        // An address must not end with a single colon.
        guard next.pointee == UInt8(ascii: ":"), end - next >= 2 else { return nil }
        next += 1
        if next.pointee == UInt8(ascii: ":") {
            guard headGroups == nil else { return nil }
            headGroups = groups
            next += 1
        } else if next.pointee == UInt8(ascii: "%") {
            return nil
        }
    }
    guard let headGroups else { return groups == 8 ? address : nil }
    guard groups < 8 else { return nil }
    let tailBits = UInt128(16 * (groups - headGroups))
    let tail = address & (1 &<< tailBits &- 1)
    // If the address begins with `::`, all groups are in the tail, and the shift below would be by 128.
    return headGroups == 0 ? tail : (address &>> tailBits) &<< UInt128(16 * (8 - headGroups)) | tail
}

/// Returns the value of a hexadecimal digit; 16 or more for any other byte.
@inline(__always)
private func hexadecimalDigit(_ byte: UInt8) -> UInt32 {
    let digit = byte &- UInt8(ascii: "0")
    if digit < 10 { return UInt32(digit) }
    // `| 0x20` makes a lower case letter of a letter only.
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? UInt32(letter) + 10 : 16
}
