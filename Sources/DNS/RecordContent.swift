/// The data of a record in the form that pdns expects of a pipe backend: names without a final dot, the preference of
/// MX and SRV as a separate field, texts in quotation marks.
///
/// Source: https://doc.powerdns.com/authoritative/appendices/types.html
public struct RecordContent: Hashable, Sendable {
    /// The data as one line, without a line end.
    public let text: String

    private init(text: String) { self.text = text }

    /// Reads the data of a record of `type` from the configuration, which is written as in a zone file. A text without
    /// quotation marks is one text, and is split into strings of 255 bytes.
    ///
    /// - Parameter origin: the zone, which names of a single label are relative to; without it, all names must be
    ///   absolute.
    public init(_ source: String, type: RecordType, origin: DomainName?) throws(ContentError) {
        var warnings: [String] = []
        try self.init(source, type: type, origin: origin, warnings: &warnings)
    }

    /// Reads the data of a record as above, and appends to `warnings` what was changed in it, and what clients ignore.
    public init(
        _ source: String, type: RecordType, origin: DomainName?, warnings: inout [String]
    ) throws(ContentError) {
        guard type != .soa else { throw .refused("the SOA record is made from soa:") }
        let bytes = Array(source.utf8)
        let isText = type == .txt || type == .spf
        if isText, bytes.first != UInt8(ascii: "\""), !source.hasPrefix("\\# ") {
            text = try quoted(bytes, type)
            return
        }
        guard isText || bytes.allSatisfy({ $0 < 0x80 }) else {
            throw .expected(#"ASCII; write a name's xn-- form (RFC 5890), and other bytes as \DDD"#)
        }
        let tokens = try tokens(bytes)
        guard !isText || tokens.allSatisfy(\.isQuoted) || tokens.first?.isQuoted == false else {
            throw .expected("a quoted string after the first one")
        }
        var reader = RecordDataReader()
        try bytes.withUnsafeBufferPointer { bytes throws(ContentError) in
            do throws(RecordDataError) {
                try reader.read(tokens[...], in: bytes, type: type, names: .unambiguous(in: origin))
            } catch {
                throw error.reason
            }
        }
        text = String(decoding: reader.text, as: UTF8.self)
        warnings += reader.warnings.map(\.message)
    }

    /// Makes the content of an SOA record (RFC 1035 section 3.3.13). Times are in seconds.
    public init(
        primary: DomainName, contact: DomainName, serial: UInt32, refresh: UInt32, retry: UInt32, expire: UInt32,
        minimum: UInt32
    ) {
        text = "\(primary) \(contact) \(serial) \(refresh) \(retry) \(expire) \(minimum)"
    }

    /// Returns the data of a record as in a zone file: spaces between all fields, and a final dot after each name.
    ///
    /// - Parameter text: the data in the form of pdns.
    public static func zoneFileForm(of text: String, type: RecordType) -> String {
        let bytes = Array(text.utf8)
        guard !text.hasPrefix("\\# "), let tokens = try? tokens(bytes) else { return text }
        var form: [UInt8] = []
        var fields = type.layout.fields[...]
        for token in tokens {
            if !form.isEmpty { form.append(UInt8(ascii: " ")) }
            let isName = fields.popFirst() == .name && !token.isQuoted
            form +=
                token.isQuoted
                ? [UInt8(ascii: "\"")] + bytes[token.text] + [UInt8(ascii: "\"")] : bytes[token.text][...]
            if isName, bytes[token.text] != [UInt8(ascii: ".")] { form.append(UInt8(ascii: ".")) }
        }
        return String(decoding: form, as: UTF8.self)
    }

    /// The content of a record that only says that a name exists: no data (RFC 3597 section 5).
    public static let empty = RecordContent(text: "\\# 0")
}

/// Why the data of a record cannot be used.
public enum ContentError: Error, CustomStringConvertible {
    case expected(String)
    case badName(String, NameError)
    case noFinalDot(String, origin: DomainName?)
    case refused(String)
    /// The data is valid, but pdns does not accept it from a pipe backend: the record is left out.
    case unservable(String)

