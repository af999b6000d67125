/// A character as a terminal shows it.
public struct DisplayCharacter: Equatable, Sendable {
    /// One character of one or two columns, perhaps with accents.
    public var text: String
    /// 1 or 2.
    public var columns: Int

    public init(text: String, columns: Int) { (self.text, self.columns) = (text, columns) }
}

/// Returns the characters of a text, each of which takes just those columns in any terminal. What terminals take for commands, or do not
/// agree about the width of, becomes a mark of one column: control characters and what changes the direction of text (see `visible`), and
/// other invisible characters, characters for private use or of no known meaning, and the parts that flags and other emoji are put together
/// from. Of accents that have no column of their own a character keeps two.
///
/// For all text of the network or of other users' files that is cut or aligned.
///
/// - Parameter isUnicode: whether the terminal takes UTF-8; otherwise all but ASCII becomes `?`.
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
            // Nothing joins a mark.
            accents = 2
        } else {
            characters.append(DisplayCharacter(text: String(scalar), columns: isWide(scalar) ? 2 : 1))
            accents = 0
        }
    }
    return characters
}

/// The columns that a text takes.
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
        // The vowels and finals of Hangul join what is before them.
        case 0x1160...0x11ff, 0xd7b0...0xd7ff: true
        // Letters of flags, and colours of skin.
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
