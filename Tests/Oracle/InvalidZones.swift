/// A zone file with a part that a server may refuse, and the files that it includes.
struct InvalidZone: Sendable, CustomStringConvertible {
    /// The error, or the line that is added to a valid zone.
    let title: String
    var text: String
    var includes: [(name: String, text: String)] = []

    var description: String { title }

    static let apex = Name("example.org")

    private static let soa = "@ 3600 SOA ns1 hostmaster 1 7200 600 1209600 300\n"
    private static let start = "$TTL 3600\n\(soa)@ NS ns1\nns1 A 192.0.2.53\n"

    /// Returns a valid zone with one more line.
    private static func line(_ line: String) -> InvalidZone { InvalidZone(title: line, text: "\(start)\(line)\n") }

    private init(title: String, text: String, includes: [(String, String)] = []) {
        self.title = title
        self.text = text
        self.includes = includes
    }

    /// Zones with inconsistent records.
    static let structures = [
        InvalidZone(title: "nothing wrong", text: start),
        InvalidZone(title: "no line at all", text: ""),
        InvalidZone(title: "comments only", text: "; nothing\n\n"),
        InvalidZone(title: "no SOA", text: "$TTL 3600\n@ NS ns1\nns1 A 192.0.2.53\n"),
        InvalidZone(title: "no NS", text: "$TTL 3600\n\(soa)ns1 A 192.0.2.53\n"),
        InvalidZone(title: "SOA last", text: "$TTL 3600\n@ NS ns1\nns1 A 192.0.2.53\n\(soa)"),
        InvalidZone(
            title: "SOA of another zone",
            text: "$TTL 3600\n\(soa.replacing("@", with: "example.net."))@ NS ns1\nns1 A 192.0.2.53\n"),
        InvalidZone(title: "no TTL, that of the SOA record", text: "\(soa)@ NS ns1\nns1 A 192.0.2.53\n"),
        InvalidZone(
            title: "no TTL, the SOA's minimum", text: "\(soa.replacing("3600 ", with: ""))@ NS ns1\nns1 A 192.0.2.53\n"),
        InvalidZone(title: "no TTL before the SOA", text: "@ NS ns1\nns1 A 192.0.2.53\n\(soa)"),
        InvalidZone(title: "the apex is an alias", text: "$TTL 3600\n\(soa)@ CNAME www.example.net.\n"),
        InvalidZone(
            title: "NS of the apex is an alias", text: "$TTL 3600\n\(soa)@ NS ns1\nns1 CNAME ns.example.net.\n"),
        InvalidZone(title: "NS of the apex has no address", text: "$TTL 3600\n\(soa)@ NS ns1\n"),
        InvalidZone(title: "one NS of two has no address", text: "\(start)@ NS ns2\n"),
        InvalidZone(
            title: "NS of the apex has the address of a wildcard", text: "$TTL 3600\n\(soa)@ NS ns1\n* A 192.0.2.53\n"),
        InvalidZone(
            title: "NS of the apex is below a delegation, without glue", text: "\(start)@ NS ns.sub\nsub NS ns1\n"),
        InvalidZone(
            title: "NS of the apex is below a delegation, with glue",
            text: "\(start)@ NS ns.sub\nsub NS ns1\nns.sub A 192.0.2.1\n"),
        InvalidZone(title: "NS of the apex is below a DNAME", text: "\(start)@ NS ns.d\nd DNAME example.net.\n"),
        InvalidZone(title: "NS of the apex is an address", text: "\(start)@ NS 192.0.2.53\n"),
        InvalidZone(title: "NS of the apex is the root", text: "\(start)@ NS .\n"),
        InvalidZone(title: "two SOA records", text: "\(start)@ SOA ns1 hostmaster 2 7200 600 1209600 300\n"),
        InvalidZone(title: "the same SOA record twice", text: "\(start)\(soa)"),
        InvalidZone(title: "a DNAME beside a CNAME", text: "\(start)a DNAME example.net.\na CNAME www.example.net.\n"),
        InvalidZone(title: "two DNAMEs", text: "\(start)a DNAME example.net.\na DNAME example.com.\n"),
        InvalidZone(title: "a name below a DNAME", text: "\(start)a DNAME example.net.\nb.a A 192.0.2.1\n"),
        InvalidZone(title: "a DNAME at the apex", text: "\(start)@ DNAME example.net.\n"),
        InvalidZone(title: "a CNAME beside other data", text: "\(start)a CNAME ns1\na A 192.0.2.1\n"),
        InvalidZone(title: "other data beside a CNAME", text: "\(start)a A 192.0.2.1\na CNAME ns1\n"),
        InvalidZone(title: "other data beside a CNAME, in another case", text: "\(start)a A 192.0.2.1\nA CNAME ns1\n"),
        InvalidZone(title: "two CNAMEs", text: "\(start)a CNAME ns1\na CNAME ns2\n"),
        InvalidZone(title: "the same CNAME twice", text: "\(start)a CNAME ns1\na CNAME ns1\n"),
        InvalidZone(title: "the same CNAME twice, in another case", text: "\(start)a CNAME ns1\na CNAME NS1\n"),
        InvalidZone(title: "a CNAME to itself", text: "\(start)a CNAME a\n"),
        InvalidZone(title: "a KEY beside a CNAME", text: "\(start)a CNAME ns1\na KEY 256 3 13 AQID\n"),
        InvalidZone(title: "a delegation with a CNAME", text: "\(start)a NS ns1\na CNAME ns1\n"),
        InvalidZone(title: "a delegation without glue", text: "\(start)a NS ns.a\n"),
        InvalidZone(title: "a delegation to a CNAME", text: "\(start)a NS c\nc CNAME ns1\n"),
        InvalidZone(title: "a delegation to a name that is not there", text: "\(start)a NS nothing\n"),
        InvalidZone(title: "a delegation to below another one", text: "\(start)a NS ns.b\nb NS ns1\n"),
        InvalidZone(title: "a delegation of a wildcard", text: "\(start)*.a NS ns1\n"),
        InvalidZone(title: "a DNAME at a wildcard", text: "\(start)*.a DNAME example.net.\n"),
        InvalidZone(title: "a CNAME at a wildcard", text: "\(start)*.a CNAME ns1\n"),
        InvalidZone(title: "data below a delegation", text: "\(start)a NS ns1\nb.a TXT hidden\n"),
        InvalidZone(title: "an SOA below the apex", text: "\(start)a SOA ns1 hostmaster 1 7200 600 1209600 300\n"),
        InvalidZone(
            title: "a DS without a delegation", text: "\(start)a DS 1 13 2 \(String(repeating: "ab", count: 32))\n"),
        InvalidZone(title: "a DS at the apex", text: "\(start)@ DS 1 13 2 \(String(repeating: "ab", count: 32))\n"),
        InvalidZone(title: "an MX without address", text: "\(start)a MX 10 nothing\n"),
        InvalidZone(title: "an MX to a CNAME", text: "\(start)a MX 10 c\nc CNAME ns1\n"),
        InvalidZone(title: "an MX to the root", text: "\(start)a MX 0 .\n"),
        InvalidZone(title: "an MX to an address", text: "\(start)a MX 0 192.0.2.1\n"),
        InvalidZone(title: "an SRV without address", text: "\(start)a SRV 0 0 1 nothing\n"),
        InvalidZone(title: "an SRV to a CNAME", text: "\(start)a SRV 0 0 1 c\nc CNAME ns1\n"),
        InvalidZone(title: "an SRV to the root", text: "\(start)a SRV 0 0 0 .\n"),
        InvalidZone(title: "a record out of the zone", text: "\(start)example.net. A 192.0.2.1\n"),
        InvalidZone(title: "a record of the parent", text: "\(start)org. NS ns1\n"),
        InvalidZone(title: "a name that only ends alike", text: "\(start)notexample.org. A 192.0.2.1\n"),
        InvalidZone(title: "the same record twice", text: "\(start)a A 192.0.2.1\na A 192.0.2.1\n"),
        InvalidZone(title: "two TTLs for one type", text: "\(start)a 60 A 192.0.2.1\na 61 A 192.0.2.2\n"),
        InvalidZone(
            title: "two TTLs for one type, not side by side",
            text: "\(start)a 60 A 192.0.2.1\nb 60 A 192.0.2.2\na 61 A 192.0.2.2\n"),
        InvalidZone(
            title: "a blank before the first owner",
            text: "$TTL 3600\n  SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n"),
        InvalidZone(
            title: "a blank before the first owner, and an SOA",
            text: "$TTL 3600\n  TXT a\n\(soa)@ NS ns1\nns1 A 192.0.2.53\n"),
        InvalidZone(title: "a file that ends in a record", text: start + "a A 192.0.2.1"),
        InvalidZone(title: "a file that ends in a comment", text: start + "; end"),
        InvalidZone(title: "a file that ends in a parenthesis", text: start + "a A ( 192.0.2.1"),
        InvalidZone(title: "lines that end in CR and LF", text: start.replacing("\n", with: "\r\n")),
        InvalidZone(title: "a form feed between words", text: start + "a\u{c}A 192.0.2.1\n"),
        InvalidZone(title: "a NUL between words", text: start + "a A\0 192.0.2.1\n"),
    ]

