import Foundation

/// A line of a dialogue: plain bytes and patterns in braces (see dialogues/README.md).
struct Pattern {
    private enum Piece {
        case bytes([UInt8])
        case anything
        case oneOf([[UInt8]])
    }

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    let text: String
    private let pieces: [Piece]

    /// Matches any number of lines, including none.
    private static let anyLines = "{lines}"

    var isAnyLines: Bool { text == Self.anyLines }
    var isData: Bool { text.hasPrefix("DATA") }

    /// Reads the text of a line after its mark. Two spaces or more, and a tab, stand for one tab.
    init(_ text: String) throws {
        self.text = text
        var pieces: [Piece] = []
        var rest = text[...]
        while text != Self.anyLines, let open = rest.firstIndex(of: "{") {
            guard let shut = rest[open...].firstIndex(of: "}") else {
                throw Malformed(description: "a brace is not closed; {0x7b} stands for a brace")
            }
            pieces.append(.bytes(Self.tabbed(rest[..<open])))
            pieces.append(try Self.braced(rest[rest.index(after: open)..<shut]))
            rest = rest[rest.index(after: shut)...]
        }
        pieces.append(.bytes(Self.tabbed(rest)))
        self.pieces = pieces
    }

    /// The bytes that the pattern stands for.
    func bytes() throws -> [UInt8] {
        try pieces.flatMap { piece in
            guard case .bytes(let bytes) = piece else {
                throw Malformed(description: "what is sent must be exact; {...} and {a|b} are for answers")
            }
            return bytes
        }
    }

    func matches(_ line: [UInt8]) -> Bool {
        Self.matches(line[...], pieces[...])
    }

    private static func matches(_ line: ArraySlice<UInt8>, _ pieces: ArraySlice<Piece>) -> Bool {
        guard let piece = pieces.first else { return line.isEmpty }
        let later = pieces.dropFirst()
        switch piece {
        case .bytes(let bytes):
            return line.starts(with: bytes) && matches(line.dropFirst(bytes.count), later)
        case .oneOf(let choices):
            return choices.contains { line.starts(with: $0) && matches(line.dropFirst($0.count), later) }
        case .anything:
            let field = line.prefix { $0 != UInt8(ascii: "\t") }
            return (0...field.count).contains { matches(line.dropFirst($0), later) }
        }
    }

    private static func tabbed(_ text: Substring) -> [UInt8] {
        Array(text.replacing(/\t| {2,}/, with: "\t").utf8)
    }

    private static func braced(_ text: Substring) throws -> Piece {
        switch text {
        case "...": return .anything
        case "tab": return .bytes([UInt8(ascii: "\t")])
        case "cr": return .bytes([UInt8(ascii: "\r")])
        case "space": return .bytes([UInt8(ascii: " ")])
        default: break
        }
        if let byte = text.wholeMatch(of: /0x([0-9a-f]{2})/), let value = UInt8(byte.1, radix: 16) {
            return .bytes([value])
        }
        if let run = text.wholeMatch(of: /(.+)\*([0-9]+)/), let count = Int(run.2) {
            return .bytes(Array(repeatElement(Array(run.1.utf8), count: count).joined()))
        }
        let choices = text.split(separator: "|", omittingEmptySubsequences: false)
        guard choices.count > 1 else { throw Malformed(description: "unknown: {\(text)}") }
        return .oneOf(choices.map { Array($0.utf8) })
    }
}

/// Returns whether the lines match the patterns, in order.
func matchInOrder(_ lines: ArraySlice<[UInt8]>, _ patterns: ArraySlice<Pattern>) -> Bool {
    guard let pattern = patterns.first else { return lines.isEmpty }
    let later = patterns.dropFirst()
    if pattern.isAnyLines {
        return (0...lines.count).contains { matchInOrder(lines.dropFirst($0), later) }
    }
    guard let line = lines.first else { return false }
    return pattern.matches(line) && matchInOrder(lines.dropFirst(), later)
}

/// Returns whether each line matches a different pattern, in any order.
func matchInAnyOrder(_ lines: ArraySlice<[UInt8]>, _ patterns: ArraySlice<Pattern>) -> Bool {
    guard let pattern = patterns.first else { return lines.isEmpty }
    return lines.indices.contains { index in
        pattern.matches(lines[index])
            && matchInAnyOrder(lines[..<index] + lines[(index + 1)...], patterns.dropFirst())
    }
}
