/// The data of a record in the form that pdns wants from a backend: names without final dot, the preference of MX and SRV
/// a field of its own, texts quoted.
///
/// Source: https://doc.powerdns.com/authoritative/appendices/types.html
public struct RecordContent: Hashable, Sendable {
    /// One line, without its end.
    public let text: String

    private init(text: String) { self.text = text }

    /// Reads what an operator wrote for a record of `type` in the configuration: the words of a zone file. A text without
    /// quotation marks is one text, cut into pieces of 255 bytes.
    ///
    /// - Parameter origin: the zone, in which names of a single label are; without, all must be absolute.
    public init(_ source: String, type: RecordType, origin: DomainName?) throws(ContentError) {
        var warnings: [String] = []
        try self.init(source, type: type, origin: origin, warnings: &warnings)
    }

    /// Reads what an operator wrote for a record, as above, and appends to `warnings` what was changed in it, or what
    /// clients make no use of.
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
        let words = try words(bytes)
        guard !isText || words.allSatisfy(\.isQuoted) || words.first?.isQuoted == false else {
            throw .expected("a quoted string after the first one")
        }
        var reader = RecordDataReader()
        try bytes.withUnsafeBufferPointer { bytes throws(ContentError) in
            do throws(RecordDataError) {
                try reader.read(words[...], in: bytes, type: type, names: .unambiguous(in: origin))
            } catch {
                throw error.reason
            }
        }
        text = String(decoding: reader.text, as: UTF8.self)
        warnings += reader.warnings.map(\.message)
    }

    /// The content of an SOA record (RFC 1035 section 3.3.13). Times are in seconds.
    public init(
        primary: DomainName, contact: DomainName, serial: UInt32, refresh: UInt32, retry: UInt32, expire: UInt32,
        minimum: UInt32
    ) {
        text = "\(primary) \(contact) \(serial) \(refresh) \(retry) \(expire) \(minimum)"
    }

    /// The data of a record as zone files have it: blanks between all fields, and a final dot behind each name.
    ///
    /// - Parameter text: as pdns takes it.
    public static func zoneFileForm(of text: String, type: RecordType) -> String {
        let bytes = Array(text.utf8)
        guard !text.hasPrefix("\\# "), let words = try? words(bytes) else { return text }
        var form: [UInt8] = []
        var fields = type.layout.fields[...]
        for word in words {
            if !form.isEmpty { form.append(UInt8(ascii: " ")) }
            let isName = fields.popFirst() == .name && !word.isQuoted
            form +=
                word.isQuoted ? [UInt8(ascii: "\"")] + bytes[word.text] + [UInt8(ascii: "\"")] : bytes[word.text][...]
            if isName, bytes[word.text] != [UInt8(ascii: ".")] { form.append(UInt8(ascii: ".")) }
        }
        return String(decoding: form, as: UTF8.self)
    }

    /// The content of a record that says no more than that a name exists: no data at all (RFC 3597 section 5).
    public static let empty = RecordContent(text: "\\# 0")
}

/// What is wrong with the data of a record.
public enum ContentError: Error, CustomStringConvertible {
    case expected(String)
    case badName(String, NameError)
    case noFinalDot(String, origin: DomainName?)
    case refused(String)
    /// The data is right, but pdns cannot be told it: the record is left out.
    case unservable(String)

    /// For data that is given as bytes.
    static let malformed = ContentError.expected("data that has the form of its type")

    public var description: String {
        switch self {
        case .expected(let form): "expected \(form)"
        case .badName(let name, let error): "'\(name)' is no name: \(error)"
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
    /// A name with dots in it but none at its end is refused: some mean it as it is, and some below the zone.
    ///
    /// - Parameter origin: what a single label without final dot is relative to; without, the name must be absolute.
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

/// Whether a name in presentation format ends with a dot that is no part of a label.
func isAbsolute(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    name.last == UInt8(ascii: ".") && name.dropLast().reversed().prefix { $0 == UInt8(ascii: "\\") }.count % 2 == 0
}

/// A text as strings of at most 255 bytes (RFC 1035 section 3.3.14).
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

/// Cuts at blanks that are neither quoted nor escaped.
func words(_ bytes: [UInt8]) throws(ContentError) -> [Word] {
    var words: [Word] = []
    var i = 0
    /// Goes to the quotation mark that ends the string beginning here.
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
            words.append(Word(text: (start + 1)..<i, isQuoted: true))
            i += 1
        } else {
            while i < bytes.count, !isBlank(bytes[i]) {
                if bytes[i] == UInt8(ascii: "\"") {
                    // Blanks may be quoted inside of key="value" (RFC 9460 section 2.1).
                    guard bytes[i - 1] == UInt8(ascii: "=") else { break }
                    try skipString()
                }
                i += bytes[i] == UInt8(ascii: "\\") ? 2 : 1
            }
            i = min(i, bytes.count)
            words.append(Word(text: start..<i, isQuoted: false))
        }
    }
    return words
}

private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
}
