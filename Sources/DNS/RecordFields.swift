/// The kind of a field of RDATA: how its tokens in a zone file and its bytes in a message are read.
enum RecordField {
    /// A number of 8, 16 or 32 bits.
    case uint8, uint16, uint32
    /// A time in seconds, 32 bits, which may be written as `1h30m`.
    case ttl
    /// A time in seconds since 1970, 32 bits, which may be written as `YYYYMMDDHHmmSS` (RFC 4034 section 3.2).
    case timestamp
    /// A number of 8 bits that has mnemonics: a DNSSEC algorithm, or a digest algorithm.
    case algorithm, digest
    /// The type of a certificate, 16 bits (RFC 4398 section 2.1); never 0.
    case certificateType
    /// A record type; and all types to the end, as a bitmap (RFC 4034 section 4.1.2).
    case type, types
    case name
    /// A character string of up to 255 bytes; one that may be missing at the end; one or several to the end.
    case string, optionalString, strings
    /// A text without a length byte, to the end.
    case text
    /// A property tag of CAA (RFC 8659 section 4.1).
    case tag
    /// Bytes to the end, at least one, in hexadecimal or base64.
    case hex, base64
    /// The salt of NSEC3 and its next hashed owner name, each of up to 255 bytes (RFC 5155 section 3.3).
    case nsec3Salt, nextHashedOwner
    case ipv4, ipv6
    /// 6 or 8 bytes in hexadecimal with hyphens (RFC 7043).
    case eui48, eui64
    /// 8 bytes as four numbers with colons (RFC 6742 section 2.1).
    case locator
    /// All fields of LOC (RFC 1876).
    case location
    /// All fields of IPSECKEY (RFC 4025): the form of the gateway and of the key depends on the numbers before them.
    case ipseckey
    /// The address prefixes of APL (RFC 3123).
    case apl
    /// SvcParams (RFC 9460).
    case svcParams
}

/// The layout of the RDATA of one type.
struct RecordLayout: Sendable {
    /// The fields in order. If there are none, the data can only be written in the generic form (RFC 3597 section 5).
    let fields: [RecordField]
    /// An example of the data in a zone file.
    let example: String
    /// The dialects in which pdns accepts the text form of this type; in the others it accepts the generic form.
    let text: TextForm

    enum TextForm {
        case always, since5_1, never
    }

    init(_ fields: [RecordField], _ example: String, text: TextForm = .always) {
        self.fields = fields
        self.example = example
        self.text = text
    }
}

extension RecordType {
    var layout: RecordLayout {
        Int(rawValue) < layouts.count ? layouts[Int(rawValue)] : higherLayouts[rawValue] ?? unknownLayout
    }
}

private let unknownLayout = RecordLayout([], "\\# 2 abcd", text: .never)
private let layouts = (0..<512).map { layoutsByType[$0] ?? unknownLayout }
private let higherLayouts = layoutsByType.filter { $0.key >= layouts.count }

