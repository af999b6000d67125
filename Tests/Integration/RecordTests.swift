import Testing

/// Records of all types on their way through pdns.
@Suite("Record types through pdns_server", .served)
struct RecordTests {
    @Test("the data arrives unchanged, byte by byte", arguments: Array(recordSamples.enumerated()))
    func data(position: Int, sample: RecordSample) throws {
        let server = try #require(NameServer.shared)
        let name = "\(sample.label(position)).types.example.org"
        let reply = try server.dig("+tcp", "+unknownformat", name, "TYPE\(sample.number)")
        #expect(reply.status == "NOERROR")
        // NS records of a delegation are not in the answer section.
        #expect(
            (sample.type == "NS" ? reply.authority : reply.answer).map { $0.lowercased().filter { $0 != " " } }
                == ["\(name).300class1type\(sample.number)\\#\(sample.wire.count / 2)\(sample.wire)"])
    }
}

/// A record, for which each of these has its own name.
struct RecordSample: CustomTestStringConvertible, Sendable {
    let type: String
    let number: UInt16
    let content: String
    /// In hexadecimal digits.
    let wire: String

    init(_ type: String, _ number: UInt16, _ content: String, _ wire: String) {
        (self.type, self.number, self.content, self.wire) = (type, number, content, wire)
    }

    /// Its name; dig finds an NSEC3 record only at the hash of a name.
    func label(_ position: Int) -> String {
        type == "NSEC3" ? "0123456789abcdefghijklmnopqrstuv" : "r\(position)"
    }

    var testDescription: String { "\(type) \(content)" }
}

