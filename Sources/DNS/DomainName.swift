/// A domain name. It keeps its case, but names that differ only in case are equal (RFC 4343).
public struct DomainName: Sendable {
    /// The name in wire format, without compression (RFC 1035 section 3.1): each label after its length, and a 0;
    /// 1...255 bytes.
    public let wire: [UInt8]

    private init(wire: [UInt8]) { self.wire = wire }

    /// The root name, `.`.
    public static let root = DomainName(wire: [0])

    /// Reads presentation format (RFC 1035 section 5.1): `\DDD` and `\X` are escapes, and an absolute name ends with
    /// a dot.
    ///
    /// - Parameter origin: the name that is appended to a relative name; `@` alone stands for it.
    public init(_ text: String, relativeTo origin: DomainName = .root) throws(NameError) {
        let bytes = Array(text.utf8)
        try self.init(bytes.span, relativeTo: origin)
    }

    /// Reads presentation format; see the initializer for text.
    public init(_ text: Span<UInt8>, relativeTo origin: DomainName) throws(NameError) {
        var wire: [UInt8] = []
        try Self.appendWire(text, relativeTo: origin, to: &wire)
        self.init(wire: wire)
    }

    /// Reads a name in presentation format, and appends its wire format to `wire`. On an error `wire` is unchanged.
    public static func appendWire(
        _ text: Span<UInt8>, relativeTo origin: DomainName, to wire: inout [UInt8]
    ) throws(NameError) {
        let start = wire.count
        do throws(NameError) {
            try append(text, relativeTo: origin, to: &wire)
            guard wire.count - start <= 255 else { throw .tooLong }
        } catch {
            wire.removeSubrange(start...)
            throw error
        }
    }

    private static func append(
        _ text: Span<UInt8>, relativeTo origin: DomainName, to wire: inout [UInt8]
    ) throws(NameError) {
        if text.count == 1, text[0] == UInt8(ascii: "@") { return wire.append(contentsOf: origin.wire) }
        if text.count == 1, text[0] == UInt8(ascii: ".") { return wire.append(0) }
        var lengthPosition = wire.count
        wire.append(0)
        func endLabel() throws(NameError) {
            let length = wire.count - lengthPosition - 1
            guard length > 0 else { throw .emptyLabel }
            guard length <= 63 else { throw .labelTooLong }
            wire[lengthPosition] = UInt8(length)
            lengthPosition = wire.count
        }
        var i = 0
        while i < text.count {
            let byte = text[unchecked: i]
            if byte == UInt8(ascii: ".") {
                try endLabel()
                wire.append(0)
                i += 1
                // This was the final dot of an absolute name.
                if i == text.count { return }
            } else if byte == UInt8(ascii: "\\") {
                guard let (byte, next) = unescape(text, at: i) else { throw .badEscape }
                wire.append(byte)
                i = next
            } else {
                wire.append(byte)
                i += 1
            }
        }
        try endLabel()
        wire.append(contentsOf: origin.wire)
    }

    /// Reads a name in wire format, and appends its presentation format to `text` as pdns writes it: escaped, and
    /// without a final dot except for the root.
    ///
    /// - Returns: the number of bytes that the name takes in `wire`. If `wire` begins with no valid name, `nil`;
    ///   nothing is appended then.
    @discardableResult
    public static func appendPresentation(ofWire wire: Span<UInt8>, to text: inout [UInt8]) -> Int? {
        let start = text.count
        var i = 0
        while i < wire.count, i < 255 {
            let length = Int(wire[i])
            i += 1
            guard length > 0 else {
                if text.count == start { text.append(UInt8(ascii: ".")) }
                return i
            }
            guard length <= 63, i + length < wire.count else { break }
            if text.count > start { text.append(UInt8(ascii: ".")) }
            // Most labels need no escapes.
            let label = wire.extracting(i..<(i + length))
            if isPlain(label) {
                label.withUnsafeBufferPointer { text.append(contentsOf: $0) }
            } else {
                for position in 0..<length { appendEscaped(label[position]) { text.append($0) } }
            }
            i += length
        }
        text.removeSubrange(start...)
        return nil
    }

    /// The name without its leftmost label; `nil` for the root.
    public var parent: DomainName? {
        wire[0] == 0 ? nil : DomainName(wire: Array(wire[(Int(wire[0]) + 1)...]))
    }

    /// The number of labels; 0 for the root.
    public var labelCount: Int {
        var count = 0
        var i = 0
        while wire[i] != 0 {
            i += Int(wire[i]) + 1
            count += 1
        }
        return count
    }

    /// Whether this name is `zone` or below it.
    public func isAtOrBelow(_ zone: DomainName) -> Bool {
        var i = 0
        while wire.count - i > zone.wire.count { i += Int(wire[i]) + 1 }
        return equalsIgnoringCase(wire[i...], zone.wire[...])
    }

    /// The name in lower case, as pdns writes it in questions: escaped, and without a final dot except for the root.
    package var key: [UInt8] {
        var text: [UInt8] = []
        Self.appendPresentation(ofWire: wire.span, to: &text)
        // Escapes contain no letters.
        for i in text.indices { text[i] = lowerCase(text[i]) }
        return text
    }
}

// Length bytes can be compared like letters: they are below 64, where no letters are.
extension DomainName: Hashable {
    public static func == (a: DomainName, b: DomainName) -> Bool { equalsIgnoringCase(a.wire[...], b.wire[...]) }
    public func hash(into hasher: inout Hasher) { for byte in wire { hasher.combine(lowerCase(byte)) } }
}

private func equalsIgnoringCase(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Bool {
    a.elementsEqual(b) { lowerCase($0) == lowerCase($1) }
}

extension DomainName: CustomStringConvertible {
    /// The presentation format without the final dot, as pdns takes names in record contents; `.` for the root.
    public var description: String {
        var text: [UInt8] = []
        Self.appendPresentation(ofWire: wire.span, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

/// Why a text is not a domain name.
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

/// Returns the length in wire format (RFC 1035 section 3.1) of a name in presentation format. The name may have a final
/// dot, and ends at the line end or with `name`.
public func wireLength(of name: Span<UInt8>) -> Int {
    var length = 1
    var position = 0
    var startsLabel = true
    while position < name.count, name[position] != UInt8(ascii: "\n") {
        if name[position] == UInt8(ascii: ".") {
            startsLabel = true
            position += 1
            continue
        }
        guard let (_, next) = unescape(name, at: position) else { break }
        length += startsLabel ? 2 : 1
        startsLabel = false
        position = next
    }
    return length
}

/// Returns the byte that is written at `position`, plain or escaped, and the position of the next one; `nil` for an
/// invalid escape.
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

/// Whether no byte of a label needs an escape.
private func isPlain(_ label: Span<UInt8>) -> Bool {
    for i in 0..<label.count {
        let byte = label[unchecked: i]
        guard 0x21...0x7e ~= byte, byte != UInt8(ascii: "."), byte != UInt8(ascii: "\\") else { return false }
    }
    return true
}

/// Calls `append` with each byte of the presentation format of one byte of a label, escaped as pdns does.
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

@inlinable @inline(__always)
package func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

@inlinable @inline(__always)
package func lowerCase(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
}
