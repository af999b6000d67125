/// A domain name. It keeps the case it was written in, but names that differ in case only are equal (RFC 4343).
public struct DomainName: Sendable {
    /// The labels' bytes, the leftmost first. Empty for the root.
    public let labels: [[UInt8]]
    /// The labels in lower case.
    private let folded: [[UInt8]]

    private init(labels: [[UInt8]]) throws(NameError) {
        guard labels.reduce(1, { $0 + $1.count + 1 }) <= 255 else { throw .tooLong }
        self.labels = labels
        folded = labels.map { $0.map(lowerCase) }
    }

    /// The root, `.`.
    public static let root = try! DomainName(labels: [])

    /// Reads presentation format (RFC 1035 section 5.1): `\DDD` and `\X` escapes, a final dot for an absolute name.
    ///
    /// - Parameter origin: what a name without final dot is relative to; `@` alone stands for it.
    public init(_ text: String, relativeTo origin: DomainName = .root) throws(NameError) {
        if text == "@" {
            self = origin
            return
        }
        guard text != "." else {
            self = .root
            return
        }
        var labels: [[UInt8]] = []
        var label: [UInt8] = []
        let bytes = Array(text.utf8)
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: ".") {
                labels.append(try Self.checked(label))
                label = []
                i += 1
            } else {
                guard let (byte, next) = unescape(bytes.span, at: i) else { throw .badEscape }
                label.append(byte)
                i = next
            }
        }
        if label.isEmpty, !labels.isEmpty {
            try self.init(labels: labels)
        } else {
            labels.append(try Self.checked(label))
            try self.init(labels: labels + origin.labels)
        }
    }

    private static func checked(_ label: [UInt8]) throws(NameError) -> [UInt8] {
        guard !label.isEmpty else { throw .emptyLabel }
        guard label.count <= 63 else { throw .labelTooLong }
        return label
    }

    /// The name without its leftmost label; `nil` for the root.
    public var parent: DomainName? { labels.isEmpty ? nil : try? DomainName(labels: Array(labels.dropFirst())) }

    /// Whether this is `zone` or a name below it.
    public func isAtOrBelow(_ zone: DomainName) -> Bool {
        folded.count >= zone.folded.count && folded.suffix(zone.folded.count).elementsEqual(zone.folded)
    }

    /// The name as pdns writes it in questions, in lower case: escaped, and without a final dot but for the root.
    var key: [UInt8] { presentation(folded) }
}

extension DomainName: Hashable {
    public static func == (a: DomainName, b: DomainName) -> Bool { a.folded == b.folded }
    public func hash(into hasher: inout Hasher) { hasher.combine(folded) }
}

extension DomainName: CustomStringConvertible {
    /// Presentation format without the final dot, as pdns takes names in contents; `.` for the root.
    public var description: String { String(decoding: presentation(labels), as: UTF8.self) }
}

private func presentation(_ labels: [[UInt8]]) -> [UInt8] {
    guard !labels.isEmpty else { return [UInt8(ascii: ".")] }
    var text: [UInt8] = []
    for label in labels {
        if !text.isEmpty { text.append(UInt8(ascii: ".")) }
        for byte in label { appendEscaped(byte) { text.append($0) } }
    }
    return text
}

/// What is wrong with a name.
public enum NameError: Error, CustomStringConvertible {
    case emptyLabel, labelTooLong, tooLong, badEscape

    public var description: String {
        switch self {
        case .emptyLabel: "a label is empty; labels are separated by one dot"
        case .labelTooLong: "a label has more than 63 bytes"
        case .tooLong: "the name has more than 255 bytes"
        case .badEscape: "an escape is not a backslash and three digits up to 255, or a backslash and a character"
        }
    }
}

/// The byte that is written at `position`, plain or as an escape, and where the next one begins.
func unescape(_ text: Span<UInt8>, at position: Int) -> (byte: UInt8, next: Int)? {
    guard text[position] == UInt8(ascii: "\\") else { return (text[position], position + 1) }
    guard position + 1 < text.count else { return nil }
    guard isDigit(text[position + 1]) else { return (text[position + 1], position + 2) }
    guard position + 3 < text.count, isDigit(text[position + 2]), isDigit(text[position + 3]) else { return nil }
    let digits = (position + 1)...(position + 3)
    var value = 0
    for i in digits { value = value * 10 + Int(text[i] - UInt8(ascii: "0")) }
    guard let byte = UInt8(exactly: value) else { return nil }
    return (byte, position + 4)
}

/// Gives `append` the bytes that stand for one byte of a label, with the escapes that pdns uses.
@inline(__always)
func appendEscaped(_ byte: UInt8, _ append: (UInt8) -> Void) {
    switch byte {
    case UInt8(ascii: "."), UInt8(ascii: "\\"):
        append(UInt8(ascii: "\\"))
        append(byte)
    case 0x21...0x7e:
        append(byte)
    default:
        append(UInt8(ascii: "\\"))
        append(UInt8(ascii: "0") + byte / 100)
        append(UInt8(ascii: "0") + byte / 10 % 10)
        append(UInt8(ascii: "0") + byte % 10)
    }
}

func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

func lowerCase(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
}
