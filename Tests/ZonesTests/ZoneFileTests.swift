import Support
import Testing

@testable import DNS
@testable import Zones

@Suite("Zone files")
struct ZoneFileTests {
    private let folder: ZoneFolder

    init() throws { folder = try ZoneFolder() }

    @Test(
        "zone files are read as RFC 1035, 2308 and 3597 specify",
        arguments: [
            ("a A 192.0.2.1", ["a A 3600 192.0.2.1"]),
            ("a IN 5 A 192.0.2.1", ["a A 5 192.0.2.1"]),
            ("a 5 IN A 192.0.2.1", ["a A 5 192.0.2.1"]),
            ("a 1h30m in a 192.0.2.1", ["a A 5400 192.0.2.1"]),
            ("a 1W2D3H4M5S CLASS1 TYPE1 192.0.2.1", ["a A 788645 192.0.2.1"]),
            ("A.B A 192.0.2.1\n\tAAAA 2001:DB8::1", ["a.b A 3600 192.0.2.1", "a.b AAAA 3600 2001:db8::1"]),
            ("a.example.com. A 192.0.2.1", ["a A 3600 192.0.2.1"]),
            ("@ MX 10 mail.example.net.", ["@ MX 3600 10\tmail.example.net"]),
            ("a CNAME @ ; comment", ["a CNAME 3600 example.com"]),
            ("a TXT ( one ; comment )\n \"two; (\" ) \n", ["a TXT 3600 \"one\" \"two; (\""]),
            ("(a) A (192.0.2.1)", ["a A 3600 192.0.2.1"]),
            (#"a TXT "" "\"\\\065" b\ c\;d"#, [#"a TXT 3600 "" "\"\\A" "b c;d""#]),
            (#"a TXT "one""two"three"four""#, [#"a TXT 3600 "one" "two" "three" "four""#]),
            (#"a\.b\ c\097 A 192.0.2.1"#, [#"a\.b\032ca A 3600 192.0.2.1"#]),
            ("_a_._tcp SRV 0 0 0 .", ["_a_._tcp SRV 3600 0\t0 0 ."]),
            (
                "$ORIGIN sub\na A 192.0.2.1\n$ORIGIN b\nc CNAME @",
                ["a.sub A 3600 192.0.2.1", "c.b.sub CNAME 3600 b.sub.example.com"]
            ),
            (
                "$ORIGIN example.com.\n$TTL 5\na A 192.0.2.1\n$TTL 6\n A 192.0.2.2\nb 7 A 192.0.2.1\nb TXT x",
                ["a A 5 192.0.2.1", "a A 5 192.0.2.2", "b A 7 192.0.2.1", "b TXT 6 \"x\""]
            ),
            ("a TYPE65300 \\# 3 ab cdef", ["a TYPE65300 3600 \\# 3 abcdef"]),
            ("a A \\# 4 c0000201", ["a A 3600 192.0.2.1"]),
            ("a A 192.0.2.1\r\nb A 192.0.2.2\r\n", ["a A 3600 192.0.2.1", "b A 3600 192.0.2.2"]),
            ("*.a A 192.0.2.1\n* A 192.0.2.2", ["* A 3600 192.0.2.2", "*.a A 3600 192.0.2.1"]),
            (
                "$GENERATE 8-12/2 a$ CNAME b${-8,3,d}.$",
                [
                    "a8 CNAME 3600 b000.8.example.com", "a10 CNAME 3600 b002.10.example.com",
                    "a12 CNAME 3600 b004.12.example.com",
                ]
            ),
            ("$GENERATE 1-2 $ 5 MX \"$0 m$\"", ["1 MX 5 10\tm1.example.com", "2 MX 5 20\tm2.example.com"]),
            ("$GENERATE 31-31 x${0,2,x}.${0,2,X}.${0,3,o} TXT \\$${0,5,n}", ["x1f.1f.037 TXT 3600 \"$f.1.0\""]),
            ("$GENERATE 1-2 a$ TXT $$$", ["a1 TXT 3600 \"$1\"", "a2 TXT 3600 \"$2\""]),
            (
                "a A 192.0.2.1\na A 192.0.2.1\nb CNAME X\nb CNAME x",
                ["a A 3600 192.0.2.1", "b CNAME 3600 X.example.com"]
            ),
            ("IN A 192.0.2.1", ["in A 3600 192.0.2.1"]),
            ("3600 A 192.0.2.1", ["3600 A 3600 192.0.2.1"]),
        ])
    func reads(text: String, records: [String]) throws {
        let zone = try #require(folder.compile(text).zone)
        #expect(Set(folder.lines(zone)) == Set(records))
        #expect(folder.lines(zone).count == records.count)
    }

    @Test("names may have any bytes and any legal length")
    func names() throws {
        let label = String(repeating: "a", count: 63)
        let long = [label, label, label, String(repeating: "b", count: 49)].joined(separator: ".")
        let zone = try #require(folder.compile("\(label) A 192.0.2.1\n\(long) A 192.0.2.2\nb\u{fc} A 192.0.2.3\n").zone)
        #expect(
            Set(folder.lines(zone)) == [
                "\(label) A 3600 192.0.2.1", "\(long) A 3600 192.0.2.2", #"b\195\188 A 3600 192.0.2.3"#,
            ])
    }

    @Test("without $TTL a record has the TTL of the record before, or of the SOA record")
    func ttl() throws {
        let text = "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 7 A 192.0.2.1\na A 192.0.2.2"
        let compiled = folder.compile(text, head: "")
        #expect(folder.lines(try #require(compiled.zone)) == ["a A 7 192.0.2.2"])
        #expect(compiled.problems.map(\.isWarning) == [true])
        #expect(folder.compile("@ NS ns1\n", head: "").complains(of: "1:3: the record has no TTL"))

        var source = folder.source
        source.defaultTTL = 8
        try folder.write(
            "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 7 A 192.0.2.1\na A 192.0.2.2\n$TTL 9\nb A 192.0.2.2", "zone")
        #expect(
            folder.lines(try #require(folder.zones([source]).zones.first)) == ["a A 8 192.0.2.2", "b A 9 192.0.2.2"])
    }

    @Test("tens of thousands of records at one name, and of records that point to it, are read")
    func crowdedName() throws {
        let count = 20_000
        func text(_ record: (Int) -> String) -> String { (0..<count).map(record).joined() }
        let many = text { "@ A 10.0.\($0 >> 8).\($0 & 255)\n" }
        let compiled = folder.compile(many + text { "@ TXT \($0)\n" } + text { "a\($0) MX 1 @\n" })
        #expect(compiled.diagnostics == [])
        #expect(try folder.lines(#require(compiled.zone)).count >= 3 * count)
    }

    @Test("random text does no harm", arguments: 0..<200)
    func rubbish(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let pieces = [
            "a", "@", ".", " ", "\t", "\n", "\"", "(", ")", ";", "\\", "$", "$TTL ", "$ORIGIN ", "$GENERATE ",
            "$INCLUDE ",
            "IN ", "A ", "TXT ", "CNAME ", "NS ", "SOA ", "MX ", "LOC ", "SVCB ", "\\# ", "1", "3600 ", "192.0.2.1",
            "2001:db8::1", "\0", "\r", "ä", "{", "}", "*", "1-3 ", "zone",
        ]
        let text = (0..<60).map { _ in pieces.randomElement(using: &random)! }.joined()
        let compiled = folder.compile(text)
        #expect(compiled.zone != nil || !compiled.problems.allSatisfy(\.isWarning))
    }
}