    /// Zones with included files.
    static let inclusions = [
        InvalidZone(
            title: "an included file", text: "\(start)$INCLUDE a.inc\n", includes: [("a.inc", "a A 192.0.2.1\n")]),
        InvalidZone(
            title: "an included file, quoted", text: "\(start)$INCLUDE \"a.inc\"\n",
            includes: [("a.inc", "a A 192.0.2.1\n")]),
        InvalidZone(
            title: "an included file with an origin", text: "\(start)$INCLUDE a.inc sub ; there\n",
            includes: [("a.inc", "a A 192.0.2.1\n")]),
        InvalidZone(
            title: "an included file with an origin out of the zone", text: "\(start)$INCLUDE a.inc net.\n",
            includes: [("a.inc", "a A 192.0.2.1\n")]),
        InvalidZone(title: "an included file that is not there", text: "\(start)$INCLUDE b.inc\n"),
        InvalidZone(title: "an included folder", text: "\(start)$INCLUDE .\n"),
        InvalidZone(
            title: "an included file that is empty", text: "\(start)$INCLUDE a.inc\n", includes: [("a.inc", "")]),
        InvalidZone(
            title: "an included file with a mistake", text: "\(start)$INCLUDE a.inc\n",
            includes: [("a.inc", "a A 192.0.2\n")]),
        InvalidZone(title: "a file that includes itself", text: "\(start)$INCLUDE zone\n"),
        InvalidZone(
            title: "files that include each other", text: "\(start)$INCLUDE a.inc\n",
            includes: [("a.inc", "$INCLUDE b.inc\n"), ("b.inc", "$INCLUDE a.inc\n")]),
        InvalidZone(
            title: "a file included twice", text: "\(start)$INCLUDE a.inc\n$INCLUDE a.inc\n",
            includes: [("a.inc", "a A 192.0.2.1\n")]),
        InvalidZone(
            title: "a parenthesis over a file's end", text: "\(start)$INCLUDE a.inc\n192.0.2.1 )\n",
            includes: [("a.inc", "a A (\n")]),
        InvalidZone(
            title: "no owner at the start of an included file", text: "\(start)$INCLUDE a.inc\n",
            includes: [("a.inc", " TXT a\n")]),
        InvalidZone(
            title: "no owner after an included file", text: "\(start)$INCLUDE a.inc\n TXT a\n",
            includes: [("a.inc", "a A 192.0.2.1\n")]),
        InvalidZone(
            title: "an included file and a word too many", text: "\(start)$INCLUDE a.inc sub more\n",
            includes: [("a.inc", "a A 192.0.2.1\n")]),
        InvalidZone(title: "an included file without a name", text: "\(start)$INCLUDE\n"),
        InvalidZone(
            title: "an included file with a bad origin", text: "\(start)$INCLUDE a.inc a..b\n",
            includes: [("a.inc", "a A 192.0.2.1\n")]),
    ]

