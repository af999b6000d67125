import Glibc

/// The data of a record in the form that pdns wants from a backend: names without final dot, the preference of MX and SRV
/// a field of its own, texts quoted.
///
/// Source: https://doc.powerdns.com/authoritative/appendices/types.html
public struct RecordContent: Hashable, Sendable {
    /// One line, without its end.
    public let text: String

    private init(text: String) { self.text = text }

    /// Reads what an operator wrote for a record of `type`.
    ///
    /// - Parameter origin: what names without final dot are relative to; without, all must be absolute.
    public init(_ source: String, type: RecordType, origin: DomainName?) throws(ContentError) {
        let words = source.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }).map(String.init)
        switch type {
        case .a:
            guard let address = address(source, AF_INET) else { throw .expected("an IPv4 address, such as 192.0.2.1") }
            text = address
        case .aaaa:
            guard let address = address(source, AF_INET6) else {
                throw .expected("an IPv6 address, such as 2001:db8::1")
            }
            text = address
        case .ns, .cname, .dname, .ptr:
            guard words.count == 1 else { throw .expected("one name, such as www.example.com.") }
            text = try name(words[0], origin)
        case .mx:
            guard words.count == 2, isUInt16(words[0]) else {
                throw .expected("a preference and a name, such as 10 mail.example.com.")
            }
            text = "\(words[0])\t\(try name(words[1], origin))"
        case .srv:
            guard words.count == 4, words[..<3].allSatisfy(isUInt16) else {
                throw .expected("priority, weight, port and a name, such as 10 60 5060 sip.example.com.")
            }
            text = "\(words[0])\t\(words[1]) \(words[2]) \(try name(words[3], origin))"
        case .txt, .spf:
            text = source.hasPrefix("\"") ? try quotedStrings(source) : quoted(source)
            // Each byte and each string's length, of which all together may have 16 bits.
            guard source.utf8.count + source.utf8.count / 255 < 1 << 16 else { throw .expected("at most 65535 bytes") }
        case .soa:
            throw .misplaced("the SOA record is made from soa:")
        case .marker:
            throw .misplaced("\(type) is used by geopipe itself")
        default:
            guard !words.isEmpty else { throw .expected("a value") }
            guard source.utf8.allSatisfy({ 0x20...0x7e ~= $0 || $0 == 0x09 || $0 == 0x0a }) else {
                throw .expected(#"printable ASCII; write other bytes as \DDD"#)
            }
            text = words.joined(separator: " ")
        }
    }

    /// The content of an SOA record (RFC 1035 section 3.3.13). Times are in seconds.
    public init(
        primary: DomainName, contact: DomainName, serial: UInt32, refresh: UInt32, retry: UInt32, expire: UInt32,
        minimum: UInt32
    ) {
        text = "\(primary) \(contact) \(serial) \(refresh) \(retry) \(expire) \(minimum)"
    }

    /// The content of a record that says no more than that a name exists: no data at all (RFC 3597 section 5).
    static let empty = RecordContent(text: "\\# 0")
}

/// What is wrong with the data of a record.
public enum ContentError: Error, CustomStringConvertible {
    case expected(String)
    case badName(String, NameError)
    case noFinalDot(String, origin: DomainName?)
    case misplaced(String)

    public var description: String {
        switch self {
        case .expected(let form): "expected \(form)"
        case .badName(let name, let error): "'\(name)' is no name: \(error)"
        case .noFinalDot(let name, let origin?):
            "'\(name)' has no final dot; write '\(name).', or '\(name).\(origin).' for a name in the zone"
        case .noFinalDot(let name, nil): "'\(name)' has no final dot; write '\(name).'"
        case .misplaced(let reason): reason
        }
    }
}

private func name(_ text: String, _ origin: DomainName?) throws(ContentError) -> String {
    try DomainName(target: text, origin: origin).description
}

extension DomainName {
    /// Reads the name that a record points to.
    ///
    /// A name with dots in it but none at its end is refused: some mean it as it is, and some below the zone.
    ///
    /// - Parameter origin: what a single label without final dot is relative to; without, the name must be absolute.
    public init(target text: String, origin: DomainName?) throws(ContentError) {
        let isAbsolute = text.hasSuffix(".") && text.dropLast().reversed().prefix { $0 == "\\" }.count % 2 == 0
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw .expected("a name in ASCII; write its xn-- form (RFC 5890)")
        }
        guard isAbsolute || origin != nil && !text.contains(".") else { throw .noFinalDot(text, origin: origin) }
        do {
            try self.init(text, relativeTo: origin ?? .root)
        } catch {
            throw .badName(text, error)
        }
    }
}

/// An address in its usual form; `nil` if `text` is none.
private func address(_ text: String, _ family: CInt) -> String? {
    var address = in6_addr()
    // What C reads would end at a NUL.
    guard !text.utf8.contains(0), inet_pton(family, text, &address) == 1 else { return nil }
    var form = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(family, &address, &form, socklen_t(form.count)) != nil else { return nil }
    return String(decoding: form.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

private func isUInt16(_ text: String) -> Bool { text.utf8.allSatisfy(isDigit) && UInt16(text) != nil }

/// A text as quoted strings of at most 255 bytes (RFC 1035 section 3.3.14).
private func quoted(_ text: String) -> String {
    let bytes = Array(text.utf8)
    let pieces = stride(from: 0, to: max(bytes.count, 1), by: 255).map { bytes[$0..<min($0 + 255, bytes.count)] }
    return pieces.map { "\"" + $0.map(escapedInQuotes).joined() + "\"" }.joined(separator: " ")
}

private func escapedInQuotes(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): return "\\" + String(UnicodeScalar(byte))
    case 0x20...0x7e: return String(UnicodeScalar(byte))
    default:
        let digits = String(byte)
        return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }
}

/// Reads strings that are quoted already, and writes them anew.
private func quotedStrings(_ source: String) throws(ContentError) -> String {
    let bytes = Array(source.utf8)
    var strings: [String] = []
    var i = 0
    while i < bytes.count {
        if bytes[i] == UInt8(ascii: " ") || bytes[i] == UInt8(ascii: "\t") {
            i += 1
            continue
        }
        guard bytes[i] == UInt8(ascii: "\"") else { throw .expected("a quoted string after the first one") }
        i += 1
        var string: [UInt8] = []
        while i < bytes.count, bytes[i] != UInt8(ascii: "\"") {
            guard let (byte, next) = unescape(bytes.span, at: i) else {
                throw .expected("three digits after a backslash")
            }
            string.append(byte)
            i = next
        }
        guard i < bytes.count else { throw .expected("a quotation mark at the end") }
        guard string.count <= 255 else { throw .expected("at most 255 bytes in each quoted string") }
        i += 1
        strings.append("\"" + string.map(escapedInQuotes).joined() + "\"")
    }
    return strings.joined(separator: " ")
}
