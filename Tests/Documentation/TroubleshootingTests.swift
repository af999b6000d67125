import Testing

/// docs/troubleshooting.md quotes messages of the program literally: they must be in the sources.
@Suite("Messages of docs/troubleshooting.md")
struct TroubleshootingTests {
    /// A message of the page.
    struct Message: CustomTestStringConvertible {
        let place: String
        let text: String
        var testDescription: String { "\(place): \(text)" }
    }

    /// The messages in the first columns of the tables, and what looks like one in the others: at least four words that
    /// are no command. Not those of other programs, under a heading that says so.
    static let messages: [Message] = {
        guard let page = Page("docs/troubleshooting.md") else { return [] }
        var isOthers = false
        var messages: [Message] = []
        for (number, line) in page.prose {
            if line.hasPrefix("#") { isOthers = line.contains("pdns says") || line.contains("systemd says") }
            guard line.hasPrefix("| "), !isOthers else { continue }
            for (column, cell) in line.split(separator: " | ").enumerated() {
                messages += cell.matches(of: #/`([^`]+)`/#).map(\.output.1).filter {
                    column == 0 || isMessage($0)
                }.map { Message(place: "\(page.path):\(number)", text: String($0)) }
            }
        }
        return messages
    }()

    private static func isMessage(_ text: Substring) -> Bool {
        let words = text.split(separator: " ")
        return words.count >= 4 && !["geopipe", "chown", "runuser"].contains(words[0])
    }

    @Test("are in the sources", arguments: messages)
    func sources(message: Message) {
        var count = 0
        for clause in SourceText.clauses(ofMessage: message.text) {
            let words = clause.words.compactMap { $0 }
            guard words.count > 1 else { continue }
            count += 1
            let wanted = Set(words)
            let best =
                SourceText.all.lazy.filter { text in text.words.contains { $0.map(wanted.contains) ?? false } }
                .compactMap { $0.commonWords(in: clause) }.max() ?? 0
            // The others are names that an example fills in.
            #expect(2 * best >= words.count, "\(message.place): \(words) are not in the sources")
        }
        #expect(count > 0, "\(message.place): there is nothing to look for in \(message.text)")
    }

    @Test("are many")
    func count() { #expect(Self.messages.count > 60) }

    @Test("match texts with placeholders, and no others")
    func matching() throws {
        func common(_ source: String, _ message: String) throws -> Int? {
            SourceText(source).commonWords(in: try #require(SourceText.clauses(ofMessage: message).first))
        }
        #expect(try common("unknown \0 '\0'\0", "unknown datacenter 'olso'; did you mean 'oslo'?") == 1)
        #expect(try common("cannot use the database \0", "cannot use the database a.mmdb: gone") == 4)
        #expect(try common("cannot use the file \0", "cannot use the database a.mmdb") == 0)
        #expect(try common("what was loaded stays", "... stays") == 1)
        #expect(try common("what was loaded stays", "what was loaded") == nil)
        #expect(SourceText.all.count > 3_000)
    }
}
