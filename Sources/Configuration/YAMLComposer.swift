import CYAML

/// A reason why a text is not a usable YAML document.
enum YAMLError: Error {
    /// libyaml cannot parse it.
    ///
    /// - Parameters:
    ///   - position: where; `nil` for the document as a whole.
    ///   - context: what libyaml was parsing, such as `while parsing a block mapping`; `nil` if it does not say.
    case malformed(problem: String, context: String? = nil, position: Diagnostic.Position?)
    /// A mapping has these keys twice; the first of them is at `position`.
    case duplicateKeys([String], position: Diagnostic.Position)
    /// Its aliases, of which one is at `position`, expand to more values than the reader accepts.
    case tooManyValues(position: Diagnostic.Position)
}

/// Builds nodes from a YAML text (YAML 1.1, as libyaml parses it).
final class YAMLComposer {
    /// The maximum nesting depth. A configuration has ten levels at most, and each takes stack space.
    private static let deepest = 200
    /// The number of values that a text may have beyond one for each byte: nested aliases can expand to more than
    /// memory holds.
    private static let surplus = 1_000_000

    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private let event = UnsafeMutablePointer<yaml_event_t>.allocate(capacity: 1)
    private let text: UnsafeBufferPointer<UInt8>
    private let foreignTag: ((String, Diagnostic.Position) -> Void)?
    private var anchors: [String: (node: YAMLNode, size: Int)] = [:]
    /// The number of values so far; aliased values count each time.
    private var size = 0
    private var depth = 0

    /// Returns the only document of a text.
    ///
    /// - Parameters:
    ///   - text: without a byte order mark.
    ///   - foreignTag: called for each tag that is not of a type of YAML's JSON schema.
    /// - Returns: its top value; `nil` if the text is empty or has only comments.
    static func document(
        _ text: String, foreignTag: ((String, Diagnostic.Position) -> Void)? = nil
    ) throws(YAMLError) -> YAMLNode? {
        var text = text
        let result = text.withUTF8 { bytes in
            Result { () throws(YAMLError) in try YAMLComposer(bytes, foreignTag).document() }
        }
        return try result.get()
    }

    private init(
        _ text: UnsafeBufferPointer<UInt8>, _ foreignTag: ((String, Diagnostic.Position) -> Void)?
    ) throws(YAMLError) {
        self.text = text
        self.foreignTag = foreignTag
        event.initialize(to: yaml_event_t())
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            throw .malformed(problem: "there is not enough memory", position: nil)
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        yaml_event_delete(event)
        yaml_parser_delete(parser)
        event.deallocate()
        parser.deallocate()
    }

    private func document() throws(YAMLError) -> YAMLNode? {
        try advance()
        try advance()
        guard event.pointee.type != YAML_STREAM_END_EVENT else { return nil }
        try advance()
        let root = try node()
        try advance()
        try advance()
        guard event.pointee.type == YAML_STREAM_END_EVENT else {
            throw .malformed(
                problem: "but found another document", context: "expected a single document in the stream",
                position: start)
        }
        return root
    }

    /// Replaces the current event by the next one.
    private func advance() throws(YAMLError) {
        yaml_event_delete(event)
        guard yaml_parser_parse(parser, event) == 1 else { throw error }
    }

    /// The start of the current event.
    private var start: Diagnostic.Position { Diagnostic.Position(event.pointee.start_mark) }

