/// Decodes base64 (RFC 4648 section 4) digit by digit.
struct Base64Decoder {
    private var bits: UInt32 = 0
    private var digits = 0
    private var padding = 0

    /// Whether there were digits, their number with the padding is a multiple of four, and unused bits are 0.
    var isComplete: Bool {
        digits > 0 && (digits + padding) % 4 == 0 && bits & (padding == 0 ? 0 : padding == 1 ? 3 : 15) == 0
    }

    /// Decodes the next digit, and appends the byte that it completes, if any.
    ///
    /// - Returns: false if the digit is not allowed there.
    mutating func append(_ digit: UInt8, to bytes: inout [UInt8]) -> Bool {
        if digit == UInt8(ascii: "=") {
            padding += 1
            return padding <= 2 && digits % 4 >= 2
        }
        guard let value = base64Value(digit), padding == 0 else { return false }
        bits = bits << 6 | UInt32(value)
        digits += 1
        switch digits % 4 {
        case 2: bytes.append(UInt8(truncatingIfNeeded: bits >> 4))
        case 3: bytes.append(UInt8(truncatingIfNeeded: bits >> 2))
        case 0: bytes.append(UInt8(truncatingIfNeeded: bits))
        default: break
        }
        return true
    }
}

private func base64Value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
}

/// Returns the base64 digit of a value, 0...63.
func base64Digit(_ value: UInt8) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
}
