import Foundation
import Testing

@testable import DNS
@testable import Zones

@Suite("Errors and warnings of zone files")
struct ZoneDiagnosticTests {
    private let folder: ZoneFolder

    init() throws { folder = try ZoneFolder() }

    @Test(
        "errors are reported with their position",
        arguments: [
            ("a A 192.0.2", "5:5: A: "), ("a MX ten mail", "5:6: MX: "), ("a\n", "5:1: a record needs a type and data"),
            ("a 5 IN", "5:5: a record needs a type and data"), ("a B 192.0.2.1", "5:3: 'B' is not a record type"),
            ("a ANY x", "5:3: 'ANY' is not a record type"), ("a CH A 192.0.2.1", "5:3: the class is 'CH'; write IN"),
            ("a CLASS2 A 192.0.2.1", "5:3: the class is 'CLASS2'"),
            ("a TXT \"open\nb A 192.0.2.1", "5:7: a string without its closing"),
            ("a TXT ( open", "5:7: an unclosed (; write )"), ("a A 192.0.2.1 )", "5:15: a ) without a ("),
            ("a..b A 192.0.2.1", "5:1: 'a..b' is not a valid domain name: a label is empty"),
            (#"a\25x A 192.0.2.1"#, "5:1: "),
            ("\(String(repeating: "a", count: 64)) A 192.0.2.1", "a label has more than 63 bytes"),
            ("$TTL soon", "5:6: $TTL needs one time"), ("$ORIGIN", "5:1: $ORIGIN needs one name"),
            ("$ORIGIN a..", "5:9: "),
            ("$INCLUDE", "5:1: $INCLUDE needs a file"), ("$TLL 5", "5:1: unknown directive '$TLL'"),
            ("$GENERATE 2-1 a$ A 192.0.2.1", "5:1: $GENERATE needs a range"),
            ("$GENERATE 0-2147483647 a$ A 192.0.2.1", "5:11: the range '0-2147483647' of $GENERATE is too large"),
            ("$GENERATE 1-1000000000 a$ A 192.0.2.1", "5:11: the range '1-1000000000' of $GENERATE is too large"),
            ("$GENERATE 1-99999999999999999999 a$ A 192.0.2.1", "of $GENERATE is too large; write at most 1048576"),
            ("$GENERATE 1-2 a${x} A 192.0.2.1", "5:15: "), ("$GENERATE 1-2 a$ A 192.0.2.300$", "5:1: A: "),
            ("a CNAME b\na A 192.0.2.1", "6:3: a.example.com has a CNAME beside other data"),
            ("a CNAME b\na CNAME c", "6:3: a.example.com has two CNAME records"),
            ("a DNAME b.example.\na DNAME c.example.", "6:3: a.example.com has two DNAME records"),
            ("@ SOA ns1 h 2 2 3 4 5", "5:3: example.com has two SOA records"),
            ("a TXT x\0y", "5:8: a byte of value 0"), ("a TYPE65280 \\# 0", "5:13: TYPE65280: "),
            ("ä A 192.0.2.1x", "5:5: A: "),
        ])
    func refuses(text: String, diagnostic: String) {
        let compiled = folder.compile(text)
        #expect(compiled.zone == nil)
        #expect(compiled.complains(of: diagnostic), "\(compiled.diagnostics)")
    }

    @Test("all errors are reported at once")
    func all() {
        let diagnostics = folder.compile("a B c\nd A x\n( e\nf", head: "").diagnostics
        #expect(diagnostics.map { $0.prefix(4) } == ["1:3:", "2:5:", "3:1:"])
    }

    @Test("a zone without SOA or NS is refused")
    func incomplete() {
        #expect(
            folder.compile("$TTL 5\n@ NS ns.example.net.", head: "").diagnostics == [
                "the zone example.com has no SOA record; write @ SOA, or soa: in the configuration"
            ])
        #expect(
            folder.compile("@ 5 SOA a b 1 2 3 4 5", head: "").diagnostics == [
                "the zone example.com has no NS record; write @ NS, or ns: in the configuration"
            ])
        #expect(folder.compile("", head: "").diagnostics.count == 2)
    }

    @Test("a file that cannot be read is reported at the position that names it")
    func unreadable() throws {
        var source = ZoneSource(apex: try DomainName("example.com."))
        source.filePosition = SourcePosition(line: 7, column: 8)
        try folder.write("", "huge")
        #expect(truncate(folder.url.appending(path: "huge").path, 1 << 43) == 0)
        for path in ["missing", ".", "huge"] {
            source.file = folder.url.appending(path: path).path
            let outcome = folder.zones([source])
            #expect(outcome.zones.isEmpty)
            #expect(outcome.problems.map(\.problem.position) == [source.filePosition])
            #expect(outcome.problems.map(\.problem.file) == [nil])
        }
    }

    @Test("an error in generated records is reported once")
    func generatedProblems() {
        #expect(folder.compile("$GENERATE 1-999 a$ A 192.0.2.$").diagnostics.map { $0.prefix(7) } == ["5:1: A:"])
        let outside = folder.compile("$GENERATE 1-3 a$.example.net. A 192.0.2.$\nb.example.net. A 192.0.2.1")
        #expect(outside.diagnostics.map { $0.prefix(20) } == ["5:1: a1.example.net.", "6:1: b.example.net. "])
        #expect(
            folder.compile("$GENERATE 255-256 a$.example.net. A 192.0.2.$").problems.map(\.isWarning) == [true, false])
    }

    @Test(
        "warnings are reported with their position",
        arguments: [
            ("a.example.net. A 192.0.2.1", "5:1: a.example.net. is not in the zone example.com, and left out"),
            (
                "a 5 A 192.0.2.1\na 6 A 192.0.2.2",
                "6:5: A of a.example.com has another TTL before; 5 is used for the whole RRset"
            ),
            ("a 2147483648 A 192.0.2.1", "5:3: a TTL above 2147483647; 2147483647 is served instead"),
            ("@ DS 1 8 2 \(String(repeating: "ab", count: 32))", "5:3: a DS record at the apex is left out"),
            ("a TXT \"\(String(repeating: "x", count: 256))\"", "5:8: TXT: a text of 256 bytes"),
            ("a HTTPS 1 . no-default-alpn", "5:13: HTTPS: no-default-alpn without alpn"),
            ("a HTTPS 0 b port=1\nb A 192.0.2.1", "5:13: HTTPS: an alias record, of priority 0, has no parameters"),
            (
                "a IPSECKEY 10 1 4 192.0.2.1 AwEA",
                "5:12: IPSECKEY: pdns takes algorithms up to 2 only; the record is left"
            ),
            ("a LOC 1 N 1 E 0 50000000m", "5:7: LOC: pdns takes sizes up to 40000000m only; the record is left out"),
            ("a SOA ns1 h 2 2 3 4 5", "5:3: an SOA record at a.example.com, which is not the apex"),
            ("@ NS ns2", "5:3: the name server ns2.example.com of example.com has no address"),
            ("@ NS ns2\nns2 CNAME ns1", "5:3: the name server ns2.example.com of example.com is a CNAME"),
            ("*.a NS ns1", "5:5: a wildcard cannot be delegated"),
            ("a APL", "5:3: APL: pdns takes no APL without a prefix; the record is left out"),
            (
                "a HTTPS 1 . ipv4hint=auto",
                "5:13: HTTPS: pdns replaces auto by a look-up without a client"
            ),
            (
                "a NS ns.a",
                "5:3: the name server ns.a.example.com of a.example.com is below a delegation and has no glue"
            ),
            ("a NS b", "5:3: the name server b.example.com of a.example.com has no address"),
            ("a MX 5 b", "5:3: b.example.com, the target of MX of a.example.com, has no address"),
            ("a SRV 1 2 3 b\nb CNAME ns1", "5:3: b.example.com, the target of SRV of a.example.com, is a CNAME"),
            (
                "a DS 1 8 2 \(String(repeating: "ab", count: 32))",
                "5:3: DS at a.example.com has no effect, because there is no delegation"
            ),
        ])
    func warns(text: String, warning: String) {
        let compiled = folder.compile(text)
        #expect(compiled.zone != nil)
        #expect(!compiled.problems.contains { !$0.isWarning })
        #expect(compiled.complains(of: warning), "\(compiled.diagnostics)")
    }

    @Test(
        "valid zones get no warning",
        arguments: [
            "a NS ns.a\nns.a A 192.0.2.1\na DS 1 8 2 \(String(repeating: "ab", count: 32))", "a NS ns.example.net.",
            "a MX 0 .\nb MX 5 c.d\n*.d A 192.0.2.1", "a NS ns.b\nb NS ns.example.net.\nns.b A 192.0.2.1",
        ])
    func sound(text: String) { #expect(folder.compile(text).diagnostics == []) }

    @Test("the root zone may have wildcards")
    func root() throws {
        let head = "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS a.\na. A 192.0.2.1\n"
        var source = folder.source
        source.apex = .root
        try folder.write(head + "* A 192.0.2.1\nb MX 5 c", "zone")
        #expect(folder.zones([source]).problems.isEmpty)
        try folder.write(head + "* NS a.", "zone")
        #expect(folder.zones([source]).problems.map(\.1.isWarning) == [true])
    }
}
