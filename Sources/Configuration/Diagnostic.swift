import DNS
import Zones

/// A problem in a file: where it is, what is wrong, and what to write instead.
public struct Diagnostic: Error, Hashable, CustomStringConvertible {
    /// The file as the operator named it.
    public var file: String
    /// Counted from 1; `nil` for the whole file.
    public var position: Position?
    /// `what is wrong; what to write instead`. The middle of a very long message is left out.
    public var message: String
    public var severity: Severity
    /// The number of problems it stands for: more than one if it counts those that are left out.
    public var count = 1

    public typealias Position = SourcePosition

    public enum Severity: String, Sendable {
        /// The configuration cannot be used.
        case error
        /// It can be used, but probably not as intended.
        case warning
        /// It can be used as intended, and is worth knowing.
        case note
    }

    public init(file: String, position: Position?, message: String, severity: Severity) {
        self.file = file
        self.position = position
        // A message may quote megabytes without a space, if the file is something else.
        self.message = message.utf8.count > 1_000 ? "\(message.prefix(300))…\(message.suffix(300))" : message
        self.severity = severity
    }

    public init(file: String, position: Position?, message: String, isWarning: Bool = false) {
        self.init(file: file, position: position, message: message, severity: isWarning ? .warning : .error)
    }

    /// Whether the configuration can be used all the same: a warning or a note.
    public var isWarning: Bool {
        get { severity != .error }
        set { severity = newValue ? .warning : .error }
    }

    /// `file:line:column: message`, as compilers write it.
    public var description: String {
        let place = position.map { "\(file):\($0.line):\($0.column)" } ?? file
        return "\(place): \(severity == .error ? "" : "\(severity.rawValue): ")\(message)"
    }

    /// What is wrong: the message up to the first `; ` outside of quotation marks and parentheses.
    public var summary: String { String(message[..<(endOfSummary ?? message.endIndex)]) }

    /// What to write instead: the rest of the message; `nil` if there is none.
    public var hint: String? { endOfSummary.map { String(message[message.index($0, offsetBy: 2)...]) } }

    private var endOfSummary: String.Index? {
        var isQuoted = false
        var depth = 0
        var previous: Character = " "
        for (index, character) in zip(message.indices, message) {
            let next = message.index(after: index)
            let follower: Character = next < message.endIndex ? message[next] : " "
            switch character {
            // An apostrophe stands between two letters, a quotation mark does not.
            case "'" where !isQuoted: isQuoted = " ([{:=".contains(previous)
            case "'" where " ,;:.?)]}".contains(follower): isQuoted = false
            case "(" where !isQuoted, "{" where !isQuoted: depth += 1
            case ")" where !isQuoted, "}" where !isQuoted: depth -= 1
            case ";" where !isQuoted && depth <= 0 && follower == " ": return index
            default: break
            }
            previous = character
        }
        return nil
    }
}

/// Diagnostics, of which the first `limit` of each file and severity are kept; the rest are only counted.
public struct DiagnosticList: Sendable {
    /// The number of diagnostics of a file and severity that are kept.
    public static let limit = 100

    private var kept: [Diagnostic] = []
    /// The elements of `kept`, to drop repetitions.
    private var known: Set<Diagnostic> = []
    private var counts: [Kind: Int] = [:]

    private struct Kind: Hashable {
        var file: String
        var severity: Diagnostic.Severity
    }

    public init() {}

    public init(_ diagnostics: some Sequence<Diagnostic>) {
        for diagnostic in diagnostics { append(diagnostic) }
    }

    public var isEmpty: Bool { kept.isEmpty }
    /// The number of diagnostics, with those that are left out.
    var count: Int { counts.values.reduce(0, +) }

    public mutating func append(_ diagnostic: Diagnostic) {
        let kind = Kind(file: diagnostic.file, severity: diagnostic.severity)
        if counts[kind, default: 0] < Self.limit, diagnostic.count == 1 {
            guard known.insert(diagnostic).inserted else { return }
            kept.append(diagnostic)
        }
        counts[kind, default: 0] += diagnostic.count
    }

    /// Replaces a diagnostic that is kept.
    mutating func replace(_ old: Diagnostic, with new: Diagnostic) {
        guard let index = kept.firstIndex(of: old) else { return }
        known.remove(old)
        known.insert(new)
        kept[index] = new
    }

    /// Returns all that are kept, those of `main` first, by file, line and column, and how many of each file are left
    /// out.
    public func sorted(main: String) -> [Diagnostic] {
        let omitted = counts.compactMap { kind, count -> Diagnostic? in
            let kept = kept.count { $0.file == kind.file && $0.severity == kind.severity }
            guard count > kept else { return nil }
            let noun = kind.severity.rawValue + (count - kept == 1 ? "" : "s")
            var rest = Diagnostic(
                file: kind.file, position: .end, message: "... and \(grouped(count - kept)) more \(noun)",
                severity: kind.severity)
            rest.count = count - kept
            return rest
        }
        func rank(_ diagnostic: Diagnostic) -> (Int, String) { (diagnostic.file == main ? 0 : 1, diagnostic.file) }
        return (kept + omitted).enumerated().sorted { a, b in
            let (first, second) = (rank(a.element), rank(b.element))
            if first != second { return first < second }
            let places = (a.element.position ?? .start, b.element.position ?? .start)
            return places.0 != places.1 ? places.0 < places.1 : a.offset < b.offset
        }.map {
            var diagnostic = $0.element
            if diagnostic.position == .end { diagnostic.position = nil }
            return diagnostic
        }
    }
}

/// Returns a number with commas between thousands.
private func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.indices.map { ((digits.count - $0) % 3 == 0 && $0 > 0 ? "," : "") + String(digits[$0]) }.joined()
}

extension Diagnostic.Position {
    fileprivate static let start = Self(line: 0, column: 0)
    fileprivate static let end = Self(line: .max, column: .max)
}

extension Sequence<Diagnostic> {
    /// Returns lines for a log: the first few, and how many more there are.
    public func brief(_ limit: Int = 10, command: String) -> [String] {
        let all = Array(self)
        let total = all.reduce(0) { $0 + $1.count }
        guard all.count > limit else { return all.map(\.description) }
        return all.prefix(limit).map(\.description) + ["... and \(grouped(total - limit)) more; see \(command)"]
    }
}

/// A configuration that cannot be used, with all its problems.
public struct ConfigurationError: Error, CustomStringConvertible {
    /// In the order of the file; never empty. Errors only, unless the reader is not that of a configuration.
    public let diagnostics: [Diagnostic]
    /// Warnings and notes, in the order of the file.
    public let warnings: [Diagnostic]
    /// All files that were read, or would have been if they could be.
    public let files: Set<String>

    public init(_ diagnostics: [Diagnostic], warnings: [Diagnostic] = [], files: Set<String> = []) {
        self.diagnostics = diagnostics
        self.warnings = warnings
        self.files = files
    }

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
