import Platform

/// Returns a number in about five characters: `0`, `0.03`, `3.2`, `412`, `12.3k`, `1.2M`.
func amount(_ value: Double) -> String {
    switch value {
    case ..<0.005: "0"
    case ..<0.995: format(value, digits: 2)
    case ..<9.95: format(value, digits: 1)
    case ..<9_999.5: "\(whole(value))"
    case ..<999_500: format(value / 1_000, digits: value < 99_950 ? 1 : 0) + "k"
    case ..<1e12: format(value / 1_000_000, digits: 1) + "M"
    default: "many"
    }
}

/// Returns a part of 1 in percent: `0.5%`, `12%`.
func shortPercent(_ part: Double) -> String {
    let value = max(0, part) * 100
    return value == 0 || value >= 9.95 ? "\(whole(min(value, 999_999)))%" : format(value, digits: 1) + "%"
}

/// Returns the nearest integer; a very large one if the value is out of range.
func whole(_ value: Double) -> Int { Int(exactly: value.rounded()) ?? (value < 0 ? .min / 4 : .max / 4) }

/// Returns a number below 10^15 with decimals.
func format(_ value: Double, digits: Int) -> String {
    let factor = digits == 0 ? 1 : digits == 1 ? 10 : 100
    let parts = whole(value * Double(factor)).quotientAndRemainder(dividingBy: factor)
    let rest = "\(abs(parts.remainder))"
    return digits == 0
        ? "\(parts.quotient)" : "\(parts.quotient)." + String(repeating: "0", count: digits - rest.count) + rest
}
