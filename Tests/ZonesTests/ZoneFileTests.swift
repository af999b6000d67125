import Foundation
import Testing

@testable import DNS
@testable import Zones

@Suite("Zone files")
final class ZoneFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID().uuidString)")

    /// The beginning of a valid zone.
    private static let head = """
        $TTL 1h
        @ SOA ns1 hostmaster 1 2 3 4 60
        @ NS ns1
        ns1 A 192.0.2.1

        """

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

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
        let zone = try #require(compile(text).zone)
        #expect(Set(lines(zone)) == Set(records))
        #expect(lines(zone).count == records.count)
    }

    @Test("names may have any bytes and any legal length")
    func names() throws {
        let label = String(repeating: "a", count: 63)
        let long = [label, label, label, String(repeating: "b", count: 49)].joined(separator: ".")
        let zone = try #require(compile("\(label) A 192.0.2.1\n\(long) A 192.0.2.2\nb\u{fc} A 192.0.2.3\n").zone)
        #expect(
            Set(lines(zone)) == [
                "\(label) A 3600 192.0.2.1", "\(long) A 3600 192.0.2.2", #"b\195\188 A 3600 192.0.2.3"#,
            ])
    }

    @Test("without $TTL a record has the TTL of the record before, or of the SOA record")
    func ttl() throws {
        let text = "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 7 A 192.0.2.1\na A 192.0.2.2"
        let compiled = compile(text, head: "")
        #expect(lines(try #require(compiled.zone)) == ["a A 7 192.0.2.2"])
        #expect(compiled.problems.map(\.isWarning) == [true])
        #expect(compile("@ NS ns1\n", head: "").complains(of: "1:3: the record has no TTL"))

        var source = self.source
        source.defaultTTL = 8
        try write("@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 7 A 192.0.2.1\na A 192.0.2.2\n$TTL 9\nb A 192.0.2.2", "zone")
        #expect(lines(try #require(library.zones([source]).zones.first)) == ["a A 8 192.0.2.2", "b A 9 192.0.2.2"])
    }

    @Test("an error in generated records is reported once")
    func generatedProblems() {
        #expect(compile("$GENERATE 1-999 a$ A 192.0.2.$").diagnostics.map { $0.prefix(7) } == ["5:1: A:"])
        let outside = compile("$GENERATE 1-3 a$.example.net. A 192.0.2.$\nb.example.net. A 192.0.2.1")
        #expect(outside.diagnostics.map { $0.prefix(20) } == ["5:1: a1.example.net.", "6:1: b.example.net. "])
        #expect(compile("$GENERATE 255-256 a$.example.net. A 192.0.2.$").problems.map(\.isWarning) == [true, false])
    }

    @Test("tens of thousands of records at one name, and of records that point to it, are read")
    func crowdedName() throws {
        let count = 20_000
        func text(_ record: (Int) -> String) -> String { (0..<count).map(record).joined() }
        let many = text { "@ A 10.0.\($0 >> 8).\($0 & 255)\n" }
        let compiled = compile(many + text { "@ TXT \($0)\n" } + text { "a\($0) MX 1 @\n" })
        #expect(compiled.diagnostics == [])
        #expect(try lines(#require(compiled.zone)).count >= 3 * count)
    }

    @Test("$INCLUDE reads files of the folder, which do not change origin and owner")
    func inclusion() throws {
        try FileManager.default.createDirectory(at: folder.appending(path: "sub"), withIntermediateDirectories: true)
        try write("x A 192.0.2.1\n$ORIGIN far.away\ny A 192.0.2.2\n", "sub/more")
        let zone = try #require(
            compile(
                "a A 192.0.2.3\n$INCLUDE sub/more\n A 192.0.2.4\n$INCLUDE \"sub/more\" deep ; comment\nb A 192.0.2.5"
            ).zone)
        #expect(
            Set(lines(zone)) == [
                "a A 3600 192.0.2.3", "x A 3600 192.0.2.1", "a A 3600 192.0.2.4", "x.deep A 3600 192.0.2.1",
                "b A 3600 192.0.2.5", "y.far.away A 3600 192.0.2.2", "y.far.away.deep A 3600 192.0.2.2",
            ])
    }

    @Test("$INCLUDE refuses files outside of the folder and cycles")
    func confinement() throws {
        try write("$INCLUDE inner", "outer")
        try write("$INCLUDE outer", "inner")
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "link"), withDestinationURL: URL(filePath: "/etc/passwd"))
        for (path, diagnostic) in [
            ("/etc/passwd", "outside of the zone file's folder"), ("../../etc/passwd", ": "), ("link", "outside of"),
            ("missing", "cannot read 'missing'"), ("outer", "includes itself"), ("zone", "includes itself"),
            (".", "outside of"), ("", "$INCLUDE needs a file"),
        ] {
            let compiled = compile("$INCLUDE \(path)")
            #expect(compiled.zone == nil, "\(path)")
            #expect(compiled.complains(of: diagnostic), "\(compiled.diagnostics)")
        }
        // A symbolic link may replace a file after its path was resolved.
        #expect(throws: SourceFile.Unreadable.self) {
            try SourceFile(path: self.folder.appending(path: "link").path, within: self.folder.path + "/")
        }
        #expect(mkfifo(folder.appending(path: "fifo").path, 0o600) == 0)
        #expect(compile("$INCLUDE fifo").complains(of: "it is not a regular file"))
    }

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
            ("$GENERATE 0-2147483647 a$ A 192.0.2.1", "5:1: $GENERATE needs a range"),
            ("$GENERATE 1-2 a${x} A 192.0.2.1", "5:15: "), ("$GENERATE 1-2 a$ A 192.0.2.300$", "5:1: A: "),
            ("a CNAME b\na A 192.0.2.1", "6:3: a.example.com has a CNAME beside other data"),
            ("a CNAME b\na CNAME c", "6:3: a.example.com has two CNAME records"),
            ("a DNAME b.example.\na DNAME c.example.", "6:3: a.example.com has two DNAME records"),
            ("@ SOA ns1 h 2 2 3 4 5", "5:3: example.com has two SOA records"),
            ("a TXT x\0y", "5:8: a byte of value 0"), ("a TYPE65280 \\# 0", "5:13: TYPE65280: "),
            ("ä A 192.0.2.1x", "5:5: A: "),
        ])
    func refuses(text: String, diagnostic: String) {
        let compiled = compile(text)
        #expect(compiled.zone == nil)
        #expect(compiled.complains(of: diagnostic), "\(compiled.diagnostics)")
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
        let compiled = compile(text)
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
    func sound(text: String) { #expect(compile(text).diagnostics == []) }

    @Test("all errors are reported at once")
    func all() {
        let diagnostics = compile("a B c\nd A x\n( e\nf", head: "").diagnostics
        #expect(diagnostics.map { $0.prefix(4) } == ["1:3:", "2:5:", "3:1:"])
    }

    @Test("the root zone may have wildcards")
    func root() throws {
        let head = "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS a.\na. A 192.0.2.1\n"
        var source = self.source
        source.apex = .root
        try write(head + "* A 192.0.2.1\nb MX 5 c", "zone")
        #expect(library.zones([source]).problems.isEmpty)
        try write(head + "* NS a.", "zone")
        #expect(library.zones([source]).problems.map(\.1.isWarning) == [true])
    }

    @Test("a zone without SOA or NS is refused")
    func incomplete() {
        #expect(
            compile("$TTL 5\n@ NS ns.example.net.", head: "").diagnostics == [
                "the zone example.com has no SOA record; write @ SOA, or soa: in the configuration"
            ])
        #expect(
            compile("@ 5 SOA a b 1 2 3 4 5", head: "").diagnostics == [
                "the zone example.com has no NS record; write @ NS, or ns: in the configuration"
            ])
        #expect(compile("", head: "").diagnostics.count == 2)
    }

    @Test("a file that cannot be read is reported at the position that names it")
    func unreadable() throws {
        var source = ZoneSource(apex: try DomainName("example.com."))
        source.filePosition = SourcePosition(line: 7, column: 8)
        try write("", "huge")
        #expect(truncate(folder.appending(path: "huge").path, 1 << 43) == 0)
        for path in ["missing", ".", "huge"] {
            source.file = folder.appending(path: path).path
            let outcome = library.zones([source])
            #expect(outcome.zones.isEmpty)
            #expect(outcome.problems.map(\.problem.position) == [source.filePosition])
            #expect(outcome.problems.map(\.problem.file) == [nil])
        }
    }

    @Test("random text does no harm", arguments: 0..<200)
    func rubbish(seed: UInt64) throws {
        var random = Rubbish(state: seed)
        let pieces = [
            "a", "@", ".", " ", "\t", "\n", "\"", "(", ")", ";", "\\", "$", "$TTL ", "$ORIGIN ", "$GENERATE ",
            "$INCLUDE ",
            "IN ", "A ", "TXT ", "CNAME ", "NS ", "SOA ", "MX ", "LOC ", "SVCB ", "\\# ", "1", "3600 ", "192.0.2.1",
            "2001:db8::1", "\0", "\r", "ä", "{", "}", "*", "1-3 ", "zone",
        ]
        let text = (0..<60).map { _ in pieces.randomElement(using: &random)! }.joined()
        let compiled = compile(text)
        #expect(compiled.zone != nil || !compiled.problems.allSatisfy(\.isWarning))
    }

    @Test("records and services of the configuration replace those of the file")
    func overlay() throws {
        try write(
            Self.head
                + """
                a A 192.0.2.1
                a A 192.0.2.2
                a TXT stays
                b CNAME a
                c A 192.0.2.3
                c MX 5 ns1
                d A 192.0.2.4
                d AAAA 2001:db8::4
                d TXT stays
                e CNAME a
                f A 192.0.2.5
                """, "zone")
        var source = self.source
        source.records = [
            try record("a", .a, "203.0.113.1"), try record("b", .a, "203.0.113.2"),
            try record("c", .cname, "www.example.net."), try record("g", .txt, "new"),
            try record("@", .ns, "ns.example.net."),
        ]
        for (name, number, types) in [("d", 4, [.a, .aaaa]), ("e", 2, [.a]), ("f", 4, [RecordType.cname])] {
            source.services.append(
                .init(
                    owner: try DomainName(name, relativeTo: source.apex), service: number, types: Set(types),
                    position: nil))
        }
        let outcome = library.zones([source])
        #expect(outcome.problems.isEmpty, "\(outcome.problems)")
        let zone = try #require(outcome.zones.first)
        #expect(zone.services == [4, 2])
        #expect(
            Set(lines(zone)) == [
                "a A 3600 203.0.113.1", "a TXT 3600 \"stays\"", "b A 3600 203.0.113.2", "c CNAME 3600 www.example.net",
                "d TXT 3600 \"stays\"", "d service 0", "e service 1", "f service 0", "g TXT 3600 \"new\"",
            ])
        #expect(all(zone).filter { $0.hasPrefix("@ NS") } == ["@ NS 3600 ns.example.net"])
    }

    @Test("a service that is a CNAME for some clients gets a warning if the file has other data")
    func crowdedAlias() throws {
        try write(Self.head + "a MX 5 ns1\nb A 192.0.2.1\nc MX 5 ns1", "zone")
        var source = self.source
        for (line, name) in ["@", "a", "b", "c", "d"].enumerated() {
            source.services.append(
                .init(
                    owner: try DomainName(name, relativeTo: source.apex), service: 1,
                    types: name == "c" ? [.a] : [.a, .cname], position: SourcePosition(line: line, column: 1)))
        }
        let problems = library.zones([source]).problems.map(\.1)
        #expect(problems.map(\.position?.line) == [1])
        #expect(problems.first?.isWarning == true)
        #expect(problems.first?.message.hasPrefix("a.example.com is a CNAME in some datacenters") == true)
    }

    // MARK: -

    private let library = ZoneLoader()

    private var source: ZoneSource {
        var source = ZoneSource(apex: try! DomainName("example.com."))
        source.file = folder.appending(path: "zone").path
        return source
    }

    private func record(_ owner: String, _ type: RecordType, _ content: String) throws -> Record {
        Record(
            owner: try DomainName(owner, relativeTo: source.apex), type: type, ttl: nil,
            content: try RecordContent(content, type: type, origin: nil))
    }

    private func write(_ text: String, _ file: String) throws {
        try text.write(to: folder.appending(path: file), atomically: true, encoding: .utf8)
    }

    private struct Compiled {
        var zone: Zone?
        var problems: [ZoneDiagnostic]

        func complains(of part: String) -> Bool { diagnostics.contains { $0.contains(part) } }

        /// The diagnostics as `line:column: message`, or the message alone.
        var diagnostics: [String] {
            problems.map { ($0.position.map { "\($0.line):\($0.column): " } ?? "") + $0.message }
        }
    }

    private func compile(_ text: String, head: String = head) -> Compiled {
        do { try write(head + text, "zone") } catch { Issue.record(error) }
        let outcome = library.zones([source])
        return Compiled(zone: outcome.zones.first, problems: outcome.problems.map(\.problem))
    }

    /// Returns `name type TTL content` of each record that is not in the head, with names relative to the zone.
    private func lines(_ zone: Zone) -> [String] {
        all(zone).filter { !$0.hasPrefix("@ SOA") && !$0.hasPrefix("@ NS") && !$0.hasPrefix("ns1 ") }
    }

    private func all(_ zone: Zone) -> [String] {
        func string(_ bytes: Span<UInt8>) -> String {
            String(decoding: bytes.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
        }
        var lines: [String] = []
        zone.image?.forEachNode { node in
            let name = node.withName(string)
            let relative = name == "example.com" ? "@" : String(name.dropLast(".example.com".count))
            if node.service >= 0 { lines.append("\(relative) service \(node.service)") }
            node.forEachRecord(type: .any) { head, text, type, _ in
                guard type != .marker else { return }
                let fields = string(head).split(separator: "\t")
                lines.append("\(relative) \(fields[1]) \(fields[2]) \(string(text).dropLast())")
            }
        }
        return lines
    }
}

/// A generator of random numbers that are the same in each run.
private struct Rubbish: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
