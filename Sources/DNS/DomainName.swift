/// A domain name. It keeps the case it was written in, but names that differ in case only are equal (RFC 4343).
public struct DomainName: Sendable {
    /// The name as messages carry it, without compression (RFC 1035 section 3.1): each label behind its length, and a 0.
    public let wire: [UInt8]

    private init(wire: [UInt8]) { self.wire = wire }

    /// The root, `.`.
    public static let root = DomainName(wire: [0])

    /// Reads presentation format (RFC 1035 section 5.1): `\DDD` and `\X` escapes, a final dot for an absolute name.
    ///
    /// - Parameter origin: what a name without final dot is relative to; `@` alone stands for it.
    public init(_ text: String, relativeTo origin: DomainName = .root) throws(NameError) {
        let bytes = Array(text.utf8)
        try self.init(bytes.span, relativeTo: origin)
    }

    /// Reads presentation format, as the form for texts does.
    public init(_ text: Span<UInt8>, relativeTo origin: DomainName) throws(NameError) {
        var wire: [UInt8] = []
        try Self.appendWire(text, relativeTo: origin, to: &wire)
        self.init(wire: wire)
    }

    /// Appends the wire form of a name in presentation format to `wire`, which keeps what it had if that is no name.
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
                // The final dot of an absolute name.
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

    /// Appends a name in wire form to `text`, in presentation format as pdns writes it: escaped, and without a final dot but
    /// for the root.
    ///
    /// - Returns: how many bytes the name takes in `wire`; `nil`, and nothing was appended, if there is no name.
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

    /// Whether this is `zone` or a name below it.
    public func isAtOrBelow(_ zone: DomainName) -> Bool {
        var i = 0
        while wire.count - i > zone.wire.count { i += Int(wire[i]) + 1 }
        return equalsIgnoringCase(wire[i...], zone.wire[...])
    }

    /// The name as pdns writes it in questions, in lower case: escaped, and without a final dot but for the root.
    package var key: [UInt8] {
        var text: [UInt8] = []
        Self.appendPresentation(ofWire: wire.span, to: &text)
        // Escapes have no letters.
        for i in text.indices { text[i] = lowerCase(text[i]) }
        return text
    }
}

// A length is below 64, where no letter is.
extension DomainName: Hashable {
    public static func == (a: DomainName, b: DomainName) -> Bool { equalsIgnoringCase(a.wire[...], b.wire[...]) }
    public func hash(into hasher: inout Hasher) { for byte in wire { hasher.combine(lowerCase(byte)) } }
}

private func equalsIgnoringCase(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Bool {
    a.elementsEqual(b) { lowerCase($0) == lowerCase($1) }
}

extension DomainName: CustomStringConvertible {
    /// Presentation format without the final dot, as pdns takes names in contents; `.` for the root.
    public var description: String {
        var text: [UInt8] = []
        Self.appendPresentation(ofWire: wire.span, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
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

/// How many bytes a name in presentation format has in a message (RFC 1035 section 3.1), with or without a final dot, and
/// with the end of its line.
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

/// Whether no byte of a label needs an escape.
private func isPlain(_ label: Span<UInt8>) -> Bool {
    for i in 0..<label.count {
        let byte = label[unchecked: i]
        guard 0x21...0x7e ~= byte, byte != UInt8(ascii: "."), byte != UInt8(ascii: "\\") else { return false }
    }
    return true
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

@inlinable @inline(__always)
package func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

@inlinable @inline(__always)
package func lowerCase(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
}
