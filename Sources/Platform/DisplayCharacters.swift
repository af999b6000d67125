/// A character as a terminal shows it.
public struct DisplayCharacter: Equatable, Sendable {
    /// One character, which may have up to two accents.
    public var text: String
    /// The number of columns, 1 or 2.
    public var columns: Int

    /// Makes a character; `columns` is 1 or 2.
    public init(text: String, columns: Int) { (self.text, self.columns) = (text, columns) }
}

/// Returns the characters of a text, each with its number of columns, which is the same in all terminals.
///
/// Characters that control a terminal, or whose width differs between terminals, become a mark of one column: those
/// that `visible` replaces, other invisible characters, private-use and unassigned characters, and the parts of flags
/// and other composed emoji. A character keeps at most two combining accents.
///
/// Use it for all text from the network or from other users' files that is cut or aligned.
///
/// - Parameter isUnicode: whether the terminal takes UTF-8; if not, all characters outside of ASCII become `?`.
public func displayCharacters(_ text: String, isUnicode: Bool) -> [DisplayCharacter] {
    if text.utf8.allSatisfy({ 0x20..<0x7f ~= $0 }) {
        return text.unicodeScalars.map { DisplayCharacter(text: String($0), columns: 1) }
    }
    var characters: [DisplayCharacter] = []
    var accents = 0
    for scalar in visible(text).unicodeScalars {
        guard isUnicode || scalar.isASCII else {
            characters.append(DisplayCharacter(text: "?", columns: 1))
            continue
        }
        let kind = scalar.properties.generalCategory
        let isAccent = kind == .nonspacingMark || kind == .enclosingMark
        if isAccent, !isVariation(scalar), accents < 2, !characters.isEmpty {
            characters[characters.count - 1].text.unicodeScalars.append(scalar)
            accents += 1
        } else if isAccent || hasUncertainWidth(scalar, kind) {
            characters.append(DisplayCharacter(text: "\u{fffd}", columns: 1))
            // No accent joins a mark.
            accents = 2
        } else {
            characters.append(DisplayCharacter(text: String(scalar), columns: isWide(scalar) ? 2 : 1))
            accents = 0
        }
    }
    return characters
}

/// Returns the number of columns of a text.
public func displayColumns(_ text: String, isUnicode: Bool) -> Int {
    displayCharacters(text, isUnicode: isUnicode).reduce(0) { $0 + $1.columns }
}

private func isVariation(_ scalar: Unicode.Scalar) -> Bool {
    0xfe00...0xfe0f ~= scalar.value || 0xe0100...0xe01ef ~= scalar.value
}

private func hasUncertainWidth(_ scalar: Unicode.Scalar, _ kind: Unicode.GeneralCategory) -> Bool {
    switch kind {
    case .format, .privateUse, .unassigned, .surrogate, .control, .lineSeparator, .paragraphSeparator: true
    default:
        switch scalar.value {
        // Vowels and finals of Hangul join the character before them.
        case 0x1160...0x11ff, 0xd7b0...0xd7ff: true
        // Letters of flags, and skin tones.
        case 0x1f1e6...0x1f1ff, 0x1f3fb...0x1f3ff: true
        default: false
        }
    }
}

/// Whether a character has two columns (Unicode Standard Annex 11: wide or fullwidth).
private func isWide(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case ..<0x1100: false
    case 0x1100...0x115f, 0x2329...0x232a, 0x2e80...0x303e, 0x3041...0x3247, 0x3250...0x4dbf, 0x4e00...0xa4cf,
        0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe10...0xfe19, 0xfe30...0xfe6f, 0xff01...0xff60,
        0xffe0...0xffe6, 0x16fe0...0x18cff, 0x1aff0...0x1b2ff, 0x1f200...0x1f265, 0x20000...0x3fffd:
        true
    default: scalar.properties.isEmojiPresentation
    }
}
