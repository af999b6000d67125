import Platform
import Testing

@Suite("Text on a terminal")
struct DisplayCharactersTests {
    @Test(
        "texts have the right number of columns",
        arguments: [
            ("", 0), ("www.example.com", 15), ("Tromsø", 6), ("e\u{301}", 1), ("日本", 4), ("ｱ", 1), ("Ａ", 2), ("한국", 4),
            ("😀", 2), ("…", 1), ("█▏", 2), ("⣿", 1), ("ไทย", 3), ("नि", 2), ("\u{3000}", 2),
        ])
    func columns(text: String, columns: Int) {
        #expect(displayColumns(text, isUnicode: true) == columns)
        let characters = displayCharacters(text, isUnicode: true)
        #expect(characters.map(\.text).joined().unicodeScalars.elementsEqual(text.unicodeScalars))
        // Without Unicode each scalar becomes one mark, accents included.
        #expect(displayColumns(text, isUnicode: false) == text.unicodeScalars.count)
    }

    @Test(
        "characters that control terminals, or whose width differs between terminals, become visible marks",
        arguments: [
            ("a\u{1b}[31m", "a␛[31m"), ("a\r\n\tb\u{7f}", "a␍␊␉b\u{fffd}"), ("\u{9b}2J", "\u{fffd}2J"),
            ("\u{202e}gnp", "\u{fffd}gnp"), ("a\u{200b}b\u{ad}c", "a\u{fffd}b\u{fffd}c"),
            ("👨\u{200d}👩", "👨\u{fffd}👩"), ("🇳🇴", "\u{fffd}\u{fffd}"), ("👍\u{1f3fd}", "👍\u{fffd}"),
            ("☺\u{fe0f}", "☺\u{fffd}"), ("\u{e000}\u{10ffff}", "\u{fffd}\u{fffd}"), ("\u{301}a", "\u{fffd}a"),
            ("a\u{301}\u{302}\u{303}\u{304}", "a\u{301}\u{302}\u{fffd}\u{fffd}"),
            ("\u{1b}\u{301}", "␛\u{301}"), ("\u{1100}\u{1161}", "\u{1100}\u{fffd}"), ("\u{feff}", "\u{fffd}"),
            ("\u{2028}", "\u{fffd}"),
        ])
    func marks(text: String, shown: String) {
        let characters = displayCharacters(text, isUnicode: true)
        #expect(characters.map(\.text).joined().unicodeScalars.elementsEqual(shown.unicodeScalars))
        for character in displayCharacters(text, isUnicode: false) {
            #expect(character.columns == 1 && character.text.utf8.allSatisfy { 0x20..<0x7f ~= $0 })
        }
    }

    @Test("TERM, COLORTERM and NO_COLOR decide the colours of a terminal")
    func colours() {
        #expect(TerminalColours(type: "xterm", depth: nil, refusal: nil) == .sixteen)
        #expect(TerminalColours(type: "xterm", depth: "truecolor", refusal: "") == .many)
        #expect(TerminalColours(type: "xterm-256color", depth: nil, refusal: nil) == .many)
        #expect(TerminalColours(type: "xterm-256color", depth: nil, refusal: "1") == .none)
        for type in [nil, "", "dumb"] {
            #expect(TerminalColours(type: type, depth: "truecolor", refusal: nil) == .none)
        }
    }

    @Test("the first locale variable that is set decides whether a terminal takes UTF-8")
    func locale() {
        #expect(isUnicodeLocale(["", nil, "de_DE.UTF-8"]))
        #expect(isUnicodeLocale([nil, "C.utf8", "C"]))
        #expect(!isUnicodeLocale(["C", "en_US.UTF-8", "en_US.UTF-8"]))
        #expect(!isUnicodeLocale([nil, nil, nil]))
        #expect(!isUnicodeLocale(["de_DE.ISO-8859-1", nil, nil]))
    }
}