    /// Returns the value that begins with the current event. Its last event is current afterwards.
    private func node() throws(YAMLError) -> YAMLNode {
        let before = size
        let position = start
        var anchor: String?
        let value: YAMLNode.Value
        try count(1)
        switch event.pointee.type {
        case YAML_ALIAS_EVENT:
            guard let known = anchors[String(cString: event.pointee.data.alias.anchor)] else {
                throw .malformed(problem: "found undefined alias", position: position)
            }
            try count(known.size)
            return known.node
        case YAML_SCALAR_EVENT:
            let scalar = event.pointee.data.scalar
            anchor = scalar.anchor.map { String(cString: $0) }
            note(tag: scalar.tag)
            value = .scalar(
                YAMLNode.Scalar(
                    string: String(
                        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self),
                    isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE))
        case YAML_SEQUENCE_START_EVENT:
            anchor = event.pointee.data.sequence_start.anchor.map { String(cString: $0) }
            note(tag: event.pointee.data.sequence_start.tag)
            value = .sequence(try deeper { () throws(YAMLError) in try items() })
        case YAML_MAPPING_START_EVENT:
            anchor = event.pointee.data.mapping_start.anchor.map { String(cString: $0) }
            note(tag: event.pointee.data.mapping_start.tag)
            value = .mapping(try deeper { () throws(YAMLError) in try entries() })
        default:
            throw .malformed(problem: "did not find expected value", position: position)
        }
        let node = YAMLNode(value: value, position: position)
        if let anchor { anchors[anchor] = (node, size - before) }
        return node
    }

    /// Reports the tag of the current event, unless it is one of a usual type.
    private func note(tag: UnsafeMutablePointer<yaml_char_t>?) {
        guard let foreignTag, let tag else { return }
        let name = String(cString: tag)
        let own = "tag:yaml.org,2002:"
        guard name.hasPrefix(own) else {
            if name != "!" { foreignTag(name, start) }
            return
        }
        let type = name.dropFirst(own.count)
        if !["str", "int", "float", "bool", "null", "seq", "map"].contains(type) { foreignTag("!!\(type)", start) }
    }

    private func items() throws(YAMLError) -> [YAMLNode] {
        var items: [YAMLNode] = []
        try advance()
        while event.pointee.type != YAML_SEQUENCE_END_EVENT {
            items.append(try node())
            try advance()
        }
        return items
    }

    private func entries() throws(YAMLError) -> [(key: YAMLNode, value: YAMLNode)] {
        var entries: [(key: YAMLNode, value: YAMLNode)] = []
        var keys: Set<String> = []
        var duplicates: [String] = []
        try advance()
        while event.pointee.type != YAML_MAPPING_END_EVENT {
            let key = try node()
            try advance()
            entries.append((key, try node()))
            try advance()
            guard let text = key.scalar?.string, !keys.insert(text).inserted else { continue }
            // Ten are enough for a message.
            if duplicates.count < 10, !duplicates.contains(text) { duplicates.append(text) }
        }
        guard let duplicate = duplicates.first,
            let first = entries.first(where: { $0.key.scalar?.string == duplicate })
        else { return entries }
        throw .duplicateKeys(duplicates, position: first.key.position)
    }

    private func count(_ values: Int) throws(YAMLError) {
        size += values
        guard size <= text.count + Self.surplus else { throw .tooManyValues(position: start) }
    }

    private func deeper<Value>(_ body: () throws(YAMLError) -> Value) throws(YAMLError) -> Value {
        guard depth < Self.deepest else {
            throw .malformed(problem: "found values more than \(Self.deepest) deep in others", position: start)
        }
        depth += 1
        defer { depth -= 1 }
        return try body()
    }

    /// The reason why the parser stopped.
    private var error: YAMLError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "there is not enough memory"
        let context = parser.pointee.context.map { String(cString: $0) }
        var position: Diagnostic.Position?
        switch parser.pointee.error {
        case YAML_SCANNER_ERROR, YAML_PARSER_ERROR: position = Diagnostic.Position(parser.pointee.problem_mark)
        case YAML_READER_ERROR:
            // The parser reports only the byte offset.
            let before = String(decoding: text.prefix(parser.pointee.problem_offset), as: UTF8.self).unicodeScalars
            let column = before.reversed().prefix { $0 != "\n" }.count + 1
            position = .init(line: before.count { $0 == "\n" } + 1, column: column)
        default: break
        }
        return .malformed(problem: problem, context: context, position: position)
    }
}

extension Diagnostic.Position {
    /// libyaml counts from 0.
    fileprivate init(_ mark: yaml_mark_t) { self.init(line: mark.line + 1, column: mark.column + 1) }
}