/// One of each type that pdns answers for; not RRSIG, which pdns refuses to answer.
let recordSamples: [RecordSample] = [
    .init("A", 1, "192.0.2.1", "c0000201"),
    .init("AAAA", 28, "2001:db8::1", "20010db8000000000000000000000001"),
    .init("NS", 2, "ns1.example.net.", "036e7331076578616d706c65036e657400"),
    .init("CNAME", 5, #"Www.a\.b.example.net."#, "0357777703612e62076578616d706c65036e657400"),
    .init("DNAME", 39, "example.net.", "076578616d706c65036e657400"),
    .init("PTR", 12, "www.example.net.", "03777777076578616d706c65036e657400"),
    .init("MX", 15, "10 mail.example.net.", "000a046d61696c076578616d706c65036e657400"),
    .init("TXT", 16, #""one \"1\"" "" "\000\255;""#, "076f6e6520223122000300ff3b"),
    .init("SPF", 99, #""v=spf1 -all""#, "0b763d73706631202d616c6c"),
    .init("SRV", 33, "10 60 5060 sip.example.net.", "000a003c13c403736970076578616d706c65036e657400"),
    .init("HINFO", 13, #"PC "Linux 6""#, "025043074c696e75782036"),
    .init(
        "RP", 17, "admin.example.net. people.example.net.",
        "0561646d696e076578616d706c65036e6574000670656f706c65076578616d706c65036e657400"),
    .init("AFSDB", 18, "1 afs.example.net.", "000103616673076578616d706c65036e657400"),
    .init("KX", 36, "10 kx.example.net.", "000a026b78076578616d706c65036e657400"),
    .init(
        "NAPTR", 35, #"100 10 "u" "E2U+sip" "!^\\+47(\\d+)$!sip:\\1@example.net!" ."#,
        "0064000a0175074532552b73697020215e5c2b3437285c642b2924217369703a5c31406578616d706c652e6e65742100"),
    .init(
        "CAA", 257, #"128 iodef "mailto:a\"b@example.net""#,
        "8005696f6465666d61696c746f3a612262406578616d706c652e6e6574"),
    .init("URI", 256, #"10 1 "https://example.net/?a;b""#, "000a000168747470733a2f2f6578616d706c652e6e65742f3f613b62"),
    .init(
        "TLSA", 52, "3 1 1 00112233445566778899aabbccddeeff 00112233445566778899aabbccddeeff",
        "03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init("SMIMEA", 53, "3 0 0 001122", "030000001122"),
    .init(
        "SSHFP", 44, "4 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "040200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init("LOC", 29, "59 54 51.5 N 10 45 8.25 W -12.34m 30m 100m 2m", "003314228cdb30ec7db15be6009891ae"),
    .init("CERT", 37, "PKIX 12345 RSASHA256 AAECAwQFBgcICQ==", "000130390800010203040506070809"),
    .init(
        "DS", 43, "12345 ECDSAP256SHA256 SHA-256 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "30390d0200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init("CDS", 59, "0 0 0 00", "0000000000"),
    .init(
        "DLV", 32769, "12345 13 1 00112233445566778899aabbccddeeff00112233",
        "30390d0100112233445566778899aabbccddeeff00112233"),
    .init("DNSKEY", 48, "257 3 ED25519 AAECAwQFBgcI CQ==", "0101030f00010203040506070809"),
    .init("CDNSKEY", 60, "0 3 0 AA==", "0000030000"),
    .init("RKEY", 57, "0 3 13 AAECAwQF", "0000030d000102030405"),
    .init("KEY", 25, "512 3 13 AAECAwQF", "0200030d000102030405"),
    .init(
        "SIG", 24, "A 13 3 1h 20260201000000 20260101000000 12345 example.net. AAECAwQF",
        "00010d0300000e10697e97806955b9003039076578616d706c65036e657400000102030405"),
    .init(
        "NSEC", 47, "next.example.net. A TXT CAA SIG TYPE4321",
        "046e657874076578616d706c65036e657400000440008080010140101d0000000000000000000000000000000000000000000000000000000040"
    ),
    .init(
        "NSEC3", 50, "1 1 12 aabbccdd VUTSRQPONMLKJIHGFEDCBA9876543210 A RRSIG",
        "0101000c04aabbccdd14ffbbcdeb38bdab49ca307b9ac5a928398a4188200006400000000002"),
    .init("NSEC3PARAM", 51, "1 0 12 aabbccdd", "0100000c04aabbccdd"),
    .init("OPENPGPKEY", 61, "AAECAwQF BgcICQ==", "00010203040506070809"),
    .init("DHCID", 49, "AAECAwQFBgcICQ==", "00010203040506070809"),
    .init("IPSECKEY", 45, "10 3 2 gw.example.net. AAECAwQF", "0a0302026777076578616d706c65036e657400000102030405"),
    .init("CSYNC", 62, "2026010101 3 A NS AAAA", "78c275f50003000460000008"),
    .init("ZONEMD", 63, "2026010101 1 241 00112233445566778899aabb", "78c275f501f100112233445566778899aabb"),
    .init(
        "MINFO", 14, "admin.example.net. errors.example.net.",
        "0561646d696e076578616d706c65036e657400066572726f7273076578616d706c65036e657400"),
    .init("MB", 7, "mail.example.net.", "046d61696c076578616d706c65036e657400"),
    .init("MG", 8, "somebody.example.net.", "08736f6d65626f6479076578616d706c65036e657400"),
    .init("MR", 9, "somebody.example.net.", "08736f6d65626f6479076578616d706c65036e657400"),
    .init("EUI48", 108, "00-00-5e-00-53-a1", "00005e0053a1"),
    .init("EUI64", 109, "00-00-5e-ef-10-00-00-a1", "00005eef100000a1"),
    .init("NID", 104, "10 0012:34ff:fe56:789a", "000a001234fffe56789a"),
    .init("L32", 105, "10 10.2.3.0", "000a0a020300"),
    .init("L64", 106, "10 2001:db8:1234:5678", "000a20010db812345678"),
    .init("LP", 107, "10 l64.example.net.", "000a036c3634076578616d706c65036e657400"),
    .init("APL", 42, "1:198.51.100.0/22 !2:2001:db8::/32", "00011603c633640002208420010db8"),
    .init(
        "SVCB", 64, #"2 svc.example.net. alpn="a\\,b,h2" port=8443 mandatory=port key667="a \"b\"\255""#,
        "000203737663076578616d706c65036e6574000000000200030001000703612c620268320003000220fb029b00066120226222ff"),
    .init(
        "HTTPS", 65, "1 . alpn=h2,h3 no-default-alpn ipv4hint=192.0.2.1,192.0.2.2 ech=AAECAwQF ipv6hint=2001:db8::1",
        "000100000100060268320268330002000000040008c0000201c0000202000500060001020304050006001020010db8000000000000000000000001"
    ),
    .init("ALIAS", 65401, "www.example.net.", "03777777076578616d706c65036e657400"),
    .init("WALLET", 262, #"BTC "an address""#, "034254430a616e2061646472657373"),
    .init("RESINFO", 261, "qnamemin exterr=15-17", "08716e616d656d696e0c6578746572723d31352d3137"),
    .init("HHIT", 67, "AAECAwQF", "000102030405"),
    .init("BRID", 68, "AAECAwQF", "000102030405"),
    .init("HTTPS", 65, "1 . ohttp mandatory=ohttp", "000100000000020008" + "00080000"),
    .init("HTTPS", 65, "1 . tls-supported-groups=29,23", "000100" + "00090004001d0017"),
    .init("SVCB", 64, "1 . dohpath=/q{?dns} key65534=x", "000100" + "000700082f717b3f646e737d" + "fffe000178"),
    .init("SVCB", 64, #"1 . key10="""#, "000100" + "000a0000"),
    .init("X25", 19, "47200001", "083437323030303031"),
    .init("RT", 21, "10 relay.example.net.", "000a0572656c6179076578616d706c65036e657400"),
    .init("A6", 38, "\\# 17 0020010db8000000000000000000000001", "0020010db8000000000000000000000001"),
    .init("WKS", 11, "\\# 6 c00002010601", "c00002010601"),
    .init("TYPE65281", 65281, "\\# 4 00112233", "00112233"),
    .init("TYPE65282", 65282, "\\# 0", ""),
]

/// The records of a zone, as a part of a configuration.
let recordsOfAllTypes = recordSamples.enumerated().map { position, sample in
    "          \(sample.label(position)): { \(sample.type): '\(sample.content.replacing("'", with: "''"))' }"
}.joined(separator: "\n")
