/// The target of a request: a path, and the query after a question mark.
struct LiveTarget: Equatable {
    /// The path as it was sent: it is not decoded or normalized, so that each resource has one path.
    let path: String
    private var items: [(name: String, value: String)] = []

    static func == (a: Self, b: Self) -> Bool { a.path == b.path && a.names == b.names }

    /// `nil` for anything other than a path with a query of at most 32 items, such as an absolute URL.
    init?(_ target: String) {
        guard target.hasPrefix("/"), target.utf8.allSatisfy({ 0x21...0x7e ~= $0 && $0 != UInt8(ascii: "#") }) else {
            return nil
        }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts[0])
        guard parts.count > 1 else { return }
        let texts = parts[1].split(separator: "&")
        guard texts.count <= 32 else { return nil }
        for text in texts {
            let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(sides[0]), let value = Self.decoded(sides.count > 1 ? sides[1] : "") else {
                return nil
            }
            items.append((name, value))
        }
    }

    /// Returns the value of an item, the first of several; `nil` if there is none.
    subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }

    var names: [String] { items.map(\.name) }

    /// Decodes `%41` to `A`; `nil` for an invalid percent encoding or invalid UTF-8.
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            guard digits.count == 2 else { return nil }
            bytes.append(UInt8(digits[0] << 4 | digits[1]))
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
