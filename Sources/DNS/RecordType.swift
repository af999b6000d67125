/// A resource record type (RFC 1035 section 3.2.2; IANA: Resource Record (RR) TYPEs).
public struct RecordType: RawRepresentable, Hashable, Sendable {
    /// The number of the type.
    public let rawValue: UInt16

    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Reads a mnemonic, or `TYPE` and the number (RFC 3597 section 5), without regard to case; `nil` for any other
    /// text.
    @inlinable @inline(__always)
    public init?(_ text: Span<UInt8>) {
        // ANY is recognised without a call: pdns asks for it whenever it can.
        if text.count == 3, text[unchecked: 0] | 0x20 == UInt8(ascii: "a"),
            text[unchecked: 1] | 0x20 == UInt8(ascii: "n"),
            text[unchecked: 2] | 0x20 == UInt8(ascii: "y")
        {
            self = .any
        } else {
            self.init(anyText: text)
        }
    }

    @inline(never) @usableFromInline
    init?(anyText text: Span<UInt8>) {
        guard let type = Self.common(text) ?? Self.anyOther(text) else { return nil }
        self = type
    }

    /// Finds the most frequently asked types with a few comparisons.
    @inline(__always)
    private static func common(_ text: Span<UInt8>) -> RecordType? {
        guard 1...4 ~= text.count else { return nil }
        // Setting bit 0x20 makes letters lower case; no other byte becomes a letter.
        var packed: UInt32 = 0
        for i in 0..<text.count { packed = packed << 8 | UInt32(text[unchecked: i] | 0x20) }
        return switch packed {
        case 0x61_6e79: .any
        case 0x73_6f61: .soa
        case 0x61: .a
        case 0x6161_6161: .aaaa
        case 0x6e73: .ns
        case 0x6d78: .mx
        case 0x74_7874: .txt
        case 0x73_7276: .srv
        case 0x70_7472: .ptr
        default: nil
        }
    }

    /// Finds the type of any mnemonic or number.
    @inline(never)
    private static func anyOther(_ text: Span<UInt8>) -> RecordType? {
        guard 1...16 ~= text.count else { return nil }
        var packed: UInt128 = 0
        for i in 0..<text.count {
            // No mnemonic has other bytes, and a leading zero byte would vanish in the packed number.
            guard 0x21...0x7e ~= text[i] else { return nil }
            packed = packed << 8 | UInt128(lowerCase(text[i]))
        }
        if packed == packedANY {
            return .any
        } else if let type = typesByMnemonic[packed] {
            return type
        } else {
            guard text.count > 4, packed >> UInt128(8 * (text.count - 4)) == packedTYPE else { return nil }
            var number: UInt16 = 0
            for i in 4..<text.count {
                guard isDigit(text[i]) else { return nil }
                let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
                let (sum, overflow2) = tens.addingReportingOverflow(UInt16(text[i] - UInt8(ascii: "0")))
                guard !overflow, !overflow2 else { return nil }
                number = sum
            }
            return RecordType(rawValue: number)
        }
    }

    /// Reads a mnemonic; see the initializer for bytes.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }

    @inlinable public static var a: RecordType { RecordType(rawValue: 1) }
    @inlinable public static var ns: RecordType { RecordType(rawValue: 2) }
    @inlinable public static var cname: RecordType { RecordType(rawValue: 5) }
    @inlinable public static var soa: RecordType { RecordType(rawValue: 6) }
    @inlinable public static var ptr: RecordType { RecordType(rawValue: 12) }
    @inlinable public static var mx: RecordType { RecordType(rawValue: 15) }
    @inlinable public static var txt: RecordType { RecordType(rawValue: 16) }
    @inlinable public static var aaaa: RecordType { RecordType(rawValue: 28) }
    @inlinable public static var srv: RecordType { RecordType(rawValue: 33) }
    @inlinable public static var dname: RecordType { RecordType(rawValue: 39) }
    @inlinable public static var ds: RecordType { RecordType(rawValue: 43) }
    @inlinable public static var spf: RecordType { RecordType(rawValue: 99) }
    /// A type from the private-use range, which marks an empty non-terminal. It is served only for ANY.
    @inlinable public static var marker: RecordType { RecordType(rawValue: 65280) }
    /// LUA: code that pdns runs to make an answer.
    static var lua: RecordType { RecordType(rawValue: 65402) }
    /// The qtype ANY.
    @inlinable public static var any: RecordType { RecordType(rawValue: 255) }

