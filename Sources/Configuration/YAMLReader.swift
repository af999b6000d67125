/// Reads the parts of a YAML document, and collects errors instead of stopping at the first.
///
/// Scalars are strings as they are written: `NO` is never a Boolean.
final class YAMLReader {
    private let file: String
    private var errors = DiagnosticList()
    private var cautions = DiagnosticList()
    private var advised = DiagnosticList()
    /// Errors that may repeat in many places, and how often they did.
    private var repeated: [String: (message: String, diagnostic: Diagnostic, count: Int)] = [:]
    /// All files that were read, or would have been if they could be.
    var files: Set<String> = []

    init(file: String) { self.file = file }

    /// The errors, in the order of the file.
    var diagnostics: [Diagnostic] { errors.sorted(main: file) }
    var hasComplaints: Bool { !errors.isEmpty }
    /// The number of errors, with those that are not kept.
    var complaintCount: Int { errors.count }
    /// Problems that do not prevent loading, in the order of the file.
    var warnings: [Diagnostic] { cautions.sorted(main: file) }
    /// Advice for `geopipe check`; processes that only load the configuration leave it out.
    var advice: [Diagnostic] { advised.sorted(main: file) }

    /// One key of a mapping and its value.
    struct Entry {
        var key: String
        var keyPosition: Diagnostic.Position?
        var value: YAMLNode
    }

    /// Adds an error, in this file if no other is given.
    func diagnose(_ position: Diagnostic.Position?, _ message: String, file: String? = nil) {
        errors.append(Diagnostic(file: file ?? self.file, position: position, message: message))
    }

    /// Adds an error that may repeat, such as an unknown name: it is reported at the first place, with the number of
    /// other places.
    ///
    /// - Parameter key: equal for errors with the same cause; `nil` uses the message itself.
    func diagnoseOnce(_ position: Diagnostic.Position?, key: String? = nil, _ message: String) {
        let key = key ?? message
        guard let (message, first, count) = repeated[key] else {
            let diagnostic = Diagnostic(file: file, position: position, message: message)
            repeated[key] = (message, diagnostic, 1)
            return errors.append(diagnostic)
        }
        guard position != first.position else { return }
        var diagnostic = Diagnostic(file: file, position: first.position, message: message)
        let others = count == 1 ? "1 other place" : "\(count) other places"
        let hint = diagnostic.hint.map { "; \($0)" } ?? ""
        diagnostic.message = "\(diagnostic.summary), here and in \(others)\(hint)"
        errors.replace(first, with: diagnostic)
        repeated[key] = (message, diagnostic, count + 1)
    }

    /// Adds a warning.
    func warn(_ position: Diagnostic.Position?, _ message: String) {
        cautions.append(Diagnostic(file: file, position: position, message: message, isWarning: true))
    }

    /// Adds advice of `geopipe check`.
    func advise(_ position: Diagnostic.Position?, _ message: String, _ severity: Diagnostic.Severity = .warning) {
        advised.append(Diagnostic(file: file, position: position, message: message, severity: severity))
    }

    /// Adds a diagnostic that another reader found.
    func note(_ diagnostic: Diagnostic) {
        if diagnostic.isWarning { cautions.append(diagnostic) } else { errors.append(diagnostic) }
    }

    /// Returns the document's top node; `nil` and an error if the text is not YAML.
    func document(_ text: String) -> YAMLNode? {
        do throws(YAMLError) {
            if let root = try YAMLComposer.document(
                text,
                foreignTag: { tag, position in
                    self.warn(position, "the tag '\(tag)' is ignored; remove it")
                })
            {
                return root
            }
            diagnose(nil, "the file is empty; write at least zones:")
        } catch {
            diagnose(error, in: text)
        }
        return nil
    }

    private func diagnose(_ error: YAMLError, in text: String) {
        switch error {
        case .malformed(let problem, let context, let position):
            if let tab = position.flatMap({ tabInIndentation(of: text, line: $0.line) }) {
                return diagnose(tab, "not YAML: a tab in the indentation; indent with spaces")
            }
            let what = "\(context.map { "\($0) " } ?? "")\(problem)"
            diagnose(position, "not YAML: \(what)\(wayOut(of: what))")
        case .duplicateKeys(let keys, let position):
            diagnose(position, "the key '\(keys.joined(separator: "', '"))' is given twice; keep one")
        case .tooManyValues(let position):
            diagnose(position, "the file's aliases expand to millions of values; write them out, or use fewer")
        }
    }

