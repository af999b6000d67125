/// Reads base64 digits (RFC 4648 section 4), one after the other.
struct Base64Decoder {
    private var bits: UInt32 = 0
    private var digits = 0
    private var padding = 0

    /// Whether there were digits, as many as their bytes need, and none with bits for more.
    var isComplete: Bool {
        digits > 0 && (digits + padding) % 4 == 0 && bits & (padding == 0 ? 0 : padding == 1 ? 3 : 15) == 0
    }

    /// Reads the next digit, and appends the byte that is complete with it.
    ///
    /// - Returns: false if no such digit may stand there.
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

func base64Digit(_ value: UInt8) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
}

func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// A number in decimal digits, and nothing else; `nil` if it is more than `max`.
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

/// An IPv4 address in its usual form; `nil` for anything else, which may be one all the same.
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

/// A number with up to so many decimals, in units of the last of them, below 2^40.
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

/// Whether `text` is `mnemonic`, in either case.
func equals(_ text: UnsafeBufferPointer<UInt8>, _ mnemonic: StaticString) -> Bool {
    text.count == mnemonic.utf8CodeUnitCount
        && text.indices.allSatisfy { lowerCase(text[$0]) == lowerCase(mnemonic.utf8Start[$0]) }
}

func daysInMonth(_ month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// In the Gregorian calendar.
func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    // In years that begin with March, the leap day is the last.
    let years = month > 2 ? year : year - 1
    let days = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return years * 365 + years / 4 - years / 100 + years / 400 + days - 719_468
}

/// Algorithms of keys (IANA's list of DNSSEC algorithm numbers).
let algorithms: KeyValuePairs<StaticString, UInt64> = [
    "RSAMD5": 1, "DH": 2, "DSA": 3, "RSASHA1": 5, "DSA-NSEC3-SHA1": 6, "NSEC3DSA": 6, "RSASHA1-NSEC3-SHA1": 7,
    "NSEC3RSASHA1": 7, "RSASHA256": 8, "RSASHA512": 10, "ECC-GOST": 12, "ECCGOST": 12, "ECDSAP256SHA256": 13,
    "ECDSAP384SHA384": 14, "ED25519": 15, "ED448": 16, "INDIRECT": 252, "PRIVATEDNS": 253, "PRIVATEOID": 254,
]

/// Algorithms of digests (IANA's list of DS digest algorithms).
let digests: KeyValuePairs<StaticString, UInt64> = [
    "SHA-1": 1, "SHA1": 1, "SHA-256": 2, "SHA256": 2, "GOST": 3, "SHA-384": 4, "SHA384": 4,
]

/// Kinds of certificates (RFC 4398 section 2.1).
let certificates: KeyValuePairs<StaticString, UInt64> = [
    "PKIX": 1, "SPKI": 2, "PGP": 3, "IPKIX": 4, "ISPKI": 5, "IPGP": 6, "ACPKIX": 7, "IACPKIX": 8, "URI": 253,
    "OID": 254,
]

/// The parameters of services that have a name, by their keys (IANA's list of service parameter keys).
let parameterNames = [
    "mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp",
    "tls-supported-groups",
]

/// The key of a parameter, which is written as a name or as `key` and its number.
func parameterKey(_ text: UnsafeBufferPointer<UInt8>) -> UInt16? {
    if let key = parameterNames.firstIndex(where: { text.elementsEqual($0.utf8) }) { return UInt16(key) }
    guard text.starts(with: "key".utf8) else { return nil }
    return number(UnsafeBufferPointer(rebasing: text.dropFirst(3)), max: 0xffff).map { UInt16($0) }
}