    /// The mnemonics of all known types.
    public static let mnemonics = (names + otherNames).map(\.1)

    /// Why no record may have this type; `nil` if records may.
    var refusal: String? {
        switch rawValue {
        case 0, 41, 128...255: "\(self) is for messages, not for zones (RFC 6895 section 3.1)"
        case Self.marker.rawValue: "\(self) is used by geopipe itself"
        case Self.lua.rawValue: "LUA is code for pdns; a service can choose answers instead"
        default: nil
        }
    }
}

extension RecordType: CustomStringConvertible {
    /// The mnemonic if every pdns knows it; otherwise `TYPE` and the number, which every pdns accepts.
    public var description: String { mnemonicsByType[self] ?? "TYPE\(rawValue)" }
}

/// The types that every pdns from 4.7 on knows by mnemonic.
private let names: [(UInt16, String)] = [
    (1, "A"), (2, "NS"), (5, "CNAME"), (6, "SOA"), (7, "MB"), (8, "MG"), (9, "MR"), (12, "PTR"), (13, "HINFO"),
    (14, "MINFO"), (15, "MX"), (16, "TXT"), (17, "RP"), (18, "AFSDB"), (24, "SIG"), (25, "KEY"), (28, "AAAA"),
    (29, "LOC"), (33, "SRV"), (35, "NAPTR"), (36, "KX"), (37, "CERT"), (38, "A6"), (39, "DNAME"), (42, "APL"),
    (43, "DS"), (44, "SSHFP"), (45, "IPSECKEY"), (46, "RRSIG"), (47, "NSEC"), (48, "DNSKEY"), (49, "DHCID"),
    (50, "NSEC3"), (51, "NSEC3PARAM"), (52, "TLSA"), (53, "SMIMEA"), (57, "RKEY"), (59, "CDS"), (60, "CDNSKEY"),
    (61, "OPENPGPKEY"), (62, "CSYNC"), (63, "ZONEMD"), (64, "SVCB"), (65, "HTTPS"), (99, "SPF"), (104, "NID"),
    (105, "L32"), (106, "L64"), (107, "LP"), (108, "EUI48"), (109, "EUI64"), (256, "URI"), (257, "CAA"),
    (32769, "DLV"), (65401, "ALIAS"), (65402, "LUA"),
]

/// The types that have a mnemonic in zone files, but not in every pdns: only 5.1 and later know HHIT, BRID, RESINFO
/// and WALLET.
private let otherNames: [(UInt16, String)] = [
    (3, "MD"), (4, "MF"), (10, "NULL"), (11, "WKS"), (19, "X25"), (20, "ISDN"), (21, "RT"), (22, "NSAP"),
    (23, "NSAP-PTR"), (26, "PX"), (27, "GPOS"), (30, "NXT"), (31, "EID"), (32, "NIMLOC"), (34, "ATMA"), (40, "SINK"),
    (55, "HIP"), (56, "NINFO"), (58, "TALINK"), (67, "HHIT"), (68, "BRID"), (258, "AVC"), (259, "DOA"),
    (260, "AMTRELAY"), (261, "RESINFO"), (262, "WALLET"), (32768, "TA"),
]

private let mnemonicsByType = Dictionary(uniqueKeysWithValues: names.map { (RecordType(rawValue: $0), $1) })
private let typesByMnemonic = Dictionary(
    uniqueKeysWithValues: (names + otherNames).map { (packed($1), RecordType(rawValue: $0)) })
private let packedANY = packed("ANY")
private let packedTYPE = packed("TYPE")

/// Returns a mnemonic in lower case, packed into one number.
private func packed(_ mnemonic: String) -> UInt128 {
    mnemonic.utf8.reduce(0) { $0 << 8 | UInt128(lowerCase($1)) }
}
