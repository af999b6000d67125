import Foundation
import Support
import Testing

@testable import geopipe_agent

@Suite("The page of the live view")
struct LivePageTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Sources/GeopipeAgent/Page").standardizedFileURL

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    }

    @Test("has all files of its folder, and nothing that ends its elements early")
    func files() throws {
        let html = LivePage.own.html
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) {
            switch name.split(separator: ".").last {
            case "js", "css":
                let text = try text(name)
                #expect(html.contains(text), "\(name) is not in the program; add it to Sources/CPage/page.c")
                for end in ["</script", "</style", "<!--"] { #expect(!text.contains(end), "\(name) has \(end)") }
                #expect(text.hasSuffix("\n"), "\(name) has no line end at its end")
            case "html": break
            default: Issue.record("\(name) is none of .html, .css and .js")
            }
        }
        for name in ["style", "script", "outlines"] { #expect(!html.contains("{{\(name)}}")) }
        #expect(html.contains(#"["NO",[["#) && html.contains(#""dots":[["AD",42.5,1.6]"#))
    }

    @Test("is allowed by its policy, and nothing else is")
    func policy() throws {
        let page = LivePage.own
        for (element, source) in [("style", "style-src"), ("script", "script-src")] {
            let pattern = try Regex("<\(element)(?: type=\"module\")?>([\\s\\S]*?)</\(element)>")
            let matches = page.html.matches(of: pattern)
            #expect(matches.count == 1, "<\(element)>")
            let content = String(try #require(matches.first?.output[1].substring))
            let folder = try Folder()
            let file = try folder.write(Array(content.utf8), to: element)
            let result = try Tool("sh").run(["-c", "openssl dgst -sha256 -binary '\(file)' | base64"])
            let hash = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(page.policy.contains("\(source) 'sha256-\(hash)'"), "\(page.policy)")
        }
        #expect(!page.policy.contains("unsafe"))
        #expect(!page.policy.contains("\n"))
        #expect(
            page.html.firstMatch(of: /<[^>]* (style|on[a-z]+)="/) == nil, "the policy forbids attributes like these")
        #expect(page.html.firstMatch(of: /(src|href)="(?!data:|#)/) == nil, "the page needs nothing else")
    }

    @Test("contains its parts, whatever their contents")
    func parts() {
        let page = LivePage(
            frame: "<style>{{style}}</style>{{script}}{{other}}{{outlines}}{{", style: "a{{script}}", script: "$1",
            outlines: "{}")
        #expect(page.html == "<style>a{{script}}</style>$1{{other}}{}{{")
    }
}

@Suite("SHA-256")
struct SHA256Tests {
    @Test("equals that of openssl, at all lengths around the ends of blocks")
    func lengths() throws {
        let folder = try Folder()
        var generator = SeededGenerator(seed: 7)
        for length in [0, 1, 2, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 1_000, 100_000] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let file = try folder.write(bytes, to: "bytes")
            let result = try Tool("sh").run(["-c", "openssl dgst -sha256 -binary '\(file)' | base64"])
            #expect(result.output == base64(SHA256.hash(bytes)) + "\n", "\(length)")
        }
    }

    @Test("encodes base64 as in RFC 4648")
    func encoding() {
        for (text, encoded) in [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            #expect(base64(Array(text.utf8)) == encoded)
        }
        #expect(base64([0xfb, 0xff]) == "+/8=")
    }
}
