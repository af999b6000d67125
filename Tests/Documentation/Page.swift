import Foundation
import Support
import Testing

/// A page of the documentation.
struct Page: CustomTestStringConvertible {
    /// Relative to the project's root: `docs/live.md`.
    let path: String
    let lines: [String]

    var testDescription: String { path }

    /// All pages, so that a new one is checked without being listed anywhere.
    static let all: [Page] = {
        let docs = (try? FileManager.default.contentsOfDirectory(atPath: "\(Project.root)/docs")) ?? []
        let paths =
            ["README.md", "CONTRIBUTING.md", "Tests/Transcripts/dialogues/README.md"]
            + docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
        return paths.compactMap { Page($0) }
    }()

    init?(_ path: String) {
        guard let text = try? String(contentsOfFile: "\(Project.root)/\(path)", encoding: .utf8) else { return nil }
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// A code block.
    struct Block: CustomTestStringConvertible {
        /// The page, and the line number of its first line, from 1.
        var place: String
        /// The info string after the three backquotes; `nil` for an indented block.
        var language: String?
        /// The content of the HTML comment before it, which is not shown: `run`; `nil` without one.
        var mark: String?
        /// Whether it has an end.
        var isClosed: Bool
        var text: String

        var testDescription: String { place }
    }

    /// The blocks, and the lines outside of blocks.
    private var parts: (blocks: [Block], prose: [(number: Int, text: String)]) {
        var blocks: [Block] = []
        var prose: [(number: Int, text: String)] = []
        var mark: String?
        var isInList = false
        var number = 0
        while number < lines.count {
            let line = lines[number]
            let first = number
            let indentation = line.prefix { $0 == " " }
            if line.dropFirst(indentation.count).hasPrefix("```") {
                // In an item of a list a block is indented like the item.
                let end = lines[(number + 1)...].firstIndex { $0.hasPrefix("\(indentation)```") } ?? lines.count
                let text = lines[min(number + 1, end)..<end].map { line in
                    (line.hasPrefix(indentation) ? String(line.dropFirst(indentation.count)) : line) + "\n"
                }
                blocks.append(
                    Block(
                        place: "\(path):\(first + 2)", language: String(line.dropFirst(indentation.count + 3)),
                        mark: mark, isClosed: end < lines.count, text: text.joined()))
                number = end + 1
                mark = nil
                continue
            }
            let isAfterBlank = number == 0 || lines[number - 1].isEmpty
            if line.hasPrefix("    "), isAfterBlank, !isInList {
                var end = number
                while end < lines.count, lines[end].hasPrefix("    ") || lines[end].isEmpty { end += 1 }
                while lines[end - 1].isEmpty { end -= 1 }
                let text = lines[number..<end].map { String($0.dropFirst(4)) + "\n" }.joined()
                blocks.append(
                    Block(place: "\(path):\(first + 1)", language: nil, mark: mark, isClosed: true, text: text))
                number = end
                mark = nil
                continue
            }
            if line.hasPrefix("<!-- "), line.hasSuffix(" -->") {
                mark = String(line.dropFirst(5).dropLast(4))
            } else if !line.isEmpty {
                mark = nil
                // An indented line below an item of a list belongs to it.
                isInList =
                    line.hasPrefix("- ") || line.first?.isNumber == true && line.contains(". ")
                    || isInList && line.hasPrefix(" ")
            }
            prose.append((number + 1, line))
            number += 1
        }
        return (blocks, prose)
    }

    var blocks: [Block] { parts.blocks }

    /// The text outside of blocks, with line numbers.
    var prose: [(number: Int, text: String)] { parts.prose }

    /// The anchors of its headings, as GitHub makes them.
    var anchors: Set<String> {
        var anchors: Set<String> = []
        for (_, line) in prose where line.hasPrefix("#") {
            let heading = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
                .replacing(#/\[([^\]]*)\]\([^)]*\)/#) { String($0.output.1) }
            let anchor = heading.lowercased().replacing(" ", with: "-")
                .filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
            var unique = anchor
            var count = 0
            while !anchors.insert(unique).inserted {
                count += 1
                unique = "\(anchor)-\(count)"
            }
        }
        return anchors
    }

    /// The targets of its links, with line numbers.
    var links: [(number: Int, target: String)] {
        // A link's text may span lines.
        var text = ""
        var starts: [(offset: Int, number: Int)] = []
        for (number, line) in prose {
            starts.append((text.count, number))
            text += line.replacing(#/`[^`]*`/#, with: "") + "\n"
        }
        // In parentheses, at the end of a line of its own, or in HTML.
        return [#/\]\(([^)\s]+)\)/#, #/(?m)^\[[^\]]+\]: (\S+)/#, #/(?:src|href)="([^"]+)"/#].flatMap { form in
            text.matches(of: form).map { match in
                let offset = text.distance(from: text.startIndex, to: match.range.lowerBound)
                return (starts.last { $0.offset <= offset }?.number ?? 0, String(match.output.1))
            }
        }
    }
}
