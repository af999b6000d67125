/// Returns the value of a hexadecimal digit; `nil` for any other byte.
func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// Returns a number of decimal digits; `nil` if there is anything else in the text, or if it is more than `max`.
func number(_ text: UnsafeBufferPointer<UInt8>, max: UInt64) -> UInt64? {
    guard !text.isEmpty else { return nil }
    var number: UInt64 = 0
    for byte in text {
        guard isDigit(byte) else { return nil }
        number = number * 10 + UInt64(byte - UInt8(ascii: "0"))
        guard number <= max else { return nil }
    }
    return number
}

/// Returns an IPv4 address in dotted decimal without leading zeros; `nil` for any other text, which inet_pton(3) may
/// still accept.
func ipv4Address(_ text: UnsafeBufferPointer<UInt8>) -> UInt32? {
    var (address, byte): (UInt32, UInt32) = (0, 0)
    var (dots, digits) = (0, 0)
    for character in text {
        if character == UInt8(ascii: "."), digits > 0 {
            address = address << 8 | byte
            dots += 1
            (byte, digits) = (0, 0)
        } else {
            guard isDigit(character), digits == 0 || byte > 0 else { return nil }
            byte = byte * 10 + UInt32(character - UInt8(ascii: "0"))
            digits += 1
            guard byte <= 255 else { return nil }
        }
    }
    return dots == 3 && digits > 0 ? address << 8 | byte : nil
}

/// Returns a number with up to `decimals` decimals, in units of the last decimal, below 2^40; `nil` for any other text.
func decimal(_ text: UnsafeBufferPointer<UInt8>, _ decimals: Int) -> UInt64? {
    let point = text.firstIndex(of: UInt8(ascii: ".")) ?? text.count
    guard var value = number(UnsafeBufferPointer(rebasing: text[..<point]), max: 1 << 30) else { return nil }
    let fraction = text.dropFirst(point + 1)
    guard fraction.count <= decimals else { return nil }
    for i in 0..<decimals {
        let digit = i < fraction.count ? fraction[fraction.startIndex + i] : UInt8(ascii: "0")
        guard isDigit(digit) else { return nil }
        value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
    }
    return value
}

func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "z") ~= lowerCase(byte)
}
