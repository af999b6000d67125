func appendQuoted(_ wire: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for i in range { appendEscapedInQuotes(wire[i], to: &text) }
    text.append(UInt8(ascii: "\""))
}

func appendEscapedInQuotes(_ byte: UInt8, to text: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        text.append(UInt8(ascii: "\\"))
        text.append(byte)
    case UInt8(ascii: "."), UInt8(ascii: " "): text.append(byte)
    default: appendEscaped(byte) { text.append($0) }
    }
}

func appendDecimal(_ number: UInt64, to text: inout [UInt8]) {
    if number >= 10 { appendDecimal(number / 10, to: &text) }
    text.append(UInt8(ascii: "0") + UInt8(number % 10))
}

/// Appends a number of hundredths (`decimals` 2) or thousandths (3).
func appendDecimal(_ number: UInt64, decimals: Int, to text: inout [UInt8]) {
    let unit: UInt64 = decimals == 2 ? 100 : 1_000
    appendDecimal(number / unit, to: &text)
    text.append(UInt8(ascii: "."))
    if decimals == 3 { appendDecimal(number / 100 % 10, to: &text) }
    appendDecimal(number / 10 % 10, to: &text)
    appendDecimal(number % 10, to: &text)
}

func appendHex(_ byte: UInt8, to text: inout [UInt8]) {
    text.append(hexDigit(byte >> 4))
    text.append(hexDigit(byte & 15))
}

func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
}

func appendGroups(
    _ wire: Span<UInt8>, _ range: Range<Int>, size: Int, separator: Unicode.Scalar, to text: inout [UInt8]
) {
    for (i, position) in range.enumerated() {
        if i > 0, i % size == 0 { text.append(UInt8(ascii: separator)) }
        appendHex(wire[position], to: &text)
    }
}

/// Appends base64 (RFC 4648 section 4).
func appendBase64(_ wire: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
    for i in stride(from: range.lowerBound, to: range.upperBound, by: 3) {
        let count = min(3, range.upperBound - i)
        var bits: UInt32 = 0
        for offset in 0..<3 { bits = bits << 8 | (offset < count ? UInt32(wire[i + offset]) : 0) }
        for digit in 0..<4 {
            text.append(digit <= count ? base64Digit(UInt8(bits >> UInt32(18 - 6 * digit) & 63)) : UInt8(ascii: "="))
        }
    }
}

/// Appends base32hex without padding (RFC 4648 section 7).
func appendBase32(_ wire: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
    var bits: UInt32 = 0
    var count: UInt32 = 0
    func append(_ value: UInt32) {
        let value = UInt8(value & 31)
        text.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value)
    }
    for i in range {
        bits = bits << 8 | UInt32(wire[i])
        count += 8
        while count >= 5 {
            count -= 5
            append(bits >> count)
        }
    }
    if count > 0 { append(bits << (5 - count)) }
}

func appendIPv4(_ wire: Span<UInt8>, _ start: Int, to text: inout [UInt8]) {
    for i in 0..<4 {
        if i > 0 { text.append(UInt8(ascii: ".")) }
        appendDecimal(UInt64(wire[start + i]), to: &text)
    }
}

/// Appends an IPv6 address (RFC 5952 section 4).
func appendIPv6(_ wire: Span<UInt8>, _ start: Int, to text: inout [UInt8]) {
    func group(_ i: Int) -> UInt16 { UInt16(wire[start + 2 * i]) << 8 | UInt16(wire[start + 2 * i + 1]) }
    // The longest run of zero groups counts only if it has two or more.
    var zeros = 0..<1
    var i = 0
    while i < 8 {
        let first = i
        while i < 8, group(i) == 0 { i += 1 }
        if i - first > zeros.count { zeros = first..<i }
        i += 1
    }
    i = 0
    while i < 8 {
        if zeros.count > 1, i == zeros.lowerBound {
            text.append(UInt8(ascii: ":"))
            if zeros.upperBound == 8 { text.append(UInt8(ascii: ":")) }
            i = zeros.upperBound
        } else {
            if i > 0 { text.append(UInt8(ascii: ":")) }
            let value = group(i)
            for shift in stride(from: 12, through: 0, by: -4) where value >> shift > 0 || shift == 0 {
                text.append(hexDigit(UInt8(value >> shift & 15)))
            }
            i += 1
        }
    }
}
