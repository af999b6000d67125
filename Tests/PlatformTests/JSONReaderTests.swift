import Platform
import Support
import Testing

@Suite("Reading JSON")
struct JSONReaderTests {
    private func read(_ text: String) throws(JSONError) -> JSON { try JSON(reading: text.utf8) }

    @Test(
        "everything that RFC 8259 allows is read, and written in the shortest form",
        arguments: [
            // Section 2: whitespace; section 3: values of any kind at the top level.
            (" \t\r\n null\r\n", "null"), ("true", "true"), ("false", "false"), ("\"\"", "\"\""), ("0", "0"),
            ("[ ]", "[]"), ("{ }", "{}"), ("[1 , [2,{}], \"a\"]", "[1,[2,{}],\"a\"]"),
            ("{ \"a\" : { \"b\":[ ] } , \"\" : null }", "{\"a\":{\"b\":[]},\"\":null}"),
            // Section 4: duplicate names are allowed.
            ("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"),
            // Section 6: numbers.
            ("-0", "-0"), ("-7", "-7"), ("10", "10"), ("0.5", "0.5"), ("1e2", "100"), ("1E+2", "100"),
            ("-1.5e-1", "-0.15"),
            ("9223372036854775807", "9223372036854775807"), ("9223372036854775808", "9.223372036854776e+18"),
            ("1e-999", "0"), ("0e99999999999", "0"), ("1764528000.1", "1764528000.1"),
            // Section 7: strings.
            (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\b\f\n\r\t""#), (#""A\u0000é\u00E9""#, #""A\u0000éé""#),
            (#""\ud83d\ude00 \uD834\uDD1E""#, "\"😀 𝄞\""), ("\"\u{7f}\u{2028}\"", #""\u007f\u2028""#),
            // The examples of section 13.
            (
                """
                { "Image": { "Width":  800, "Thumbnail": { "Url": "http://www.example.com/image/481989943" },
                  "Animated" : false, "IDs": [116, 943, 234, 38793] } }
                """,
                #"{"Image":{"Width":800,"Thumbnail":{"Url":"http://www.example.com/image/481989943"},"#
                    + #""Animated":false,"IDs":[116,943,234,38793]}}"#
            ),
            (
                "[ { \"precision\": \"zip\", \"Latitude\":  37.7668, \"Longitude\": -122.3959 } ]",
                #"[{"precision":"zip","Latitude":37.7668,"Longitude":-122.3959}]"#
            ),
        ])
    func values(text: String, compact: String) throws { #expect(try read(text).compact == compact) }

    @Test(
        "errors have their reason and their offset",
        arguments: [
            ("", 0, "the text ends where a value should be"), ("  ", 2, "the text ends where a value should be"),
            ("[", 1, "the text ends where a value should be"), ("[1", 2, "the text ends before a ']'"),
            ("[1 2]", 3, "there is neither ',' nor ']'"), ("[1,]", 3, "there is no value"),
            ("[,1]", 1, "there is no value"), ("{\"a\"}", 4, "there is no ':' after a name"),
            ("{\"a\":1,}", 7, "there is no name in quotation marks"),
            ("{a:1}", 1, "there is no name in quotation marks"),
            ("{\"a\":1", 6, "the text ends before a '}'"), ("{1:2}", 1, "there is no name in quotation marks"),
            ("null null", 5, "something follows the value"), ("nul", 0, "there is no value"),
            ("NaN", 0, "there is no value"), ("Infinity", 0, "there is no value"), ("'a'", 0, "there is no value"),
            ("tru\u{0}", 0, "there is no value"), ("[1]\u{0}", 3, "something follows the value"),
            ("\u{a0}1", 0, "there is no value"), ("// no\n1", 0, "there is no value"),
            ("01", 0, "a number begins with 0"), ("-01", 0, "a number begins with 0"), ("-", 1, "a digit is missing"),
            ("1.", 2, "a digit is missing"), (".5", 0, "there is no value"), ("1e", 2, "a digit is missing"),
            ("1e+", 3, "a digit is missing"), ("+1", 0, "there is no value"),
            ("0x10", 1, "something follows the value"),
            ("1e400", 0, "a number is too large"), ("-1e400", 0, "a number is too large"),
            ("\"", 1, "the text ends before a quotation mark"), ("\"a\\", 3, "the text ends before a quotation mark"),
            ("\"\\\"", 3, "the text ends before a quotation mark"),
            ("\"\n\"", 1, "a text has a control character; write \\n or the like"),
            ("\"a\\n\u{0}\"", 4, "a text has a control character; write \\n or the like"),
            (#""\x41""#, 1, "a backslash comes before a character that needs none"),
            (#""\u12""#, 1, "\\u is not followed by four hexadecimal digits"),
            (#""\u12g4""#, 1, "\\u is not followed by four hexadecimal digits"),
            ("\"\\u１234\"", 1, "\\u is not followed by four hexadecimal digits"),
            (#""\ud800""#, 1, "there is one half of a surrogate pair"),
            (#""\ud800\n""#, 1, "there is one half of a surrogate pair"),
            (#""\ud800\u0041""#, 1, "there is one half of a surrogate pair"),
            (#""\udc00\ud800""#, 1, "there is one half of a surrogate pair"),
            ("\u{feff}1", 0, "there is a byte order mark; write UTF-8 without one"),
        ])
    func errors(text: String, offset: Int, reason: String) {
        #expect(throws: JSONError(offset: offset, reason: reason)) { try JSON(reading: text.utf8) }
    }

    @Test(
        "strings that are not UTF-8 are refused",
        arguments: [
            [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xe2, 0x82],
        ] as [[UInt8]])
    func encoding(bytes: [UInt8]) {
        let quotation = [UInt8(ascii: "\"")]
        for text in [quotation + bytes + quotation, quotation + Array("\\n".utf8) + bytes + quotation] {
            #expect(throws: JSONError(offset: 1, reason: "a text is not UTF-8")) { try JSON(reading: text) }
        }
    }

    @Test("there are at most as many values as the limit, nested ones included")
    func valueLimit() throws {
        let text = #"{"a":[1,[],{"b":null}]}"#
        #expect(try JSON(reading: text.utf8, valueLimit: 6).compact == text)
        #expect(throws: JSONError(offset: 16, reason: "there are too many values")) {
            try JSON(reading: text.utf8, valueLimit: 5)
        }
    }

    @Test("values are nested at most a hundred levels deep")
    func depth() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[{\"a\":", count: levels / 2) + "1" + String(repeating: "}]", count: levels / 2)
        }
        _ = try read(nested(JSON.maximumDepth))
        #expect(throws: JSONError.self) { try JSON(reading: nested(JSON.maximumDepth + 2).utf8) }
        #expect(throws: JSONError.self) { try JSON(reading: String(repeating: "[", count: 1_000_000).utf8) }
        // Siblings do not count as levels.
        #expect(try read("[" + String(repeating: "[],", count: 1_000) + "[]]").items?.count == 1_001)
    }

    @Test("members and items are read by name and kind")
    func access() throws {
        let value = try read(#"{"a": 1, "b": [1.5, 2.0, "x", true, null], "a": 3}"#)
        #expect(value["a"]?.int == 3)
        #expect(value["c"] == nil)
        let items = try #require(value["b"]?.items)
        #expect(items.map(\.double) == [1.5, 2, nil, nil, nil])
        #expect(items.map(\.int) == [nil, 2, nil, nil, nil])
        #expect(items.map(\.string) == [nil, nil, "x", nil, nil])
        #expect(items.map(\.bool) == [nil, nil, nil, true, nil])
        #expect(items[0]["a"] == nil && items[0].items == nil)
        #expect(JSON.number(1e300).int == nil)
        // Names are compared by code points, without normalization.
        #expect(try read("{\"\u{e9}\":1}")["e\u{301}"] == nil)
    }

    @Test("random bytes do no harm, and what is written can be read")
    func randomBytes() throws {
        var random = SeededGenerator(seed: Effort.seed)
        let seeds = [
            #"{"a":[1,2.5e-3,"x\u00e9\ud83d\ude00\\",true,false,null,{"b":{}}],"c":"é😀"}"#,
            #"[[[]],{"":""},-0,"\"",1E5]"#,
        ]
        let parts = Array("{}[]\",:\\u0dD8e+-.tn1 \u{e9}".utf8) + [0, 0x80, 0xff]
        for _ in 0..<(5_000 * Effort.rounds) {
            var bytes = Array(seeds.randomElement(using: &random)!.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = parts.randomElement(using: &random)!
                case 1: bytes.insert(parts.randomElement(using: &random)!, at: place)
                default: bytes.remove(at: place)
                }
            }
            guard let value = try? JSON(reading: bytes) else { continue }
            let again = try JSON(reading: value.compact.utf8)
            #expect(again.compact == value.compact, "seed \(Effort.seed): \(bytes)")
        }
    }
}