    /// The error for data in wire format.
    static let malformed = ContentError.expected("data that has the form of its type")

    public var description: String {
        switch self {
        case .expected(let form): "expected \(form)"
        case .badName(let name, let error): "'\(name)' is not a valid domain name: \(error)"
        case .noFinalDot(let name, let origin?):
            "'\(name)' has no final dot; write '\(name).', or '\(name).\(origin).' for a name in the zone"
        case .noFinalDot(let name, nil): "'\(name)' has no final dot; write '\(name).'"
        case .refused(let reason): reason
        case .unservable(let reason): "\(reason); the record is left out"
        }
    }
}

extension DomainName {
    /// Reads the name that a record points to.
    ///
    /// A name with dots in it but none at its end is refused, because it is ambiguous: some operators mean an absolute
    /// name, others a name below the zone.
    ///
    /// - Parameter origin: the name that a single label is relative to; without it, the name must be absolute.
    public init(target text: String, origin: DomainName?) throws(ContentError) {
        let bytes = Array(text.utf8)
        guard bytes.allSatisfy({ $0 < 0x80 }) else {
            throw .expected("a name in ASCII; write its xn-- form (RFC 5890)")
        }
        guard bytes.withUnsafeBufferPointer(isAbsolute) || origin != nil && !text.contains(".") else {
            throw .noFinalDot(text, origin: origin)
        }
        do {
            try self.init(text, relativeTo: origin ?? .root)
        } catch {
            throw .badName(text, error)
        }
    }
}

/// Whether a name in presentation format ends with a dot that is not escaped.
func isAbsolute(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    name.last == UInt8(ascii: ".") && name.dropLast().reversed().prefix { $0 == UInt8(ascii: "\\") }.count % 2 == 0
}

/// Returns a text as quoted strings of at most 255 bytes each (RFC 1035 section 3.3.14).
private func quoted(_ bytes: [UInt8], _ type: RecordType) throws(ContentError) -> String {
    var wire: [UInt8] = []
    for start in stride(from: 0, to: max(bytes.count, 1), by: 255) {
        let piece = bytes[start..<min(start + 255, bytes.count)]
        wire.append(UInt8(piece.count))
        wire.append(contentsOf: piece)
    }
    guard wire.count < 1 << 16 else { throw .expected("at most 65535 bytes") }
    var text: [UInt8] = []
    var field = 0
    try appendRecordText(ofWire: wire.span, type: type, dialect: nil, to: &text, field: &field)
    return String(decoding: text, as: UTF8.self)
}

/// Splits a text into tokens at spaces, tabs and line ends that are neither quoted nor escaped.
func tokens(_ bytes: [UInt8]) throws(ContentError) -> [Token] {
    var tokens: [Token] = []
    var i = 0
    /// Moves to the quotation mark that ends the string beginning at `i`.
    func skipString() throws(ContentError) {
        i += 1
        while i < bytes.count, bytes[i] != UInt8(ascii: "\"") { i += bytes[i] == UInt8(ascii: "\\") ? 2 : 1 }
        guard i < bytes.count else { throw .expected("a quotation mark at the end") }
    }
    while i < bytes.count {
        let start = i
        if isBlank(bytes[i]) {
            i += 1
        } else if bytes[i] == UInt8(ascii: "\"") {
            try skipString()
            tokens.append(Token(text: (start + 1)..<i, isQuoted: true))
            i += 1
        } else {
            while i < bytes.count, !isBlank(bytes[i]) {
                if bytes[i] == UInt8(ascii: "\"") {
                    // key="value" may have quoted spaces (RFC 9460 section 2.1).
                    guard bytes[i - 1] == UInt8(ascii: "=") else { break }
                    try skipString()
                }
                i += bytes[i] == UInt8(ascii: "\\") ? 2 : 1
            }
            i = min(i, bytes.count)
            tokens.append(Token(text: start..<i, isQuoted: false))
        }
    }
    return tokens
}

private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
}
