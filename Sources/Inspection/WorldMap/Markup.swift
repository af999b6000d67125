/// Returns text as an element or an attribute of XML and HTML may have it: with the five signs of markup escaped, and with U+FFFD for
/// characters that XML cannot have, or that would change the direction of what follows.
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

/// A coordinate with at most one digit after the point.
func tenths(_ number: Double) -> String { tenths(ofTenths: Int((number * 10).rounded())) }

/// The same for a count of tenths, as short as SVG allows it.
func tenths(ofTenths count: Int) -> String {
    let (whole, rest) = abs(count).quotientAndRemainder(dividingBy: 10)
    return (count < 0 ? "-" : "") + (rest == 0 ? "\(whole)" : whole == 0 ? ".\(rest)" : "\(whole).\(rest)")
}
