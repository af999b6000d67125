/// An IPv4 or IPv6 address, as a number in host order.
public enum IPAddress: Hashable, Sendable {
    /// An IPv4 address, 0 to 2^32 - 1.
    case v4(UInt32)
    /// An IPv6 address, 0 to 2^128 - 1.
    case v6(UInt128)

    /// Reads the textual form: dotted decimal without leading zeros, or RFC 4291 section 2.2.
    ///
    /// A zone index behind an IPv6 address (`%eth1`, RFC 4007 section 11) is ignored: pdns passes it on. Anything else gives
    /// `nil`.
    public init?(_ text: Span<UInt8>) {
        var end = text.count
        for i in 0..<text.count where text[i] == UInt8(ascii: "%") {
            guard i + 1 < text.count else { return nil }
            end = i
            break
        }
        self.init(text, from: 0, to: end)
        if end < text.count, case .v4 = self { return nil }
    }

    /// Reads the textual form, as the form for bytes does.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }

    /// Reads the address that stands in `text[from..<end]`, without a zone index.
    init?(_ text: Span<UInt8>, from start: Int, to end: Int) {
        // A colon is among the first five bytes of every IPv6 address, and in no IPv4 address.
        for i in start..<min(end, start + 5) where text[i] == UInt8(ascii: ":") {
            guard let address = parseIPv6(text, from: start, to: end) else { return nil }
            self = .v6(address)
            return
        }
        guard let address = parseIPv4(text, from: start, to: end) else { return nil }
        self = .v4(address)
    }

    /// The number of bits in an address of this family: 32 or 128.
    @inlinable public var bitWidth: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    /// The IPv4 address that is written inside this IPv6 address, and the number of bits in front of it.
    ///
    /// Known forms: IPv4-mapped `::ffff:0:0/96` and IPv4-compatible `::/96` (RFC 4291 section 2.5.5), 6to4 `2002::/16`
    /// (RFC 3056), Teredo `2001::/32` (RFC 4380, the client's address with all bits flipped) and NAT64 `64:ff9b::/96`
    /// (RFC 6052). `nil` for IPv4 and for every other IPv6 address.
    @inlinable public var embeddedIPv4: (address: UInt32, offset: Int)? {
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
    /// The address as people write it: dotted decimal, or RFC 5952.
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

/// RFC 5952 section 4.2: the longest run of at least two zero groups, the first of them where several are as long.
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

private func parseIPv4(_ text: Span<UInt8>, from start: Int, to end: Int) -> UInt32? {
    var address: UInt32 = 0
    var part: UInt32 = 0
    var digits = 0
    var dots = 0
    for i in start..<end {
        let byte = text[i]
        if byte == UInt8(ascii: ".") {
            guard digits > 0, dots < 3 else { return nil }
            address = address << 8 | part
            part = 0
            digits = 0
            dots += 1
        } else {
            let digit = UInt32(byte &- UInt8(ascii: "0"))
            guard digit < 10, digits == 0 || part != 0 else { return nil }
            part = part * 10 + digit
            guard part < 256 else { return nil }
            digits += 1
        }
    }
    guard dots == 3, digits > 0 else { return nil }
    return address << 8 | part
}

private func parseIPv6(_ text: Span<UInt8>, from start: Int, to end: Int) -> UInt128? {
    // Groups before `::` are collected in `head`, those after it in `tail`.
    var head: UInt128 = 0
    var tail: UInt128 = 0
    var headGroups = 0
    var tailGroups = 0
    var compressed = false
    var i = start
    guard end - start >= 2 else { return nil }
    if text[i] == UInt8(ascii: ":") {
        guard text[i + 1] == UInt8(ascii: ":") else { return nil }
        compressed = true
        i += 2
    }
    while i < end {
        let groupStart = i
        var group: UInt128 = 0
        while i < end, let digit = hexadecimalDigit(text[i]) {
            guard i - groupStart < 4 else { return nil }
            group = group << 4 | UInt128(digit)
            i += 1
        }
        if i < end, text[i] == UInt8(ascii: ".") {
            // The last 32 bits may be written as an IPv4 address.
            guard let last = parseIPv4(text, from: groupStart, to: end) else { return nil }
            if compressed {
                tail = tail << 32 | UInt128(last)
                tailGroups += 2
            } else {
                head = head << 32 | UInt128(last)
                headGroups += 2
            }
            i = end
            break
        }
        guard i > groupStart else { return nil }
        if compressed {
            tail = tail << 16 | group
            tailGroups += 1
        } else {
            head = head << 16 | group
            headGroups += 1
        }
        guard headGroups + tailGroups <= 8 else { return nil }
        guard i < end else { break }
        guard text[i] == UInt8(ascii: ":"), i + 1 < end else { return nil }
        i += 1
        if text[i] == UInt8(ascii: ":") {
            guard !compressed else { return nil }
            compressed = true
            i += 1
        }
    }
    let groups = headGroups + tailGroups
    guard compressed ? groups < 8 : groups == 8 else { return nil }
    return headGroups == 0 ? tail : head << UInt128(16 * (8 - headGroups)) | tail
}

private func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
