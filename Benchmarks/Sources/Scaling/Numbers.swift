import Glibc

/// Formats a number with the given decimals. Numbers from 10,000 on have commas between thousands.
public func fixed(_ value: Double, _ decimals: Int = 0) -> String {
    guard value.isFinite else { return "–" }
    let unit = pow(10, Double(decimals))
    let rounded = (abs(value) * unit).rounded()
    guard rounded < 1e18 else { return "\(value)" }
    let digits = String(UInt64(rounded))
    let padded = String(repeating: "0", count: max(decimals + 1 - digits.count, 0)) + digits
    let whole = padded.dropLast(decimals), part = padded.suffix(decimals)
    var grouped = ""
    for (index, digit) in whole.enumerated() {
        if index > 0, whole.count >= 5, (whole.count - index) % 3 == 0 { grouped += "," }
        grouped.append(digit)
    }
    return (value < 0 && rounded > 0 ? "-" : "") + grouped + (decimals > 0 ? "." + part : "")
}

/// Formats a number with two significant digits, or as a whole number from 10 on: 0.0012, 0.35, 1.4, 12, 345.
public func short(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "–" }
    let magnitude = Int(floor(log10(abs(value))))
    return magnitude >= 1 ? fixed(value) : fixed(value, min(1 - magnitude, 7))
}

/// Formats both ends of an interval.
public func short(_ interval: Interval) -> String { "\(short(interval.low)) to \(short(interval.high))" }
