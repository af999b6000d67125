import Foundation
import Platform
import Testing

@Suite("JSON")
struct JSONTests {
    @Test(
        "each kind of value is written as RFC 8259 requires",
        arguments: [
            (JSON.null, "null"), (.boolean(true), "true"), (.boolean(false), "false"), (.integer(-7), "-7"),
            (.number(59.9), "59.9"), (.number(60), "60"), (.number(-0.5), "-0.5"), (.number(1e300), "1e+300"),
            (.number(.nan), "null"), (.number(.infinity), "null"), (.text(""), "\"\""), (.list([]), "[]"),
            (.list([.integer(1), .text("a")]), "[1,\"a\"]"), (.object([]), "{}"),
        ])
    func values(value: JSON, text: String) { #expect(value.compact == text) }

    @Test("members without a value are left out, and the others sorted by name")
    func members() {
        let none: Int? = nil
        let object = JSON.object(["b": .integer(1), "a": .text("x"), "c": none.map(JSON.integer)])
        #expect(object.compact == "{\"a\":\"x\",\"b\":1}")
        #expect(object.pretty == "{\n  \"a\" : \"x\",\n  \"b\" : 1\n}")
    }

    @Test("the pretty form is indented")
    func pretty() {
        let value = JSON.list([.object([("a", .list([.null])), ("b", .list([]))]), .boolean(true)])
        #expect(value.pretty == "[\n  {\n    \"a\" : [\n      null\n    ],\n    \"b\" : []\n  },\n  true\n]")
    }

    @Test("characters that would control a terminal are escaped")
    func terminal() {
        #expect(JSON.text("a\u{1b}[31m\u{7f}\u{9b}\u{202e}é😀").compact == "\"a\\u001b[31m\\u007f\\u009b\\u202eé😀\"")
        #expect(visible("a\u{1b}[31m\t\u{9b}\u{202e}é😀") == "a␛[31m␉\u{fffd}\u{fffd}é😀")
        #expect(visible("plain") == "plain")
    }

    @Test("another JSON decoder reads every string unchanged")
    func texts() throws {
        var scalars = String.UnicodeScalarView((UInt8.min...UInt8.max).map { Unicode.Scalar($0) })
        scalars.append(contentsOf: "\u{2028}\u{fffd}\u{1f600}e\u{301}\r\n".unicodeScalars)
        // Invalid UTF-8 has been replaced before it becomes a string.
        for text in [String(scalars), String(decoding: [0x61, 0xff, 0xc3], as: UTF8.self)] {
            let written = JSON.object([(text, .text(text))])
            for output in [written.compact, written.pretty] {
                let read = try JSONDecoder().decode([String: String].self, from: Data(output.utf8))
                #expect(read.count == 1)
                #expect(read.first.map { Array($0.key.utf8) } == Array(text.utf8))
                #expect(read.first.map { Array($0.value.utf8) } == Array(text.utf8))
            }
        }
    }
}
