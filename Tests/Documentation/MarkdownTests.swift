import Testing

/// Damaged Markdown, as a rendered page shows it: prose as code, a sentence as a list.
@Suite("Markdown of the documentation")
struct MarkdownTests {
    @Test("has no prose that is indented like code", arguments: Page.all)
    func blocks(page: Page) {
        for block in page.blocks where block.language == nil {
            let lines = block.text.split(separator: "\n").map(String.init)
            // A first line that is indented more than 4 was shifted by an edit. Drawings may begin so.
            let isDrawing = lines.contains { $0.contains { "│┌└─┬┴┐┘".contains($0) } }
            let first = lines.first.map { $0.prefix { $0 == " " }.count } ?? 0
            #expect(first == 0 || isDrawing, "\(block.place): the first line is indented by \(4 + first)")
            #expect(!Self.isProse(lines), "\(block.place): this looks like prose; indent it by less than 4")
        }
    }

    @Test("has no wrapped line that begins a list, and no two empty lines", arguments: Page.all)
    func lines(page: Page) {
        var before = ""
        var last = 0
        for (number, line) in page.prose {
            let isNext = number == last + 1
            #expect(!(isNext && line.isEmpty && before.isEmpty), "\(page.path):\(number): two empty lines")
            // An item follows an empty line, or another item or its text.
            let isWrapped = isNext && !before.isEmpty && before.first != " " && before.wholeMatch(of: Self.item) == nil
            #expect(
                !(isWrapped && line.wholeMatch(of: Self.item) != nil),
                "\(page.path):\(number): the line begins a list; wrap it elsewhere, or put an empty line before it")
            (before, last) = (line, number)
        }
    }

    @Test("is recognized as damaged")
    func recognition() {
        #expect(Self.isProse(["This page explains how to build a container image and run it."]))
        #expect(!Self.isProse(["geopipe status", "journalctl -u pdns"]))
        #expect("1. It does the same if".wholeMatch(of: Self.item) != nil)
        #expect("1.5 times".wholeMatch(of: Self.item) == nil)
    }

    /// A line that begins an item of a list.
    nonisolated(unsafe) private static let item = #/ {0,3}(?:[-+*]|\d+[.)]) .*/#

    /// Returns whether all lines are a sentence: it begins with a capital letter, has many words, and ends with a dot.
    private static func isProse(_ lines: [String]) -> Bool {
        guard let first = lines.first?.first, first.isUppercase, let last = lines.last, last.hasSuffix(".") else {
            return false
        }
        return lines.joined(separator: " ").split(separator: " ").count > 6
    }
}
