import Configuration
import Testing

@Suite("Suggestions")
struct SuggestionTests {
    @Test(
        "ignore accents and case",
        arguments: [
            ("São  Paulo", "sao paulo"), ("e\u{301}te\u{301}", "ete"), ("İzmir", "izmir"), ("Đà Nẵng", "da nang"),
            ("Łódź", "lodz"), ("Tromsø", "tromso"), ("Gießen", "giessen"), ("Þórshöfn", "thorshofn"),
            ("L'Aquila", "laquila"), ("St. John\u{2019}s", "st johns"), ("-- a_b --", "a b"), ("Москва", "москва"),
            ("東京", "東京"), ("", ""),
        ])
    func folding(name: String, plain: String) { #expect(folded(name) == plain) }

    @Test("treat ASCII like other text", arguments: ["PIPE-Command", "don't", "a__b", "  Z9", "--x'", "ns1.example"])
    func foldingASCII(text: String) {
        // An accent after the text leads to the tables of Unicode.
        #expect(folded(text + "\u{301}") == folded(text))
    }

    @Test(
        "count edits up to a limit",
        arguments: [
            ("", "", 0, 0), ("pipe", "pipe", 0, 0), ("pipe", "pip", 1, 1), ("pipe", "piep", 1, 1),
            ("pipe", "ipep", 2, 2),
            ("pipe", "", 4, 4), ("kitten", "sitting", 3, 3), ("kitten", "sitting", 2, nil), ("ab", "ba", 0, nil),
            ("loca-port", "local-port", 2, 1), ("launch", "local-address", 2, nil), ("a", "a", -1, nil),
            ("abcdef", "uvwxyz", 5, nil), ("abcdef", "badcfe", 3, 3),
        ] as [(String, String, Int, Int?)])
    func distance(a: String, b: String, limit: Int, edits: Int?) {
        #expect(editDistance(a, b, atMost: limit) == edits)
        #expect(editDistance(b, a, atMost: limit) == edits)
    }
}
