import Support

/// The drawn data of a record, which both its spellings and its bytes are made from.
struct RecordData: Sendable {
    /// A field of the data.
    enum Field: Sendable {
        /// A number with its length in bytes.
        case number(Int, Int)
        /// A domain name, which may be written relative to the origin.
        case name(Name)
        /// A character-string: a length byte and at most 255 bytes.
        case string([UInt8])
        /// Bytes without a length to the end of the data, written like a character-string.
        case rest([UInt8])
        /// Bytes to the end of the data, written in base 16 or 64 with blanks at any position.
        case base16([UInt8])
        case base64([UInt8])
        /// Any other field: its spellings, of which pdns can read the first, and its bytes.
        case words([String], [UInt8])
    }

    let type: UInt16
    let fields: [Field]
    /// Whether pdns reads this type only in the form of RFC 3597.
    var isGeneric = false

    var wire: [UInt8] {
        fields.flatMap { field -> [UInt8] in
            switch field {
            case .number(let number, let count): bigEndian(number, bytes: count)
            case .name(let name): name.wire
            case .string(let bytes): [UInt8(bytes.count)] + bytes
            case .rest(let bytes), .base16(let bytes), .base64(let bytes): bytes
            case .words(_, let bytes): bytes
            }
        }
    }

    /// The domain names in the data.
    var names: [Name] {
        fields.compactMap { if case .name(let name) = $0 { name } else { nil } }
    }

    /// The form `\# LENGTH BYTES` (RFC 3597 section 5).
    var generic: String {
        let wire = wire
        return wire.isEmpty ? "\\# 0" : "\\# \(wire.count) \(wire.map(hexadecimal).joined())"
    }

    /// The form for pdns's own master file: no relative names, no abbreviations.
    var plain: String {
        guard !isGeneric else { return generic }
        return fields.map { field in
            switch field {
            case .number(let number, _): "\(number)"
            case .name(let name): name.description
            case .string(let bytes), .rest(let bytes): quoted(bytes)
            case .base16(let bytes): bytes.map(hexadecimal).joined()
            case .base64(let bytes): base64(bytes)
            case .words(let spellings, _): spellings[0]
            }
        }.joined(separator: " ")
    }
}

/// Returns a quoted text with all special characters escaped.
func quoted(_ bytes: [UInt8]) -> String {
    let text = bytes.map { byte in
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): "\\" + String(UnicodeScalar(byte))
        case 0x20...0x7e: String(UnicodeScalar(byte))
        default: decimalEscape(byte)
        }
    }
    return "\"\(text.joined())\""
}

/// Returns bytes in base 64 (RFC 4648 section 4).
func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let number = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for position in 0...group.count { text.append(digits[number >> (18 - 6 * position) & 63]) }
        text += String(repeating: "=", count: 3 - group.count)
    }
    return text
}

// MARK: - Types

/// The mnemonics of types; other types are TYPE with the number.
private let mnemonics: [UInt16: String] = [
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX",
    16: "TXT", 17: "RP", 18: "AFSDB", 25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT",
    39: "DNAME", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID",
    50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC",
    63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 104: "NID", 105: "L32", 106: "L64", 107: "LP", 108: "EUI48",
    109: "EUI64", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
]

let knownTypes = mnemonics.keys.filter { ![252, 255].contains($0) }.sorted()

func typeName(_ type: UInt16) -> String { mnemonics[type] ?? "TYPE\(type)" }

// MARK: - Drawing

extension SeededGenerator {
    mutating func byte() -> UInt8 { UInt8(number(0...255)) }

    mutating func bytes(_ count: ClosedRange<Int>) -> [UInt8] {
        (0..<number(count)).map { _ in byte() }
    }

    mutating func text() -> [UInt8] {
        let alphabets: [[UInt8]] = [
            Array("abcXYZ019 -_.=,".utf8), Array("ab \"\\;()@$*?'".utf8), Array(0...255), Array("a".utf8),
        ]
        let alphabet = one(of: alphabets)
        let count = once(in: 12) ? number(200...255) : number(0...20)
        return (0..<count).map { _ in one(of: alphabet) }
    }

