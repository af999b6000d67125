/// A DNS question.
struct DNSQuestion: Hashable, Sendable, CustomStringConvertible {
    var name: Name
    var type: UInt16
    /// Whether signatures and proofs are requested (the DO bit, RFC 3225).
    var wantsProof = false

    var description: String { "\(name) \(typeName(type))\(wantsProof ? " +dnssec" : "")" }

    /// Returns the query message with this id (RFC 1035 section 4.1), with an OPT record (RFC 6891).
    func message(id: UInt16) -> [UInt8] {
        var bytes = bigEndian(id) + [0, 0] + bigEndian(1) + bigEndian(0) + bigEndian(0) + bigEndian(1)
        bytes += name.wire + bigEndian(type) + bigEndian(1)
        // The UDP payload size, the extended RCODE and version, the flags, and no options.
        bytes += [0] + bigEndian(41) + bigEndian(4096) + [0, 0] + bigEndian(wantsProof ? 0x8000 : 0) + bigEndian(0)
        return bytes
    }
}

/// A received record.
struct ReceivedRecord: Hashable, Sendable {
    var owner: Name
    var type: UInt16
    var recordClass: UInt16
    var ttl: UInt32
    /// The data with uncompressed names, in lower case where pdns may have compressed them.
    var data: [UInt8]
}

extension ReceivedRecord: CustomStringConvertible {
    var description: String {
        "\(owner) \(ttl) \(recordClass == 1 ? "IN" : "CLASS\(recordClass)") \(typeName(type)) \(dataDescription)"
    }

    /// The record as text: names and addresses in their usual form, other data by RFC 3597 section 5 with its
    /// printable characters.
    private var dataDescription: String {
        var reader = MessageReader(data)
        switch type {
        case 1: return data.map(String.init).joined(separator: ".")
        case 2, 5, 12, 39: return (try? reader.name().description) ?? "?"
        case 6:
            guard let primary = try? reader.name(), let contact = try? reader.name() else { return "?" }
            let numbers = (0..<5).map { _ in (try? reader.number(4)).map(String.init) ?? "?" }
            return "\(primary) \(contact) \(numbers.joined(separator: " "))"
        case 15:
            guard let preference = try? reader.number(2), let name = try? reader.name() else { return "?" }
            return "\(preference) \(name)"
        default:
            let text = data.prefix(200).map { 0x20..<0x7f ~= $0 ? String(UnicodeScalar($0)) : "." }.joined()
            return "\\# \(data.count) \(data.prefix(100).map(hexadecimal).joined()) ; \(text)"
        }
    }
}

/// A DNS reply.
struct DNSReply: Equatable, Sendable {
    enum Section: String, CaseIterable { case answer, authority, additional }

    /// The RCODE (RFC 1035 section 4.1.1), with the upper bits from OPT (RFC 6891).
    var code: Int
    var isAuthoritative: Bool
    var isTruncated: Bool
    var sections: [Section: [ReceivedRecord]] = [:]

    subscript(section: Section) -> [ReceivedRecord] {
        get { sections[section] ?? [] }
        set { sections[section] = newValue }
    }

    init(_ message: [UInt8]) throws(MalformedMessage) {
        var reader = MessageReader(message)
        _ = try reader.number(2)
        let flags = try reader.number(2)
        code = Int(flags & 0xf)
        isAuthoritative = flags & 0x0400 != 0
        isTruncated = flags & 0x0200 != 0
        var counts: [UInt32] = []
        for _ in 0..<4 { counts.append(try reader.number(2)) }
        for _ in 0..<counts[0] {
            _ = try reader.name()
            _ = try reader.number(4)
        }
        for (section, count) in zip(Section.allCases, counts.dropFirst()) {
            for _ in 0..<count {
                let record = try reader.record()
                if record.type == 41 {
                    code |= Int(record.ttl >> 24) << 4
                } else {
                    self[section].append(record)
                }
            }
        }
    }
}

extension DNSReply: CustomStringConvertible {
    var description: String {
        var lines = ["\(codeName)\(isAuthoritative ? ", authoritative" : "")\(isTruncated ? ", truncated" : "")"]
        for section in Section.allCases where !self[section].isEmpty {
            lines.append("\(section.rawValue):")
            lines += self[section].map { "  \($0)" }.sorted()
        }
        return lines.joined(separator: "\n")
    }

    private var codeName: String {
        let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"]
        return names.indices.contains(code) ? names[code] : "code \(code)"
    }
}

struct MalformedMessage: Error {}

/// Reads a message from its start.
struct MessageReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number(_ size: Int) throws(MalformedMessage) -> UInt32 {
        try take(size).reduce(0) { $0 << 8 | UInt32($1) }
    }

    private mutating func take(_ count: Int) throws(MalformedMessage) -> ArraySlice<UInt8> {
        guard position + count <= bytes.count else { throw MalformedMessage() }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    /// Reads a name, compressed or not (RFC 1035 section 4.1.4).
    mutating func name() throws(MalformedMessage) -> Name {
        var labels: [[UInt8]] = []
        var end: Int?
        while case let length = Int(try number(1)), length != 0 {
            if length >= 0xc0 {
                let target = (length & 0x3f) << 8 | Int(try number(1))
                if end == nil { end = position }
                guard target < position - 2 else { throw MalformedMessage() }
                position = target
            } else {
                labels.append(Array(try take(length)))
            }
        }
        if let end { position = end }
        return Name(labels)
    }

    mutating func record() throws(MalformedMessage) -> ReceivedRecord {
        let owner = try name()
        let type = UInt16(try number(2))
        let recordClass = UInt16(try number(2))
        let ttl = try number(4)
        let count = Int(try number(2))
        let end = position + count
        guard end <= bytes.count else { throw MalformedMessage() }
        var data: [UInt8] = []
        if count > 0, let (before, names) = namesInData[type] {
            data += try take(before)
            for _ in 0..<names { data += Name(try name().folded).wire }
        }
        guard position <= end else { throw MalformedMessage() }
        data += try take(end - position)
        return ReceivedRecord(owner: owner, type: type, recordClass: recordClass, ttl: ttl, data: data)
    }
}

/// For each type with names that may be compressed (RFC 3597 section 4): the number of bytes before the names, and the
/// number of names.
private let namesInData: [UInt16: (before: Int, names: Int)] = [
    2: (0, 1), 5: (0, 1), 6: (0, 2), 7: (0, 1), 8: (0, 1), 9: (0, 1), 12: (0, 1), 14: (0, 2), 15: (2, 1), 17: (0, 2),
    18: (2, 1), 33: (6, 1), 36: (2, 1), 39: (0, 1), 107: (2, 1),
]

func bigEndian(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }

func bigEndian(_ number: Int, bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
