import Testing

/// Matching and mismatching dialogues.
@Suite("Patterns of dialogues")
struct PatternTests {
    @Test(
        "a line is compared field by field",
        arguments: [
            ("OK  geopipe {...}", "OK\tgeopipe 1.0", true),
            ("OK  geopipe {...}", "OK\tgeopipe 1.0\tmore", false),
            ("OK  geopipe {...}", "OK geopipe 1.0", false),
            ("END", "END", true),
            ("END", "END\r", false),
            ("END", "ENDED", false),
            ("A  60  {192.0.2.1|192.0.2.2}", "A\t60\t192.0.2.2", true),
            ("A  60  {192.0.2.1|192.0.2.2}", "A\t60\t192.0.2.20", false),
            ("{ab*3}{tab}{space}{space}{0x7b}", "ababab\t  {", true),
        ])
    func line(pattern: String, line: String, isMatch: Bool) throws {
        #expect(try Pattern(pattern).matches(Array(line.utf8)) == isMatch)
    }

    @Test(
        "lines are compared in order, or each with one of its own",
        arguments: [
            (["A", "{lines}", "C"], "A C", true, false),
            (["A", "{lines}", "C"], "A B B C", true, false),
            (["A", "{lines}", "C"], "A B", false, false),
            (["{...}", "A"], "A B", false, true),
            (["{...}", "A"], "B A", true, true),
            (["A", "A"], "A B", false, false),
            (["A", "A"], "A", false, false),
            (["A"], "A A", false, false),
        ])
    func lines(patterns: [String], lines: String, inOrder: Bool, inAnyOrder: Bool) throws {
        let patterns = try patterns.map(Pattern.init)
        let lines = lines.split(separator: " ").map { Array($0.utf8) }
        #expect(matchInOrder(lines[...], patterns[...]) == inOrder)
        #expect(matchInAnyOrder(lines[...], patterns[...]) == inAnyOrder)
    }

    @Test("an unknown pattern is an error", arguments: ["{any}", "{a", "{0x7}"])
    func malformed(pattern: String) {
        #expect(throws: Pattern.Malformed.self) { try Pattern(pattern) }
    }
}
