import Yams

/// Reads the parts of a YAML document, and collects what is wrong with them instead of stopping.
///
/// Scalars are taken as they are written: `NO` is a text, never a truth value.
final class YAMLReader {
    private let file: String
    private(set) var complaints: [Complaint] = []
    private(set) var warnings: [Complaint] = []
    /// All files that were read, or that would have been if they could be.
    var files: Set<String> = []

    init(file: String) { self.file = file }

    /// One key of a mapping and its value.
    struct Entry {
        var key: String
        var keyPosition: Complaint.Position?
        var value: Node
    }

    /// Notes an error, in this file if no other is given.
    func complain(_ position: Complaint.Position?, _ message: String, file: String? = nil) {
        complaints.append(Complaint(file: file ?? self.file, position: position, message: message))
    }

    /// Notes something that works, but hardly as it was meant.
    func warn(_ position: Complaint.Position?, _ message: String) {
        warnings.append(Complaint(file: file, position: position, message: message, isWarning: true))
    }

    /// Notes what somebody else found.
    func note(_ complaint: Complaint) {
        if complaint.isWarning { warnings.append(complaint) } else { complaints.append(complaint) }
    }

    /// The document's top node; `nil`, with a complaint, if it is not YAML.
    func document(_ text: String) -> Node? {
        do {
            let root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
            guard let root else {
                complain(nil, "the file is empty; write at least zones:")
                return nil
            }
            // Aliases of aliases can mean more than any memory holds.
            var left = text.utf8.count + 1_000_000
            guard root.isSmaller(than: &left) else {
                complain(nil, "the file's aliases mean millions of values; write them out, or use fewer")
                return nil
            }
            return root
        } catch let error as YamlError {
            complain(error)
        } catch {
            complain(nil, "not YAML: \(error)")
        }
        return nil
    }

    private func complain(_ error: YamlError) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            complain(Complaint.Position(mark), "not YAML: \(context.map { "\($0.text) " } ?? "")\(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            complain(
                Complaint.Position(context.mark),
                "the key '\(duplicates.joined(separator: "', '"))' is given twice; keep one")
        default:
            complain(nil, "not YAML: \(error)")
        }
    }

    /// The entries of a mapping in their order. A key that is there twice is a complaint; so is what is no mapping.
    func entries(_ node: Node, _ what: String) -> [Entry] {
        guard case .mapping(let mapping) = node else {
            // `name:` with nothing behind it is an empty mapping.
            if !isNull(node) { complain(node.position, "\(what) is not a mapping; write key: value") }
            return []
        }
        var entries: [Entry] = []
        var keys: Set<String> = []
        for (keyNode, value) in mapping {
            guard case .scalar(let key) = keyNode else {
                complain(keyNode.position, "a key of \(what) is not a text; write key: value")
                continue
            }
            guard keys.insert(key.string).inserted else {
                complain(
                    key.mark.map(Complaint.Position.init), "the key '\(key.string)' is given twice in \(what); keep one"
                )
                continue
            }
            entries.append(Entry(key: key.string, keyPosition: key.mark.map(Complaint.Position.init), value: value))
        }
        return entries
    }

    /// The entries of a mapping by key, complaining of keys that are not known and of required ones that are not there.
    func fields(_ node: Node, _ what: String, known: [String], required: [String] = []) -> [String: Entry] {
        var fields: [String: Entry] = [:]
        for entry in entries(node, what) {
            if known.contains(entry.key) {
                fields[entry.key] = entry
            } else {
                complain(
                    entry.keyPosition,
                    "unknown key '\(entry.key)' in \(what)\(suggestion(for: entry.key, among: known))")
            }
        }
        for key in required where fields[key] == nil {
            complain(node.position, "\(what) has no '\(key)'; add \(key): …")
        }
        return fields
    }

    /// The text of a scalar; `nil`, with a complaint, for anything else and for an empty one.
    func text(_ node: Node, _ what: String) -> String? {
        guard case .scalar(let scalar) = node, !isNull(node) else {
            complain(node.position, "\(what) is not a text; write one word, or a text in quotation marks")
            return nil
        }
        return scalar.string
    }

    /// The items of a list, or the one thing that stands in place of a list.
    func items(_ node: Node) -> [Node] {
        guard case .sequence(let sequence) = node else { return [node] }
        return Array(sequence)
    }

    /// A time in whole seconds: `90`, `90s`, `15m`, `1h30m`, `2w`; 0 to 2^31 - 1 (RFC 2181 section 8).
    func seconds(_ node: Node, _ what: String) -> UInt32? {
        guard let text = text(node, what) else { return nil }
        guard let seconds = parseSeconds(text) else {
            complain(node.position, "\(what) is '\(text)'; write seconds, or a time such as 90s, 15m, 1h30m, 2d, 2w")
            return nil
        }
        return seconds
    }

    /// A whole number from 1 on.
    func count(_ node: Node, _ what: String) -> UInt32? {
        guard let text = text(node, what) else { return nil }
        guard let number = UInt32(text), 1...1_000_000 ~= number else {
            complain(node.position, "\(what) is '\(text)'; write a whole number from 1 to 1000000")
            return nil
        }
        return number
    }

    /// `true` or `false`, and nothing that only looks like it.
    func truth(_ node: Node, _ what: String) -> Bool? {
        switch text(node, what) {
        case "true": return true
        case "false": return false
        case let text?:
            complain(node.position, "\(what) is '\(text)'; write true or false")
            return nil
        case nil: return nil
        }
    }

    func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}

/// A time as the configuration has it: whole seconds, or numbers with units, as in 1h30m; 0 to 2^31 - 1.
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
        // A number without unit is in seconds, and stands alone.
        guard total == 0, digits == text, let number = UInt32(digits) else { return nil }
        total = UInt64(number)
    }
    return text.isEmpty || total > Int32.max ? nil : UInt32(total)
}

extension Complaint.Position {
    fileprivate init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}

extension Node {
    /// Whether the node, with all that it holds, is less than `limit` nodes; `limit` becomes what is left of it.
    fileprivate func isSmaller(than limit: inout Int) -> Bool {
        limit -= 1
        guard limit > 0 else { return false }
        switch self {
        case .mapping(let mapping):
            for (key, value) in mapping where !key.isSmaller(than: &limit) || !value.isSmaller(than: &limit) {
                return false
            }
        case .sequence(let sequence):
            for item in sequence where !item.isSmaller(than: &limit) { return false }
        default: break
        }
        return true
    }

    /// Where the node begins.
    var position: Complaint.Position? { mark.map(Complaint.Position.init) }
}
