/// A domain name. Names that differ in case only are equal (RFC 4343).
struct Name: Hashable, Sendable {
    /// The bytes of the labels, the leftmost first.
    let labels: [[UInt8]]

    static let root = Name([])

    init(_ labels: [[UInt8]]) { self.labels = labels }

    /// Reads a name that needs no escapes, with or without a final dot.
    init(_ text: String) { labels = text.split(separator: ".").map { Array($0.utf8) } }

    static func == (a: Name, b: Name) -> Bool { a.folded == b.folded }
    func hash(into hasher: inout Hasher) { hasher.combine(folded) }

    /// The labels in lower case.
    var folded: [[UInt8]] { labels.map { $0.map(lowerCase) } }

    /// The wire format (RFC 1035 section 3.1), without compression.
    var wire: [UInt8] { labels.flatMap { [UInt8($0.count)] + $0 } + [0] }

    var parent: Name? { labels.isEmpty ? nil : Name(Array(labels.dropFirst())) }

    /// Returns this name and its parents, up to `top`.
    func ancestors(to top: Name) -> [Name] {
        (0...max(0, labels.count - top.labels.count)).map { Name(Array(labels.dropFirst($0))) }
    }

    func isAtOrBelow(_ other: Name) -> Bool {
        labels.count >= other.labels.count && Name(labels.suffix(other.labels.count)) == other
    }

    func isBelow(_ other: Name) -> Bool { labels.count > other.labels.count && isAtOrBelow(other) }

    /// Returns the name with `label` before it; `nil` if that is too long (RFC 1035 section 3.1).
    func child(_ label: [UInt8]) -> Name? {
        let child = Name([label] + labels)
        return 1...63 ~= label.count && child.wire.count <= 255 ? child : nil
    }

    func child(_ label: String) -> Name? { child(Array(label.utf8)) }

    /// Returns the name with a random case for every letter.
    func inRandomCase(using generator: inout some RandomNumberGenerator) -> Name {
        Name(labels.map { $0.map { isLetter($0) && Bool.random(using: &generator) ? $0 ^ 0x20 : $0 } })
    }
}

extension Name: CustomStringConvertible {
    /// The presentation format that every reader of master files accepts: absolute, with special characters as `\DDD`.
    var description: String {
        labels.isEmpty ? "." : labels.map { $0.map(escaped).joined() + "." }.joined()
    }

    private func escaped(_ byte: UInt8) -> String {
        if isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "*")
        {
            return String(UnicodeScalar(byte))
        }
        return decimalEscape(byte)
    }
}

/// Returns a byte as `\DDD` (RFC 1035 section 5.1).
func decimalEscape(_ byte: UInt8) -> String {
    let digits = String(byte)
    return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
}

func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 }

func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

func lowerCase(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
}
