/// What a request is for: a path, and what a question mark parts from it.
struct LiveTarget: Equatable {
    /// As it was sent: nothing in it is decoded or made shorter, so that each path has one name.
    let path: String
    private var items: [(name: String, value: String)] = []

    static func == (a: Self, b: Self) -> Bool { a.path == b.path && a.names == b.names }

    /// `nil` for anything but a path with or without a query of at most 32 items, such as the address of another server.
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

    /// The value of an item; of several with the same name, of the first. `nil` if there is none.
    subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }

    /// The names of all items.
    var names: [String] { items.map(\.name) }

    /// Takes `%41` for `A`; `nil` if what follows a percent sign is no number, or what comes of it is no text.
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