private let layoutsByType: [UInt16: RecordLayout] = [
    1: .init([.ipv4], "192.0.2.1"),
    2: .init([.name], "ns1.example.com."),
    3: .init([.name], "mail.example.com.", text: .never),
    4: .init([.name], "mail.example.com.", text: .never),
    5: .init([.name], "www.example.com."),
    6: .init(
        [.name, .name, .uint32, .ttl, .ttl, .ttl, .ttl],
        "ns1.example.com. hostmaster.example.com. 1 3h 1h 1w 5m"),
    7: .init([.name], "mail.example.com."),
    8: .init([.name], "mailbox.example.com."),
    9: .init([.name], "mailbox.example.com."),
    12: .init([.name], "www.example.com."),
    13: .init([.string, .string], #""PC" "Linux""#),
    14: .init([.name, .name], "admin.example.com. errors.example.com."),
    15: .init([.uint16, .name], "10 mail.example.com."),
    16: .init([.strings], #""v=spf1 -all""#),
    17: .init([.name, .name], "admin.example.com. people.example.com."),
    18: .init([.uint16, .name], "1 afs.example.com."),
    19: .init([.string], "47200001", text: .never),
    20: .init([.string, .optionalString], "4722000000 004", text: .never),
    21: .init([.uint16, .name], "10 relay.example.com.", text: .never),
    23: .init([.name], "www.example.com.", text: .never),
    24: .init(signature, signatureExample, text: .never),
    25: .init([.uint16, .uint8, .algorithm, .base64], "256 3 13 AwEAAQ=="),
    26: .init([.uint16, .name, .name], "10 net2.example.com. prmd.example.com.", text: .never),
    27: .init([.string, .string, .string], "59.9 10.7 20", text: .never),
    28: .init([.ipv6], "2001:db8::1"),
    29: .init([.location], "59 55 0 N 10 44 0 E 20m"),
    33: .init([.uint16, .uint16, .uint16, .name], "10 60 5060 sip.example.com."),
    35: .init(
        [.uint16, .uint16, .string, .string, .string, .name], #"100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" ."#),
    36: .init([.uint16, .name], "10 kx.example.com."),
    37: .init([.certificateType, .uint16, .algorithm, .base64], "PKIX 1 RSASHA256 AwEAAQ=="),
    39: .init([.name], "example.net."),
    42: .init([.apl], "1:192.0.2.0/24 !1:192.0.2.64/28"),
    43: .init(delegation, delegationExample),
    44: .init([.uint8, .uint8, .hex], "4 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    45: .init([.ipseckey], "10 1 2 192.0.2.1 AwEAAQ=="),
    46: .init(signature, signatureExample),
    47: .init([.name, .types], "www.example.com. A RRSIG NSEC"),
    48: .init([.uint16, .uint8, .algorithm, .base64], "257 3 13 AwEAAQ=="),
    49: .init([.base64], "AAECAwQFBgcICQ=="),
    50: .init(
        [.uint8, .uint8, .uint16, .nsec3Salt, .nextHashedOwner, .types],
        "1 0 0 - VUTSRQPONMLKJIHGFEDCBA9876543210 A RRSIG"),
    51: .init([.uint8, .uint8, .uint16, .nsec3Salt], "1 0 0 -"),
    52: .init([.uint8, .uint8, .uint8, .hex], "3 1 1 00112233"),
    53: .init([.uint8, .uint8, .uint8, .hex], "3 1 1 00112233"),
    56: .init([.strings], #""a status""#, text: .never),
    57: .init([.uint16, .uint8, .algorithm, .base64], "0 3 13 AwEAAQ=="),
    58: .init([.name, .name], "a.example.com. b.example.com.", text: .never),
    59: .init(delegation, delegationExample),
    60: .init([.uint16, .uint8, .algorithm, .base64], "257 3 13 AwEAAQ=="),
    61: .init([.base64], "AwEAAQ=="),
    62: .init([.uint32, .uint16, .types], "2026010101 3 A NS AAAA"),
    63: .init([.uint32, .uint8, .uint8, .hex], "2026010101 1 241 00112233445566778899aabb"),
    64: .init([.uint16, .name, .svcParams], "1 svc.example.com. alpn=h2 port=8443"),
    65: .init([.uint16, .name, .svcParams], "1 . alpn=h2,h3 ipv4hint=192.0.2.1"),
    67: .init([.base64], "AwEAAQ==", text: .since5_1),
    68: .init([.base64], "AwEAAQ==", text: .since5_1),
    99: .init([.strings], #""v=spf1 -all""#),
    104: .init([.uint16, .locator], "10 0012:34ff:fe56:789a"),
    105: .init([.uint16, .ipv4], "10 192.0.2.0"),
    106: .init([.uint16, .locator], "10 2001:0db8:1234:5678"),
    107: .init([.uint16, .name], "10 l64.example.com."),
    108: .init([.eui48], "00-00-5e-00-53-a1"),
    109: .init([.eui64], "00-00-5e-ef-10-00-00-a1"),
    256: .init([.uint16, .uint16, .text], #"10 1 "https://www.example.com/""#),
    257: .init([.uint8, .tag, .text], #"0 issue "ca.example.net""#),
    258: .init([.strings], #""app""#, text: .never),
    261: .init([.strings], "qnamemin exterr=15-17 infourl=https://resolver.example.com/guide", text: .since5_1),
    262: .init([.strings], #""BTC" "wallet-address""#, text: .since5_1),
    32768: .init(delegation, delegationExample, text: .never),
    32769: .init(delegation, delegationExample),
    65401: .init([.name], "www.example.net."),
]

private let signature: [RecordField] = [
    .type, .algorithm, .uint8, .ttl, .timestamp, .timestamp, .uint16, .name, .base64,
]
private let signatureExample = "A 13 3 300 20260201000000 20260101000000 12345 example.com. AwEAAQ=="
private let delegation: [RecordField] = [.uint16, .algorithm, .digest, .hex]
private let delegationExample = "12345 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
