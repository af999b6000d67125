import Testing

@testable import DNS

@Suite("Record contents")
struct RecordContentTests {
    private let origin = try! DomainName("example.com.")

    @Test(
        "contents are written in the form of pdns",
        arguments: [
            (RecordType.a, "192.0.2.1", "192.0.2.1"), (.aaaa, "2001:db8::1", "2001:db8::1"),
            (.cname, "www.Example.net.", "www.Example.net"), (.ns, "ns1", "ns1.example.com"),
            (.cname, "@", "example.com"),
            (.mx, "10 mail.example.net.", "10\tmail.example.net"), (.mx, "10  mail", "10\tmail.example.com"),
            (.mx, "0 .", "0\t."), (.srv, "10 60 5060 sip", "10\t60 5060 sip.example.com"),
            (.txt, "v=spf1 -all", "\"v=spf1 -all\""), (.txt, #"a "b" \ c"#, #""a \"b\" \\ c""#),
            (.txt, #""one" "two""#, #""one" "two""#), (.txt, #""a\"b\065""#, #""a\"bA""#),
            (.txt, "ä\t", #""\195\164\009""#),
            (
                .txt, String(repeating: "a", count: 300),
                "\"\(String(repeating: "a", count: 255))\" \"\(String(repeating: "a", count: 45))\""
            ),
            (RecordType(rawValue: 257), #"0 issue "ca.example.net""#, #"0 issue "ca.example.net""#),
            (RecordType(rawValue: 65281), "\\# 2 abcd", "\\# 2 abcd"), (.txt, "\\# 4 03616263", #""abc""#),
            (RecordType(rawValue: 64), #"1 svc key667="a b" port=53"#, #"1 svc.example.com port=53 key667="a b""#),
            (RecordType(rawValue: 35), #"1 2 "u" sip "!a b!"  ."#, #"1 2 "u" "sip" "!a b!" ."#),
        ])
    func writes(type: RecordType, source: String, text: String) throws {
        #expect(try RecordContent(source, type: type, origin: origin).text == text)
    }

    @Test(
        "invalid contents are refused",
        arguments: [
            (RecordType.a, "2001:db8::1"), (.a, "192.0.2"), (.aaaa, "192.0.2.1"), (.a, "192.0.2.1\0"), (.cname, "a b"),
            (.cname, "bücher.example.net."),
            (.txt, String(repeating: "a", count: 65_500)),
            (.cname, "www.example.net"),
            (.mx, "mail"), (.mx, "65536 mail"), (.mx, "-1 mail"), (.srv, "1 2 mail"), (.txt, #""open"#),
            (.txt, #""a" b"#),
            (.txt, "\\# 4 03"), (RecordType(rawValue: 64), "1 svc.example.net alpn=h2"),
            (RecordType(rawValue: 64), #"1 . key667="open"#), (RecordType(rawValue: 43), "1 2 3"),
            (.soa, "a b 1 2 3 4 5"), (.marker, "\\# 0"), (RecordType(rawValue: 257), ""),
            (RecordType(rawValue: 257), "0 issue ä"),
        ])
    func refuses(type: RecordType, source: String) {
        #expect(throws: ContentError.self) { try RecordContent(source, type: type, origin: origin) }
    }

    @Test(
        "contents are converted to the form of zone files",
        arguments: [
            (RecordType.mx, "10\tmail.example.com", "10 mail.example.com."), (.ns, ".", "."),
            (RecordType(rawValue: 35), #"1 2 "u" "a b" "" x.example.com"#, #"1 2 "u" "a b" "" x.example.com."#),
            (RecordType(rawValue: 65), "1 www.example.com alpn=h2", "1 www.example.com. alpn=h2"),
            (.txt, #""a b" "c""#, #""a b" "c""#), (RecordType(rawValue: 65281), "\\# 2 abcd", "\\# 2 abcd"),
            (RecordType(rawValue: 17), "a.example.com b.example.com", "a.example.com. b.example.com."),
        ])
    func zoneFileForm(type: RecordType, text: String, form: String) {
        #expect(RecordContent.zoneFileForm(of: text, type: type) == form)
    }

    @Test("types are read by mnemonic or number, without regard to case")
    func types() {
        #expect(RecordType("A") == .a)
        #expect(RecordType("aaaa") == .aaaa)
        #expect(RecordType("TYPE1") == .a)
        for (text, type) in [
            ("any", RecordType.any), ("SOA", .soa), ("Ns", .ns), ("mX", .mx), ("tXt", .txt), ("SRV", .srv),
            ("ptr", .ptr),
            ("CNAME", .cname), ("DNAME", .dname), ("DS", .ds), ("SPF", .spf),
        ] {
            #expect(RecordType(text) == type)
        }
        #expect(RecordType("TYPE65280")?.description == "TYPE65280")
        #expect(RecordType("NSEC3PARAM")?.rawValue == 51)
        for (text, number) in [("hhit", 67), ("BRID", 68), ("ResInfo", 261), ("WALLET", 262), ("type262", 262)] {
            #expect(RecordType(text)?.rawValue == UInt16(number))
        }
        for text in ["", "B", "TYPE", "TYPE65536", "TYPE-1", "TYPE1A", "AAAAA", "A A", "\0A", "á", "A\u{7f}"] {
            #expect(RecordType(text) == nil)
        }
    }

    @Test("a mnemonic with any other byte is another type or none")
    func bytesOfTypes() {
        for mnemonic in ["A", "txt", "ANY", "SOA", "aaaa", "NS", "MX", "SRV", "PTR", "TYPE1", "NSEC3PARAM"] {
            let bytes = Array(mnemonic.utf8)
            for i in bytes.indices {
                for byte in UInt8.min...UInt8.max {
                    var changed = bytes
                    changed[i] = byte
                    guard let type = RecordType(changed.span) else { continue }
                    #expect(byte < 0x80)
                    let text = String(decoding: changed, as: UTF8.self).uppercased()
                    #expect(
                        type == .any
                            ? text == "ANY" : RecordType.mnemonics.contains(text) || text.hasPrefix("TYPE"),
                        "\(changed)")
                }
            }
            #expect(RecordType(([0] + bytes).span) == nil)
        }
    }

    @Test("warnings say what was changed")
    func warnings() throws {
        var warnings: [String] = []
        let long = String(repeating: "a", count: 300)
        #expect(
            try RecordContent("\"\(long)\"", type: .txt, origin: origin, warnings: &warnings).text
                == "\"\(long.prefix(255))\" \"\(long.dropFirst(255))\"")
        #expect(
            warnings == [
                "a text of 300 bytes is longer than 255 bytes (RFC 1035 section 3.3); it is served as several strings of 255 bytes"
            ])
    }
}
