/// Returns text escaped for elements and attributes of XML and HTML. U+FFFD replaces characters that XML cannot
/// contain, or that would change the direction of text.
public func markup(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case ..<" ", "\u{7f}"..."\u{9f}", "\u{61c}", "\u{200e}"..."\u{200f}", "\u{2028}"..."\u{202e}",
            "\u{2066}"..."\u{2069}", "\u{fffe}"..."\u{ffff}":
            result += "\u{fffd}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// Returns a coordinate with at most one decimal.
func tenths(_ number: Double) -> String { tenths(ofTenths: Int((number * 10).rounded())) }

/// Returns a number of tenths as a coordinate, as short as SVG allows.
func tenths(ofTenths count: Int) -> String {
    let (whole, rest) = abs(count).quotientAndRemainder(dividingBy: 10)
    return (count < 0 ? "-" : "") + (rest == 0 ? "\(whole)" : whole == 0 ? ".\(rest)" : "\(whole).\(rest)")
}
