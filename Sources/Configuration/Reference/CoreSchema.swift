import Platform

extension JSON {
    /// Converts a YAML value as editors and other programs understand it: plain scalars are numbers, Booleans and null
    /// if they look like it (YAML 1.2 section 10.3.2). The parser of geopipe takes them as strings.
    ///
    /// - Returns: `nil` if the value has a key that is not a string, which JSON cannot express.
    init?(_ node: YAMLNode) {
        switch node.value {
        case .scalar(let scalar): self = scalar.isPlain ? Self.plain(scalar.string) : .text(scalar.string)
        case .sequence(let items):
            let values = items.compactMap { JSON($0) }
            guard values.count == items.count else { return nil }
            self = .list(values)
        case .mapping(let entries):
            let members = entries.compactMap { key, value -> (name: String, value: JSON)? in
                guard let name = key.scalar?.string, let value = JSON(value) else { return nil }
                return (name, value)
            }
            guard members.count == entries.count else { return nil }
            self = .object(members)
        }
    }

    /// Parses a YAML text; `nil` if it is empty or invalid, or has a key that is not a string.
    package init?(yaml text: String) {
        guard let node = try? YAMLComposer.document(text) else { return nil }
        self.init(node)
    }

    private static func plain(_ text: String) -> JSON {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        default: break
        }
        // Swift accepts more forms of numbers than YAML does.
        guard text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), text.utf8.contains(where: isDigit) else {
            return .text(text)
        }
        if let number = Int(text) { return .integer(number) }
        return Double(text).map(JSON.number) ?? .text(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