    /// Single lines, valid and invalid.
    static let lines = [
        // Directives
        "$ORIGIN", "$ORIGIN a b", "$ORIGIN a..b", "$ORIGIN sub", "$ORIGIN example.net.", "$TTL", "$TTL x", "$TTL 1h",
        "$TTL -1", "$TTL 2147483647", "$TTL 2147483648", "$TTL 4294967295", "$TTL 4294967296", "$TTL 60 60",
        "$TTL 1h60", "$TTL 1x",
        "$UNKNOWN", "$unknown a", "$", "$ORIGIN.", "$ttl 60", " $TTL 60", "\\$TTL A 192.0.2.1",
        "$GENERATE 1-3 g$ A 192.0.2.$", "$GENERATE 3-1 g$ A 192.0.2.$", "$GENERATE 1-3 g$ A 300.0.2.$",
        "$GENERATE x g$ A 192.0.2.$",
        "$GENERATE 1-3/2 g$ 60 IN A 192.0.2.$", "$GENERATE 1-3 g${0,3,d} CNAME $.example.net.", "$GENERATE 1-3 g$",
        // Owner, TTL, class, type
        "a", "a A", "a 60", "a IN", "a IN 60 IN A 192.0.2.1", "a 60 60 A 192.0.2.1", "a 60 IN A 192.0.2.1",
        "a IN 60 A 192.0.2.1",
        "a CH A 192.0.2.1", "a HS A 192.0.2.1", "a CLASS1 A 192.0.2.1", "a CLASS3 A 192.0.2.1", "a ANY A 192.0.2.1",
        "a CLASS255 A 192.0.2.1",
        "a NONE A 192.0.2.1", "a ANY 192.0.2.1", "a AXFR 192.0.2.1", "a OPT 192.0.2.1", "a TYPE0 \\# 0",
        "a TYPE41 \\# 0", "a TYPE255 \\# 0",
        "a TYPE252 \\# 0", "a TYPE65535 \\# 0", "a TYPE65536 \\# 0", "a TYPE \\# 0", "a TYPEX \\# 0", "a FOO 192.0.2.1",
        "a 1h A 192.0.2.1",
        "a 1h30 A 192.0.2.1", "a 1H30M A 192.0.2.1", "a h A 192.0.2.1", "a 1hh A 192.0.2.1", "a 1x A 192.0.2.1",
        "a -1 A 192.0.2.1",
        "a 0 A 192.0.2.1", "a 2147483648 A 192.0.2.1", "a 4294967295 A 192.0.2.1", "a 4294967296 A 192.0.2.1",
        "a 1.5 A 192.0.2.1", "a 100000w A 192.0.2.1",
        "a \"60\" A 192.0.2.1", "a 60 \"A\" 192.0.2.1", "\"a\" A 192.0.2.1", "a in a 192.0.2.1", "60 A 192.0.2.1",
        "IN A 192.0.2.1", "A A 192.0.2.1",
        "A 192.0.2.1",
        // Names
        "a. A 192.0.2.1", "a.. A 192.0.2.1", ".a A 192.0.2.1", "a..b A 192.0.2.1", ". A 192.0.2.1", ".. A 192.0.2.1",
        "@ A 192.0.2.1", "@.a A 192.0.2.1", "a.@ A 192.0.2.1",
        "\\@ A 192.0.2.1", "\\065 A 192.0.2.1", "\\256 A 192.0.2.1", "\\999 A 192.0.2.1", "\\06 A 192.0.2.1",
        "\\6x A 192.0.2.1", "\\ A 192.0.2.1",
        "a\\ b A 192.0.2.1", "a\\.b A 192.0.2.1", "a\\; A 192.0.2.1", "a; A 192.0.2.1", "a\\( A 192.0.2.1",
        "a( A 192.0.2.1 )", "a\\\"b A 192.0.2.1", "a\"b A 192.0.2.1",
        "a_b A 192.0.2.1", "_a A 192.0.2.1", "-a- A 192.0.2.1", "a*b A 192.0.2.1", "a.*.b A 192.0.2.1",
        "*.* A 192.0.2.1", "** A 192.0.2.1", "\\* A 192.0.2.1", "\\000 A 192.0.2.1", "\u{e9} A 192.0.2.1",
        "\(repeated("a", 63)) A 192.0.2.1", "\(repeated("a", 64)) A 192.0.2.1", "\(repeated("\\097", 63)) A 192.0.2.1",
        "\(repeated("a.", 121)) A 192.0.2.1", "\(repeated("a.", 120))a A 192.0.2.1",
        "\(repeated("a.", 121))a A 192.0.2.1", "\(repeated("a.", 130))a A 192.0.2.1",
        // Tokens
        "a A 192.0.2.1 ; comment", "a A 192.0.2.1;comment", "a A ( 192.0.2.1 )", "a A ( 192.0.2.1", "a A 192.0.2.1 )",
        "a A (( 192.0.2.1 ))", "a ( A 192.0.2.1 )",
        "(a A 192.0.2.1)", "( a A 192.0.2.1 )", " ( TXT a )", "a A ( ; comment )\n 192.0.2.1 )", "a A 192.0.2.1 ()",
        "() a A 192.0.2.1", "a TXT )(", "a TXT (a)(b)", "a TXT a(b)c",
        "a TXT \"a", "a TXT a\"", "a TXT \"a\nb\"", "a TXT \"a\\\nb\"", "a TXT \"a\\\"", "a TXT \"a\"b", "a TXT a\"b\"",
        "a TXT \"a\"\"b\"", "a TXT", "a TXT \"\"", "a TXT \\\"", "a TXT a\\", "a TXT \\# 1 00",
        "a TXT \\256", "a TXT \"\\256\"", "a TXT \\1", "a TXT \"\\12\"", "a TXT \\a", "a TXT \(repeated("a", 255))",
        "a TXT \(repeated("a", 256))", "a TXT \"\(repeated("a", 256))\"", "a TXT \u{e9}", "a TXT \"\t\"", "a TXT ;",
        "a TXT \";\"", "a TXT \\;",
        // Addresses
        "a A 192.0.2", "a A 192.0.2.256", "a A 192.0.2.01", "a A 192.0.2.1.1", "a A 192.0.2.1 192.0.2.2",
        "a A 0xc0000201", "a A 1", "a A ::1", "a A example.org.", "a A \"192.0.2.1\"", "a A 192.0.2.-1",
        "a A 192.0.2.1.", "a A \\# 4 c0000201", "a A \\# 3 c00002", "a A \\# 5 c000020101", "a A \\# 4 c00002",
        "a A \\# 4 c00002zz", "a A \\# 4", "a A \\#", "a A \\# x c0000201", "a A \\# 4 c0 00 02 01",
        "a A \\# 4 c000 0201 00", "a A \\# -1", "a A \\# 70000 00",
        "a AAAA ::1", "a AAAA 2001:db8::1::", "a AAAA 2001:db8:::1", "a AAAA 2001:db8", "a AAAA 192.0.2.1",
        "a AAAA ::192.0.2.1", "a AAAA 2001:db8::12345", "a AAAA fe80::1%eth0", "a AAAA 1:2:3:4:5:6:7:8:9",
        "a AAAA 1:2:3:4:5:6:7:8", "a AAAA g::", "a AAAA ::", "a AAAA 2001:db8::/32",
        // Records with names
        "a CNAME", "a CNAME b c", "a CNAME b..c", "a CNAME \(repeated("a", 64))", "a CNAME .", "a CNAME @", "a NS",
        "a PTR \"x y\"", "a PTR x\\ y", "a DNAME", "a DNAME a b", "a MX mail", "a MX 10", "a MX 10 b c",
        "a MX 65535 example.net.", "a MX 65536 example.net.", "a MX -1 example.net.", "a MX x example.net.",
        "a MX 0x10 example.net.", "a MX 010 example.net.", "a MX 10 a..b", "a MX +1 example.net.",
        "a SOA", "a RP a", "a RP a. b. c.", "a RP . .", "a AFSDB 1", "a AFSDB 65536 example.net.",
        "a KX 1 example.net.", "a KX example.net.", "a SRV 0 0 0", "a SRV 0 0 65536 example.net.",
        "a SRV 0 0 80 example.net. x", "a SRV 0 0 example.net.", "a LP 10 example.net.", "a LP 10",
        // SOA
        "$ORIGIN x\n@ SOA", "@ SOA ns1 hostmaster 1 2 3 4",
        // Character-strings
        "a HINFO x86", "a HINFO x86 linux", "a HINFO x86 linux more", "a HINFO \"a b\" c", "a SPF", "a SPF v=spf1",
        "a NAPTR 1 1 u s r .", "a NAPTR 1 1 \"u\" \"s\" \"\" .", "a NAPTR 1 1 u s r", "a NAPTR 1 1 u s r . .",
        "a NAPTR 65536 1 u s r .", "a NAPTR 1 1 \"!\" \"s\" \"\" .", "a NAPTR 1 1 \"u\" \"s\" \"!x\" .",
        "a NAPTR 1 1 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .",
        "a CAA 0 issue ca.example.net", "a CAA 0 issue \"ca.example.net\"", "a CAA 256 issue \"x\"", "a CAA 0 issue",
        "a CAA 0 is-sue \"x\"", "a CAA 0 \"\" \"x\"", "a CAA 0 issue \"x\" y", "a CAA 0 iodef \"mailto:a@example.net\"",
        "a CAA 0 ISSUE \"x\"", "a CAA 0 issue \";\"", "a CAA 0 issue ;", "a CAA 1 foo \"bar\"",
        "a URI 1 1 \"ftp://x\"", "a URI 1 1 ftp://x", "a URI 1 1 \"\"", "a URI 1 \"ftp://x\"", "a URI 1 1 \"a\" \"b\"",
        "a URI 65536 1 \"a\"",
        // Keys and digests
        "a DS 1 13 2 ab", "a DS 65536 13 2 \(repeated("ab", 32))", "a DS 1 256 2 \(repeated("ab", 32))",
        "a DS 1 13 2 \(repeated("ab", 31))", "a DS 1 13 2", "a DS 1 13 99 ab", "a DS 1 FOO 2 \(repeated("ab", 32))",
        "a DS 1 13 2 \(repeated("xy", 32))", "a DS 1 13 1 \(repeated("ab", 20))", "a DS 1 13 4 \(repeated("ab", 48))",
        "a DS 1 13 2 abc",
        "a DNSKEY 256 3 13 AQID", "a DNSKEY 256 3 13 AQI", "a DNSKEY 256 3 13 A*ID", "a DNSKEY 256 3 13",
        "a DNSKEY 65536 3 13 AQID", "a DNSKEY 256 256 13 AQID", "a DNSKEY 256 3 13 \(repeated("AQID", 22))",
        "a CDS 0 0 0 00", "a CDNSKEY 0 3 0 AA==", "a CDS 1 13 2 \(repeated("ab", 32))", "a KEY 256 3 13 AQID",
        "a KEY 49152 3 0",
        "a SSHFP 1 1 \(repeated("ab", 20))", "a SSHFP 1 1 \(repeated("ab", 19))", "a SSHFP 1 2 \(repeated("ab", 32))",
        "a SSHFP 1 9 ab", "a SSHFP 256 1 ab", "a SSHFP 1 1", "a TLSA 3 1 1 \(repeated("ab", 32))", "a TLSA 3 1 1 ab",
        "a TLSA 3 1 0 ab", "a TLSA 3 1 1", "a TLSA 256 1 1 ab", "a TLSA 3 1 1 abc", "a SMIMEA 3 1 1 ab",
        "a OPENPGPKEY AQID", "a OPENPGPKEY", "a OPENPGPKEY AQI", "a CERT PKIX 1 8 AQID", "a CERT 1 1 RSASHA256 AQID",
        "a CERT FOO 1 8 AQID", "a CERT 1 65536 8 AQID", "a CERT 1 1 8",
        "a DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", "a DHCID AQID", "a DHCID !",
        "a IPSECKEY 10 1 2 192.0.2.38 AQNR", "a IPSECKEY 10 0 2 . AQNR", "a IPSECKEY 10 0 2 x AQNR",
        "a IPSECKEY 10 2 2 192.0.2.1 AQNR", "a IPSECKEY 10 3 2 gw.example.net. AQNR", "a IPSECKEY 10 4 2 x AQNR",
        "a IPSECKEY 10 1 0 192.0.2.1", "a ZONEMD 1 1 1 \(repeated("ab", 48))", "a ZONEMD 1 1 1 ab",
        "a CSYNC 66 3 A NS AAAA", "a CSYNC 66 3", "a CSYNC 66 3 FOO",
        // Other types
        "a LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", "a LOC 52 N 4 E 10m", "a LOC 91 N 4 E 10m",
        "a LOC 52 60 N 4 E 10m", "a LOC 52 X 4 E 10m", "a LOC 52 N 181 E 10m", "a LOC 52 N 4 E", "a LOC 52 N 4 E 10",
        "a LOC 90 0 0.001 N 4 E 10m", "a LOC 52 N 4 E 42849672.96m", "a LOC 52 N 4 E 10m 1m 1m 1m 1m",
        "a LOC 52 22 23.0001 N 4 E 1m",
        "a EUI48 00-00-5e-00-53-2a", "a EUI48 00:00:5e:00:53:2a", "a EUI48 00-00-5e-00-53", "a EUI48 0-0-5e-0-53-2a",
        "a EUI64 00-00-5e-ef-10-00-00-2a", "a EUI64 00-00-5e-ef-10-00-00", "a NID 10 0014:4fff:ff20:ee64",
        "a NID 10 14:4fff:ff20", "a NID 10 14:4fff:ff20:ee64:1", "a L64 10 2001:db8:1140:1000", "a L64 10 2001:db8::1",
        "a L32 10 10.1.2.0", "a L32 10 10.1.2", "a APL 1:192.0.2.0/24 !2:2001:db8::/32", "a APL",
        "a APL 1:192.0.2.0/33", "a APL 3:x/1", "a APL 1:192.0.2.0", "a MINFO a b", "a MINFO a", "a MB a",
        "a X25 \"311\"",
        "a SVCB 1 foo alpn=h2", "a SVCB 0 foo", "a SVCB 0 foo alpn=h2", "a SVCB 1 . alpn=h2 alpn=h3",
        "a SVCB 1 . foo=bar", "a SVCB 1 . key1=h2", "a SVCB 1 . key65333=\"a b\"", "a SVCB 1 . key65536=a",
        "a SVCB 1 . port=65536", "a SVCB 1 . port", "a SVCB 1 . port=x", "a SVCB 1 . ipv4hint=192.0.2",
        "a SVCB 1 . ipv4hint=192.0.2.1,192.0.2.2", "a SVCB 1 . ipv4hint=", "a SVCB 1 . ipv6hint=::1",
        "a SVCB 1 . ipv6hint=192.0.2.1", "a SVCB 1 . no-default-alpn", "a SVCB 1 . alpn=h2 no-default-alpn",
        "a SVCB 1 . no-default-alpn=x alpn=h2", "a SVCB 1 . mandatory=alpn", "a SVCB 1 . mandatory=alpn alpn=h2",
        "a SVCB 1 . mandatory=mandatory", "a SVCB 1 . mandatory=alpn,alpn alpn=h2", "a SVCB 1 . alpn=",
        "a SVCB 1 . alpn", "a SVCB 1 . alpn=\"h2,h3\"", "a SVCB 1 . ech=AQID", "a SVCB 1 . ech=AQI", "a SVCB 1",
        "a SVCB 65536 .", "a SVCB 1 foo..bar", "a HTTPS 1 . alpn=h2,h3 port=443", "a HTTPS 1 . dohpath=/q{?dns}",
        "a HTTPS 0 example.net.", "a HTTPS 0 .",
        "a NULL \\# 1 00", "a TYPE65280 \\# 0", "a TYPE65281 \\# 0", "a TYPE65281 \\# 1 0", "a TYPE65281 00",
        "a TYPE65281 \\# 2 00", "a TYPE65281 \\# 1 00 00", "a TYPE1 192.0.2.1", "a TYPE1 \\# 4 c0000201",
        "a TYPE16 \\# 2 0561", "a TYPE5 \\# 3 016100", "a TYPE5 \\# 2 c000", "a TYPE15 \\# 1 00",
        "a RRSIG A 13 2 60 20300101000000 20200101000000 1 example.org. AQID", "a NSEC b A RRSIG",
        "a NSEC3PARAM 1 0 0 -", "a NSEC3 1 0 0 - abc A",
    ].map(line)

