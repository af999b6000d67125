import Testing

@testable import Configuration

@Suite("YAML")
struct YAMLTests {
    /// Returns the node as text: `plain`, `"quoted"`, `[item, ...]`, `{key: value, ...}`, on request with line and
    /// column before each.
    private func text(_ node: YAMLNode, places: Bool = false) -> String {
        let place = places ? "\(node.position.line):\(node.position.column) " : ""
        switch node.value {
        case .scalar(let scalar): return place + (scalar.isPlain ? scalar.string : "\"\(scalar.string)\"")
        case .sequence(let items):
            return place + "[\(items.map { text($0, places: places) }.joined(separator: ", "))]"
        case .mapping(let entries):
            let words = entries.map { "\(text($0, places: places)): \(text($1, places: places))" }
            return place + "{\(words.joined(separator: ", "))}"
        }
    }

    @Test(
        "is read as it is written",
        arguments: [
            ("NO", "NO"), ("010", "010"), ("~", "~"), ("'null'", "\"null\""), ("a:", "{a: }"),
            ("a: [1, \"2\", '3']", "{a: [1, \"2\", \"3\"]}"), ("\"\\0\\x41\\u00e9\\n\"", "\"\0A\u{e9}\n\""),
            ("a: |\n  b\n  c\n", "{a: \"b\nc\n\"}"), ("a: >-\n  b\n  c\n", "{a: \"b c\"}"), ("- a\n-\n- b", "[a, , b]"),
            ("? [a]\n: b", "{[a]: b}"), ("!!int a: !x {b: !!str c}", "{a: {b: c}}"), ("<<: a", "{<<: a}"),
            ("%YAML 1.1\n---\na\n...\n", "a"), ("a: b # c\r\nd: e\r\n", "{a: b, d: e}"),
        ])
    func values(yaml: String, value: String) throws {
        #expect(try YAMLComposer.document(yaml).map { text($0) } == value)
    }

    @Test("has no value without a document", arguments: ["", "\n", "# a comment\n"])
    func nothing(yaml: String) throws { #expect(try YAMLComposer.document(yaml).map { text($0) } == nil) }

    @Test("has the position of each value, in characters")
    func places() throws {
        let node = try #require(try YAMLComposer.document("\u{65e5}: b\nc:\n  - \u{1f600} \n  - {d: 'e'}"))
        #expect(
            text(node, places: true) == "1:1 {1:1 \u{65e5}: 1:4 b, 2:1 c: 3:3 [3:5 \u{1f600}, 4:5 {4:6 d: 4:9 \"e\"}]}")
    }

    @Test("replaces an alias by the value and position of its anchor, the last one of that name")
    func aliases() throws {
        let node = try #require(try YAMLComposer.document("a: &x [&y b]\nc: *x\nd: &x e\nf: [*x, *y]"))
        #expect(text(node) == "{a: [b], c: [b], d: e, f: [e, b]}")
        #expect(node.mapping?[1].value.position == .init(line: 1, column: 4))
    }

    @Test("is refused at once if aliases expand to millions of values")
    func bomb() {
        let levels = (1..<40).map {
            "- &x\($0) {k: [\(Array(repeating: "*x\($0 - 1)", count: 10).joined(separator: ", "))]}"
        }
        let error = #expect(throws: YAMLError.self) {
            try YAMLComposer.document("- &x0 a\n" + levels.joined(separator: "\n"))
        }
        guard case .tooManyValues(let position)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(position.line > 1 && position.column > 1)
    }

    @Test("has tags, of which those of no usual type are reported")
    func tags() throws {
        var found: [String] = []
        let yaml = "a: !!python/object:os.system b\nc: !x [!!str d, !!int 5, ! e]\nf: !!map {}\ng: !!binary h"
        _ = try YAMLComposer.document(yaml) { found.append("\($1.line):\($1.column) \($0)") }
        #expect(found == ["1:4 !!python/object:os.system", "2:4 !x", "4:4 !!binary"])
    }

    @Test(
        "that is invalid is refused with the error and its position",
        arguments: [
            ("a: b\nc: \u{1}", "2:4 control characters are not allowed"),
            ("\u{65e5}: *b", "1:4 found undefined alias"), ("a: &b [*b]", "1:8 found undefined alias"),
            ("a\n---\nb", "2:1 expected a single document in the stream but found another document"),
            ("a: [b", "2:1 while parsing a flow sequence did not find expected ',' or ']'"),
            ("a: b: c", "1:5 mapping values are not allowed in this context"),
            (String(repeating: "[", count: 300), "1:201 found values more than 200 deep in others"),
            (String(repeating: "- ", count: 300), "1:401 found values more than 200 deep in others"),
        ])
    func malformed(yaml: String, diagnostic: String) {
        let error = #expect(throws: YAMLError.self) { try YAMLComposer.document(yaml) }
        guard case .malformed(let problem, let context, let position)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let place = position.map { "\($0.line):\($0.column) " } ?? ""
        #expect(place + (context.map { $0 + " " } ?? "") + problem == diagnostic)
    }

    @Test("with duplicate keys is refused, at the first of them")
    func duplicates() {
        let error = #expect(throws: YAMLError.self) {
            try YAMLComposer.document("a: {b: 1, c: 2, 'c': 3, d: 4, b: 5, c: 6}\na: 7")
        }
        guard case .duplicateKeys(let keys, let position)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(keys == ["c", "b"] && position == .init(line: 1, column: 11))
    }
}
