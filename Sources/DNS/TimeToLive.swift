/// Reads a time, which is a number of seconds or numbers with the units s, m, h, d and w, as in `1h30m`. Returns
/// seconds, below about 2^48; `nil` for any other text.
package func seconds(_ text: Span<UInt8>) -> UInt64? {
    var total: UInt64 = 0
    var number: UInt64 = 0
    var digits = 0
    var hasUnit = false
    for i in 0..<text.count {
        if isDigit(text[i]) {
            number = number * 10 + UInt64(text[i] - UInt8(ascii: "0"))
            digits += 1
            guard digits <= 10 else { return nil }
            continue
        }
        let unit: UInt64
        switch lowerCase(text[i]) {
        case UInt8(ascii: "s"): unit = 1
        case UInt8(ascii: "m"): unit = 60
        case UInt8(ascii: "h"): unit = 3600
        case UInt8(ascii: "d"): unit = 86_400
        case UInt8(ascii: "w"): unit = 604_800
        default: return nil
        }
        guard digits > 0 else { return nil }
        total += number * unit
        // The limit prevents overflow; no real time is that long.
        guard total < 1 << 48 else { return nil }
        (number, digits, hasUnit) = (0, 0, true)
    }
    guard digits > 0 || hasUnit else { return nil }
    return total + number
}
