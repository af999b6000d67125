import Platform

/// Returns a count with commas after thousands. A fraction below 0.5 is shown as less than one.
public func grouped(_ number: Double) -> String {
    if number > 0, number < 0.5 { return "<1" }
    var digits = "\(Int(nearest: number))"
    var position = digits.count - 3
    while position > 0 {
        digits.insert(",", at: digits.index(digits.startIndex, offsetBy: position))
        position -= 3
    }
    return digits
}

/// Returns a part of a whole in percent, with two significant digits. It is 100% only if the rest would not be shown.
public func percent(_ part: Double) -> String {
    let percent = part * 100
    if percent == 0 { return "0%" }
    if percent < 0.01 { return "<0.01%" }
    if percent > 99.9, percent < 100 - 1e-9 { return ">99.9%" }
    let scale = percent >= 10 ? 10.0 : 100.0
    let rounded = "\((percent * scale).rounded() / scale)"
    return (rounded.hasSuffix(".0") ? String(rounded.dropLast(2)) : rounded) + "%"
}
