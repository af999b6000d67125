/// A JSON value (RFC 8259).
public enum JSON: Sendable {
    /// The value `null`.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// A number without a fraction.
    case integer(Int)
    /// A number. Infinity and NaN are written as null, because JSON has neither.
    case number(Double)
    /// A string.
    case text(String)
    /// An array.
    case list([JSON])
    /// An object: its members in the order in which they are written. Names must be unique.
    case object([(name: String, value: JSON)])

    /// Makes an object of the members that have a value, sorted by name.
    public static func object(_ members: KeyValuePairs<String, JSON?>) -> JSON {
        .object(
            members.compactMap { name, value in value.map { (name, $0) } }.sorted {
                $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
            })
    }

    /// The value on one line.
    public var compact: String {
        var text = ""
        write(to: &text, indentation: nil)
        return text
    }

    /// The value with a line for each member and item, indented by two spaces for each level.
    public var pretty: String {
        var text = ""
        write(to: &text, indentation: "\n")
        return text
    }

    /// Writes the value.
    ///
    /// - Parameter indentation: a line feed and the spaces after it; `nil` for one line.
    private func write(to text: inout String, indentation: String?) {
        switch self {
        case .null: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .integer(let number): text += "\(number)"
        case .number(let number):
            guard number.isFinite else {
                text += "null"
                return
            }
            let digits = "\(number)"
            text += digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
        case .text(let string): Self.write(string, to: &text)
        case .list(let items):
            Self.write(items, in: "[", "]", to: &text, indentation) { item, text, indentation in
                item.write(to: &text, indentation: indentation)
            }
        case .object(let members):
            Self.write(members, in: "{", "}", to: &text, indentation) { member, text, indentation in
                Self.write(member.name, to: &text)
                text += indentation == nil ? ":" : " : "
                member.value.write(to: &text, indentation: indentation)
            }
        }
    }

    private static func write<Part>(
        _ parts: [Part], in opening: String, _ closing: String, to text: inout String, _ indentation: String?,
        _ write: (Part, inout String, _ indentation: String?) -> Void
    ) {
        let inner = indentation.map { $0 + "  " }
        text += opening
        for (number, part) in parts.enumerated() {
            if number > 0 { text += "," }
            text += inner ?? ""
            write(part, &text, inner)
        }
        if !parts.isEmpty { text += indentation ?? "" }
        text += closing
    }

    /// Writes a JSON string. It escapes what RFC 8259 section 7 requires, and also characters that would control a
    /// terminal.
    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\u{8}": text += "\\b"
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\u{c}": text += "\\f"
            case "\r": text += "\\r"
            case ..<" ":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            case "\u{7f}"...:
                // All characters outside of ASCII that `visible` replaces are below U+10000, so four digits suffice.
                guard controlsTerminal(scalar), scalar.value < 0x10000 else {
                    text.unicodeScalars.append(scalar)
                    continue
                }
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