    /// Returns the position of a tab that indents a line or the one before it.
    private func tabInIndentation(of text: String, line: Int) -> Diagnostic.Position? {
        let lines = text.split(separator: "\n", maxSplits: line, omittingEmptySubsequences: false)
        for number in [line, line - 1] where lines.indices.contains(number - 1) {
            let indentation = lines[number - 1].prefix { $0 == " " || $0 == "\t" }
            guard let tab = indentation.firstIndex(of: "\t") else { continue }
            return .init(line: number, column: indentation.distance(from: indentation.startIndex, to: tab) + 1)
        }
        return nil
    }

    /// Says how to fix what libyaml cannot parse.
    private func wayOut(of problem: String) -> String {
        switch problem {
        case let text where text.contains("alias"):
            "; put a string that begins with * in quotation marks, as \"*.img\""
        case let text where text.contains("cannot start any token"):
            "; put a string that begins with @, ` or % in quotation marks"
        case let text where text.contains("mapping values are not allowed"):
            "; look at the indentation, and put a string with a colon in quotation marks"
        case let text where text.contains("did not find expected ',' or"): "; close the bracket or brace before"
        case let text where text.contains("did not find expected"):
            "; look at the indentation of this line and the one before"
        case let text where text.contains("could not find expected ':'"): "; write key: value"
        case let text where text.contains("control characters"): "; remove the character"
        default: ""
        }
    }

    /// Returns the entries of a mapping in their order. Any other value is an error.
    func entries(_ node: YAMLNode, _ what: String) -> [Entry] {
        guard case .mapping(let mapping) = node.value else {
            // `name:` without a value is an empty mapping.
            if !isNull(node) { diagnose(node.position, "\(what) must be a mapping; write key: value") }
            return []
        }
        var entries: [Entry] = []
        for (keyNode, value) in mapping {
            if isMergeKey(keyNode) {
                diagnose(keyNode.position, "merge keys (<<) are not supported; repeat the keys in \(what)")
                continue
            }
            guard case .scalar(let key) = keyNode.value else {
                diagnose(keyNode.position, "a key of \(what) is not a string; write key: value")
                continue
            }
            entries.append(Entry(key: key.string, keyPosition: keyNode.position, value: value))
        }
        return entries
    }

    /// The entries of a mapping with fixed keys.
    struct Fields {
        let group: KeyGroup
        fileprivate var known: [String: Entry] = [:]
        /// Entries with other keys, in the order of the file; empty if the group does not allow any.
        fileprivate(set) var others: [Entry] = []

        var isEmpty: Bool { known.isEmpty && others.isEmpty }

        /// Returns the entry of a key of the group; `nil` if it is missing.
        subscript(key: String) -> Entry? {
            assert(group.names.contains(key), "'\(key)' is not described in the group \(group.name)")
            return known[key]
        }
    }

    /// Returns the entries of a mapping, and reports unknown keys and missing required ones.
    func fields(_ node: YAMLNode, _ what: String, _ group: KeyGroup) -> Fields {
        let known = group.names
        var fields = Fields(group: group)
        // The known keys that unknown ones probably stand for.
        var misspelt: Set<String> = []
        for entry in entries(node, what) {
            if known.contains(entry.key) {
                fields.known[entry.key] = entry
            } else if group.others != nil {
                fields.others.append(entry)
            } else {
                if let near = nearest(to: entry.key, among: known) { misspelt.insert(near) }
                diagnose(
                    entry.keyPosition,
                    "unknown key '\(entry.key)' in \(what)\(suggestion(for: entry.key, among: known))")
            }
        }
        let isComplete = group.substitute.map { fields[$0] != nil } ?? false
        guard !group.required.isEmpty, !isComplete, !hasOtherShape(node) else { return fields }
        for key in group.required where fields[key] == nil && !misspelt.contains(key) {
            diagnose(node.position, "\(what) has no '\(key)'; add \(key): …")
        }
        return fields
    }