    /// The cases in which geopipe deliberately differs from BIND, with the reasons.
    static let disagreements = [
        // Refused by geopipe.
        "a TYPE65280 \\# 0": "geopipe's own marker",
        "a EUI48 0-0-5e-0-53-2a": "two digits each (RFC 7043 section 3.2)",
        "a KEY 49152 3 0": "pdns reads no KEY without a key",
        "a TXT \"a\\\nb\"": "a backslash does not continue a line",
        // Accepted by geopipe.
        "$TTL 1h60": "a number without a unit is seconds", "a 1h30 A 192.0.2.1": "a number without a unit is seconds",
        "a 60 \"A\" 192.0.2.1": "quotation marks that change nothing",
        "a A \"192.0.2.1\"": "quotation marks that change nothing",
        "a PTR \"x y\"": "quotation marks in place of an escape",
        "a URI 1 1 ftp://x": "the quotation marks are not needed",
        "a IPSECKEY 10 1 0 192.0.2.1": "algorithm 0 has no key (RFC 4025 section 2.4)",
        "a NAPTR 1 1 u s r .": "the application defines the rules of a NAPTR",
        "a NAPTR 1 1 \"u\" \"s\" \"!x\" .": "the application defines the rules of a NAPTR",
        "a X25 \"311\"": "the length of a telephone number",
        // Accepted with a warning, since pdns's own backends serve it.
        "NS of the apex is an alias": "other name servers may do",
        "NS of the apex has no address": "other name servers may do",
        "one NS of two has no address": "other name servers may do",
        "NS of the apex is below a DNAME": "other name servers may do",
        "NS of the apex is an address": "other name servers may do",
        "a DNAME at the apex": "the name server below it is not found, but other name servers may do",
        "a delegation of a wildcard": "pdns makes no use of it",
        "an SOA below the apex": "pdns leaves it out",
        "a DS at the apex": "it is left out",
        "a TXT \(repeated("a", 256))": "pdns serves the text in pieces",
        "a TXT \"\(repeated("a", 256))\"": "pdns serves the text in pieces",
        "a SVCB 1 . no-default-alpn": "clients ignore the record (RFC 9460 section 7.1.1)",
        "a SVCB 1 . mandatory=alpn": "clients ignore the record (RFC 9460 section 8)",
        "a SVCB 1 . mandatory=mandatory": "clients ignore the record (RFC 9460 section 8)",
    ]

    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
}
