import Foundation
import Support

/// A clause of a text in the sources, with placeholders for what the program fills in.
struct SourceText: Hashable {
    /// Its words; `nil` for a placeholder.
    var words: [String?]

    /// The clauses of all texts in the sources, in Swift and C.
    static let all: [SourceText] = {
        var found: Set<SourceText> = []
        let folder = "\(Project.root)/Sources"
        for case let path as String in FileManager.default.enumerator(atPath: folder)! {
            guard path.hasSuffix(".swift") || path.hasSuffix(".c") || path.hasSuffix(".h"),
                let text = try? String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
            else { continue }
            var scanner = Scanner(bytes: Array(text.utf8))
            scanner.scan()
            found.formUnion(scanner.found.flatMap(clauses).map { SourceText($0) })
        }
        return Array(found)
    }()

    /// Reads words of a text in which NUL marks a placeholder.
    init(_ text: String) {
        words = []
        for piece in text.split(separator: "\0", omittingEmptySubsequences: false).enumerated() {
            if piece.offset > 0 { words.append(nil) }
            words += piece.element.matches(of: #/[\p{L}\p{N}_]+/#).map { String($0.output) }
        }
    }

    /// The clauses of a message of the documentation. Ellipses, words in capitals, quoted words, numbers, paths and
    /// system errors are placeholders.
    static func clauses(ofMessage message: String) -> [SourceText] {
        let system =
            #/[Pp]ermission denied|No such file or directory|No space left on device|address already in use|too many open files/#
        let open = message.replacing(system, with: "\0")
            .replacing(#/'[^' ]+( [^']*)?'|\([^)]*\)/#, with: "\0")
            .replacing(#/\.\.\.+|…/#, with: "\0")
        return clauses(of: open).map { clause in
            let words = clause.split(separator: " ").map { word in
                let isFilledIn = word.contains { $0.isNumber || $0 == "/" } || word.dropLast().contains(".")
                return isFilledIn || word.count > 2 && word.allSatisfy { $0.isUppercase } ? "\0" : String(word)
            }
            return SourceText(words.joined(separator: " "))
        }
    }

    /// The parts that a text is composed of.
    private static func clauses(of text: String) -> [String] {
        text.split(separator: #/[;:] |, and |, or /#).map(String.init)
    }

    /// Returns the number of words of `other` that occur in this text in their order, if the two can be equal with all
    /// placeholders filled in, and more before and after this text; `nil` if they cannot.
    func commonWords(in other: SourceText) -> Int? {
        // The best match from each position in `other`, with the rest of this text.
        let own = [nil] + words + [nil]
        var after = [Int?](repeating: nil, count: other.words.count + 1)
        after[other.words.count] = 0
        for word in own.reversed() {
            var best = [Int?](repeating: nil, count: other.words.count + 1)
            for place in stride(from: other.words.count, through: 0, by: -1) {
                var candidates: [Int?] = []
                if let word {
                    if place < other.words.count {
                        if other.words[place] == word { candidates.append(after[place + 1].map { $0 + 1 }) }
                        if other.words[place] == nil { candidates += [after[place], best[place + 1]] }
                    }
                } else {
                    candidates.append(after[place])
                    if place < other.words.count { candidates.append(best[place + 1]) }
                }
                best[place] = candidates.compactMap { $0 }.max()
            }
            after = best
        }
        return after[0]
    }

    /// Finds the literals of a file.
    private struct Scanner {
        let bytes: [UInt8]
        var position = 0
        var found: [String] = []

        init(bytes: [UInt8]) { self.bytes = bytes }

        private func isAt(_ text: StaticString) -> Bool {
            let end = position + text.utf8CodeUnitCount
            guard end <= bytes.count else { return false }
            return (0..<text.utf8CodeUnitCount).allSatisfy { bytes[position + $0] == text.utf8Start[$0] }
        }

        mutating func scan(untilParenthesis: Bool = false) {
            var depth = 0
            // The continuation in an adjacent literal.
            var open: String?
            while position < bytes.count {
                if isAt("//") {
                    while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
                } else if isAt("'\"'") || isAt("#\"") {
                    // A character of C, or a raw string, which is not part of a message.
                    let isRaw = isAt("#")
                    position += isRaw ? 2 : 3
                    while isRaw, position < bytes.count, !isAt("\"#") { position += 1 }
                    if isRaw { position += 2 }
                } else if isAt("\"") {
                    open = (open ?? "") + literal()
                    continue
                }
                guard position < bytes.count else { break }
                switch bytes[position] {
                case UInt8(ascii: "("): depth += 1
                case UInt8(ascii: ")"):
                    depth -= 1
                    if untilParenthesis, depth < 0 {
                        if let open { found.append(open) }
                        return
                    }
                case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "+"):
                    position += 1
                    continue
                default: break
                }
                if let text = open {
                    found.append(text)
                    open = nil
                }
                position += 1
            }
            if let open { found.append(open) }
        }

        /// Returns the literal that begins here, with NUL for each interpolation.
        private mutating func literal() -> String {
            let isLong = isAt("\"\"\"")
            position += isLong ? 3 : 1
            var text: [UInt8] = []
            while position < bytes.count {
                if isLong ? isAt("\"\"\"") : isAt("\"") {
                    position += isLong ? 3 : 1
                    break
                }
                if isAt("\\(") {
                    position += 2
                    scan(untilParenthesis: true)
                    position += 1
                    text.append(0)
                } else if isAt("\\") {
                    // An escaped character, or the end of a line in a multi-line literal.
                    let isQuote = position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "\"")
                    if isQuote { text.append(UInt8(ascii: "\"")) }
                    position += 2
                } else if isAt("%s") || isAt("%d") {
                    text.append(0)
                    position += 2
                } else {
                    text.append(bytes[position])
                    position += 1
                }
            }
            return String(decoding: text, as: UTF8.self)
        }
    }
}