    /// - Parameter name: draws the target of a record.
    mutating func data(of type: UInt16, name: (inout SeededGenerator) -> Name) -> RecordData {
        func number16(_ generator: inout SeededGenerator) -> RecordData.Field {
            .number(generator.once(in: 5) ? 65535 : generator.number(0...100), 2)
        }
        var isGeneric = false
        let fields: [RecordData.Field]
        switch type {
        case 1: fields = [ipv4()]
        case 2, 5, 7, 8, 9, 12, 39: fields = [.name(name(&self))]
        case 13: fields = [.string(text()), .string(text())]
        case 14, 17: fields = [.name(name(&self)), .name(name(&self))]
        case 15, 18, 36, 107: fields = [number16(&self), .name(name(&self))]
        case 16, 99: fields = (0..<(once(in: 15) ? number(5...30) : number(1...3))).map { _ in .string(text()) }
        case 28: fields = [ipv6()]
        case 29: fields = [location()]
        case 33: fields = [number16(&self), number16(&self), number16(&self), .name(name(&self))]
        case 35:
            let expression = one(of: ["", "!^.*$!sip:info@example.com!", #"!^(\\d+);"$!tel:\\1!i"#])
            fields = [
                number16(&self), number16(&self), .string(Array(one(of: ["", "U", "s", "A"]).utf8)),
                .string(Array(one(of: ["", "E2U+sip", "SIP+D2T"]).utf8)), .string(Array(expression.utf8)),
                .name(once(in: 2) ? .root : name(&self)),
            ]
        case 25, 48, 60: fields = [.number(one(of: [0, 256, 257]), 2), .number(3, 1), .number(algorithm(), 1), key()]
        case 37:
            let kind = one(of: [(1, "PKIX"), (2, "SPKI"), (3, "PGP"), (4, "IPKIX"), (253, "URI"), (254, "OID")])
            let algorithm = one(of: [(8, "RSASHA256"), (13, "ECDSAP256SHA256"), (15, "ED25519")])
            fields = [
                .words(["\(kind.0)", kind.1], bigEndian(kind.0, bytes: 2)), number16(&self),
                .words(["\(algorithm.0)", algorithm.1], [UInt8(algorithm.0)]), key(),
            ]
        case 42:
            let network = byte() | 1
            fields = [
                once(in: 2)
                    ? .words(["1:\(network).0.0.0/8"], [0, 1, 8, 1, network])
                    : .words(
                        ["!1:192.0.2.0/24 2:2001:db8::/32"], [0, 1, 24, 0x83, 192, 0, 2, 0, 2, 32, 4, 32, 1, 13, 184])
            ]
        case 43, 59:
            let digest = one(of: [(1, 20), (2, 32), (4, 48)])
            fields = [
                number16(&self), .words(["13", "ECDSAP256SHA256"], [13]), .number(digest.0, 1),
                .base16(bytes(digest.1...digest.1)),
            ]
        case 44:
            let digest = one(of: [(1, 20), (2, 32)])
            fields = [.number(number(1...4), 1), .number(digest.0, 1), .base16(bytes(digest.1...digest.1))]
        case 45:
            let gateway: (Int, RecordData.Field) =
                switch number(1...3) {
                case 1: (1, ipv4())
                case 2: (2, ipv6())
                default: (3, .name(name(&self)))
                }
            fields = [.number(Int(byte()), 1), .number(gateway.0, 1), .number(2, 1), gateway.1, key()]
        case 49: fields = [.base64([0, UInt8(number(0...2)), 1] + bytes(32...32))]
        case 52, 53:
            let digest = number(0...2)
            let count = [number(1...90), 32, 64][digest]
            fields = [
                .number(number(0...3), 1), .number(number(0...1), 1), .number(digest, 1), .base16(bytes(count...count)),
            ]
        case 61: fields = [key()]
        case 62:
            fields = [
                .number(number(0...1_000_000), 4), .number(number(0...3), 2),
                .words(["A NS AAAA"], [0, 4, 0x60, 0, 0, 8]),
            ]
        case 63: fields = [.number(number(0...1_000_000), 4), .number(1, 1), .number(1, 1), .base16(bytes(48...48))]
        case 64, 65: fields = serviceBinding(name)
        case 104, 106: fields = [number16(&self), locator(type)]
        case 105: fields = [number16(&self), ipv4()]
        case 108, 109:
            let address = bytes(type == 108 ? 6...6 : 8...8)
            let text = address.map(hexadecimal).joined(separator: "-")
            fields = [.words([text, text.uppercased()], address)]
        case 256:
            fields = [
                number16(&self), number16(&self), .rest(Array("https://example.net/?a=\(number(0...99));b".utf8)),
            ]
        case 257:
            let tag = one(of: ["issue", "issuewild", "iodef", "a9"])
            let values = ["ca.example.net", ";", "", "ca.example.net; policy=\"ev\"", "mailto:a@example.net"]
            fields = [
                .number(one(of: [0, 128]), 1), .words([tag], [UInt8(tag.utf8.count)] + Array(tag.utf8)),
                .rest(Array(one(of: values).utf8)),
            ]
        default:
            isGeneric = true
            fields = [.base16(bytes(0...40))]
        }
        return RecordData(type: type, fields: fields, isGeneric: isGeneric)
    }

    private mutating func ipv4() -> RecordData.Field {
        let bytes: [UInt8] = [192, 0, 2, byte()]
        return .words([bytes.map(String.init).joined(separator: ".")], bytes)
    }

    private mutating func ipv6() -> RecordData.Field {
        let last = number(1...0xffff)
        let high = number(0x1000...0xffff)
        let bytes: [UInt8] = [0x20, 1, 0xd, 0xb8] + bigEndian(high, bytes: 2) + Array(repeating: 0, count: 8)
        let (h, l) = (String(high, radix: 16), String(last, radix: 16))
        return .words(
            [
                "2001:db8:\(h)::\(l)", "2001:DB8:\(h.uppercased())::\(l.uppercased())", "2001:0db8:\(h):0:0:0:0:\(l)",
                "2001:db8:\(h)::0.0.\(last >> 8).\(last & 0xff)",
            ],
            bytes + bigEndian(last, bytes: 2))
    }

    private mutating func key() -> RecordData.Field { .base64(bytes(1...64)) }

    private mutating func algorithm() -> Int { one(of: [8, 13, 15]) }

    private mutating func locator(_ type: UInt16) -> RecordData.Field {
        let groups = (0..<4).map { _ in number(0...0xffff) }
        let text = groups.map { String($0, radix: 16) }.joined(separator: ":")
        return .words([text, text.uppercased()], groups.flatMap { bigEndian($0, bytes: 2) })
    }

    /// Draws a LOC record (RFC 1876): angles in thousandths of a second of arc, offset by 2^31, and the altitude in
    /// centimetres above -100 km.
    private mutating func location() -> RecordData.Field {
        func angle(_ range: ClosedRange<Int>, _ letters: (String, String)) -> (String, Int) {
            let (degrees, minutes, thousandths) = (number(range), number(0...59), number(0...59_999))
            let isPositive = once(in: 2)
            let total = (degrees * 60 + minutes) * 60_000 + thousandths
            let fraction = String(1000 + thousandths % 1000).dropFirst()
            let text = "\(degrees) \(minutes) \(thousandths / 1000).\(fraction) \(isPositive ? letters.0 : letters.1)"
            return (text, (1 << 31) + (isPositive ? total : -total))
        }
        let latitude = angle(0...89, ("N", "S"))
        let longitude = angle(0...179, ("E", "W"))
        let meters = number(-1000...10_000)
        let bytes =
            [0, 0x12, 0x16, 0x13] + bigEndian(latitude.1, bytes: 4) + bigEndian(longitude.1, bytes: 4)
            + bigEndian(10_000_000 + 100 * meters, bytes: 4)
        let start = "\(latitude.0) \(longitude.0) \(meters)"
        return .words(
            ["\(start).00m 1.00m 10000.00m 10.00m", "\(start)m", "\(start) 1 10000 10", "\(start).0m 1m"], bytes)
    }

    /// Draws SvcParams (RFC 9460).
    private mutating func serviceBinding(_ name: (inout SeededGenerator) -> Name) -> [RecordData.Field] {
        let target = once(in: 2) ? Name.root : name(&self)
        guard !once(in: 4) else { return [.number(0, 2), .name(target)] }
        func parameter(_ key: Int, _ value: [UInt8]) -> [UInt8] {
            bigEndian(key, bytes: 2) + bigEndian(value.count, bytes: 2) + value
        }
        var parameters: [(String, [UInt8])] = []
        if once(in: 2) {
            parameters.append(("alpn=h2,h3", parameter(1, [2] + Array("h2".utf8) + [2] + Array("h3".utf8))))
        }
        if once(in: 2) {
            let port = number(1...65535)
            parameters.append(("port=\(port)", parameter(3, bigEndian(port, bytes: 2))))
        }
        if once(in: 2) {
            parameters.append(("ipv4hint=192.0.2.1,192.0.2.2", parameter(4, [192, 0, 2, 1, 192, 0, 2, 2])))
        }
        if once(in: 3) {
            parameters.append(
                ("ipv6hint=2001:db8::1", parameter(6, [0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 11) + [1])))
        }
        if once(in: 3) { parameters.append(("key65333=\"a b\"", parameter(65333, Array("a b".utf8)))) }
        guard !parameters.isEmpty else { return [.number(1, 2), .name(target)] }
        // The text may have any order; the wire format has the order of the keys.
        let spellings = [parameters, parameters.shuffled(using: &self)].map { $0.map(\.0).joined(separator: " ") }
        return [.number(number(1...9), 2), .name(target), .words(spellings, parameters.flatMap(\.1))]
    }
}
