import Foundation

/// A dialogue between pdns and geopipe in a text file (see dialogues/README.md).
struct Transcript {
    /// A line from pdns and geopipe's answer.
    struct Exchange {
        /// The line number of the question in the file.
        let line: Int
        /// The line, with its newline if it has one.
        let question: [UInt8]
        var answer: [Pattern] = []
    }

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// In the folder of the dialogue.
    private(set) var configuration = ""
    private(set) var exitStatus: Int32 = 0
    private(set) var standardError: [Pattern] = []
    private(set) var exchanges: [Exchange] = []

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "dialogues")

    init(contentsOf file: URL) throws {
        let lines = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in zip(1..., lines.map(String.init)) {
            do {
                try read(line.replacing(#/ +$/#, with: ""), at: number)
            } catch {
                throw Malformed(description: "\(file.lastPathComponent):\(number): \(error)")
            }
        }
    }

    private mutating func read(_ line: String, at number: Int) throws {
        if line.isEmpty || line.hasPrefix("#") { return }
        if let header = line.wholeMatch(of: /(config|exit): *(.+)/) {
            return try read(header.2, of: header.1)
        }
        guard let parts = line.wholeMatch(of: /([><!])(?: (.*))?/) else {
            throw Malformed(description: "a line starts with one of # > < ! and a space, or config: or exit:")
        }
        let text = String(parts.2 ?? "")
        switch parts.1 {
        case ">":
            let isUnfinished = text.hasSuffix("{no newline}")
            let question = try Pattern(isUnfinished ? String(text.dropLast("{no newline}".count)) : text).bytes()
            exchanges.append(
                Exchange(line: number, question: isUnfinished ? question : question + [UInt8(ascii: "\n")]))
        case "<":
            guard !exchanges.isEmpty else { throw Malformed(description: "an answer before any question") }
            exchanges[exchanges.count - 1].answer.append(try Pattern(text))
        default:
            standardError.append(try Pattern(text))
        }
    }

    private mutating func read(_ value: Substring, of header: Substring) throws {
        if header == "config" {
            configuration = String(value)
        } else if let status = Int32(value) {
            exitStatus = status
        } else {
            throw Malformed(description: "exit: needs a number")
        }
    }
}