    /// Returns whether a node is not a mapping, or has a merge key: its intended keys are unknown.
    func hasOtherShape(_ node: YAMLNode) -> Bool {
        guard case .mapping(let mapping) = node.value else { return !isNull(node) }
        return mapping.contains { isMergeKey($0.key) }
    }

    /// Returns whether a mapping has an unknown key that is similar to one of `keys`.
    func hasUnknownKey(_ node: YAMLNode, nearestOf keys: [String]) -> Bool {
        node.mapping?.contains { key, _ in
            key.scalar.map { !keys.contains($0.string) && nearest(to: $0.string, among: keys) != nil } ?? false
        } ?? false
    }

    private func isMergeKey(_ node: YAMLNode) -> Bool {
        guard case .scalar(let scalar) = node.value else { return false }
        return scalar.string == "<<" && scalar.isPlain
    }

    /// Returns the string of a scalar; `nil` and an error for anything else, and for an empty string.
    func text(_ node: YAMLNode, _ what: String) -> String? {
        guard case .scalar(let scalar) = node.value, !isNull(node) else {
            diagnose(node.position, "\(what) must be a string; write one word, or a string in quotation marks")
            return nil
        }
        return scalar.string
    }

    /// Returns the items of a list; a single value counts as a list of one.
    func items(_ node: YAMLNode) -> [YAMLNode] {
        guard case .sequence(let sequence) = node.value else { return [node] }
        return Array(sequence)
    }

    /// Reads a duration in whole seconds: `90`, `90s`, `15m`, `1h30m`, `2w`; 0 to 2^31 - 1 (RFC 2181 section 8).
    func seconds(_ node: YAMLNode, _ what: String) -> UInt32? {
        guard let text = text(node, what) else { return nil }
        guard let seconds = parseSeconds(text) else {
            diagnose(node.position, "\(what) is '\(text)'; write seconds, or a time such as 90s, 15m, 1h30m, 2d, 2w")
            return nil
        }
        return seconds
    }

    /// Reads a short duration in microseconds: `100us`, `1ms`, or `0`; up to 10 ms.
    func microseconds(_ node: YAMLNode, _ what: String) -> Int? {
        guard let text = text(node, what) else { return nil }
        if text == "0" { return 0 }
        let units = [("us", 1), ("ms", 1_000)]
        if let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }),
            let number = UInt16(text.dropLast(unit.count)), Int(number) * factor <= 10_000
        {
            return Int(number) * factor
        }
        diagnose(node.position, "\(what) is '\(text)'; write 0, or a time up to 10ms, such as 100us")
        return nil
    }

    /// Reads a whole number from 1 to 1,000,000.
    func count(_ node: YAMLNode, _ what: String) -> UInt32? {
        guard let text = text(node, what) else { return nil }
        guard let number = UInt32(text), 1...1_000_000 ~= number else {
            diagnose(node.position, "\(what) is '\(text)'; write a whole number from 1 to 1000000")
            return nil
        }
        return number
    }

    /// Reads `true` or `false`; other spellings are errors.
    func bool(_ node: YAMLNode, _ what: String) -> Bool? {
        switch text(node, what) {
        case "true": return true
        case "false": return false
        case let text?:
            diagnose(node.position, "\(what) is '\(text)'; write true or false")
            return nil
        case nil: return nil
        }
    }

    func isNull(_ node: YAMLNode) -> Bool {
        guard case .scalar(let scalar) = node.value, scalar.isPlain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}

/// Parses a duration: whole seconds, or numbers with units, as in `1h30m`; 0 to 2^31 - 1. `nil` for anything else.
public func parseSeconds(_ text: String) -> UInt32? {
    let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
    var total: UInt64 = 0
    var digits = ""
    for character in text.lowercased() {
        if character.isASCII, character.isNumber {
            digits.append(character)
        } else {
            guard let unit = units[character], let number = UInt32(digits) else { return nil }
            total += UInt64(number) * unit
            digits = ""
        }
        guard digits.count < 11, total <= Int32.max else { return nil }
    }
    if !digits.isEmpty {
        // A number without a unit is in seconds, and is the only number.
        guard total == 0, digits == text, let number = UInt32(digits) else { return nil }
        total = UInt64(number)
    }
    return text.isEmpty || total > Int32.max ? nil : UInt32(total)
}
