/// Returns the text with a mark instead of each character that would control a terminal or change the direction of
/// text: the symbol of a control character below U+0020, and U+FFFD for the others.
///
/// Use it for all text of other users' files that is written to a terminal.
public func visible(_ text: String) -> String {
    // Most texts are plain ASCII, for which one pass over the bytes suffices.
    if text.utf8.allSatisfy({ 0x20..<0x7f ~= $0 }) { return text }
    guard text.unicodeScalars.contains(where: controlsTerminal) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        if scalar.value < 0x20 {
            result.append(Unicode.Scalar(0x2400 + scalar.value)!)
        } else {
            result.append(controlsTerminal(scalar) ? "\u{fffd}" : scalar)
        }
    }
    return String(result)
}

/// Whether a character is a control character (C0, C1 or DEL), breaks lines, or changes the direction of text (Unicode
/// Standard Annex 9).
func controlsTerminal(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate: true
    case .format:
        [0x061c, 0x200e, 0x200f, 0xfeff].contains(scalar.value) || 0x202a...0x202e ~= scalar.value
            || 0x2066...0x2069 ~= scalar.value
    default: false
    }
}
