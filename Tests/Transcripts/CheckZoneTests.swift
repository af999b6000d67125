import Testing

/// Records in the configuration and in zone files.
@Suite("geopipe check of zones")
struct CheckZoneTests: RunsCheck {
    @Test(
        "refuses a CNAME at the top of a zone, and warns of one beside other data",
        arguments: [
            ("www: {", "\"@\": {", "\"@\": {", true), ("www: {", "geo.example.com.: {", "geo.example.com.: {", true),
            ("www: {", "www: { TXT: x,", "www: { TXT: x,", false),
        ])
    func alias(change: String, into: String, _: String, isError: Bool) throws {
        let text = Self.valid.replacing("oslo: 192.0.2.10,", with: "oslo: { CNAME: cdn.example.net. },")
            .replacing(change, with: into)
        let (status, lines) = try check(text)
        #expect(status == (isError ? 1 : 0), "\(lines)")
        #expect(lines.contains { $0.contains("CNAME in oslo; write addresses, or ALIAS") } == isError, "\(lines)")
        let zone = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n@ MX 5 ns\n"
        let file = text.replacing(/[ ]{4}soa: .*\n    ns: .*\n/, with: "    file: z.zone\n")
        #expect(try check(file, files: ["z.zone": Array(zone.utf8)]).status == (isError ? 1 : 0))
        for type in ["DNAME: cdn.example.net.", "ALIAS: cdn.example.net."] {
            #expect(
                try check(text.replacing("CNAME: cdn.example.net.", with: type)).status == 0, "\(type)")
        }
    }

    @Test(
        "warns of owners that have the name of the zone twice",
        arguments: [
            ("www.geo.example.com:", "write 'www' for www.geo.example.com"),
            ("geo.example.com:", "write '@' for geo.example.com"),
            ("\"*.geo.example.com\":", "write '*' for *.geo.example.com"),
            ("WWW.GEO.example.com:", "write 'WWW' for WWW.GEO.example.com"),
            ("www.example.com:", "so it means www.example.com.geo.example.com here"),
            ("www.geo.example.com.:", nil), ("www.geo:", nil), ("com:", nil),
        ])
    func repeatedZones(owner: String, part: String?) throws {
        let found = try findings("www:", owner)
        #expect(found.count == (part == nil ? 0 : 1), "\(found)")
        if let part { #expect(found.first?.contains(part) == true, "\(found)") }
    }

    @Test("warns of the same in zone files, and of records below a delegation or a DNAME")
    func hidden() throws {
        let zone = """
            $TTL 300
            @ SOA ns1 host 1 2 3 4 5
            @ NS ns1
            ns1 A 192.0.2.1
            www.geo.example.com A 192.0.2.1
            www.geo.example.com TXT x
            sub NS ns.sub
            sub NS sub
            sub A 192.0.2.1
            sub TXT x
            sub DS 12345 13 2 \(String(repeating: "ab", count: 32))
            ns.sub A 192.0.2.4
            ns.sub TXT t
            x.sub AAAA 2001:db8::1
            y.x.sub NS ns.example.net.
            b DNAME example.net.
            b A 192.0.2.1
            c.b A 192.0.2.1
            """
        let text = Self.valid.replacing(/[ ]{4}soa: .*\n    ns: .*\n/, with: "    file: z.zone\n")
            .replacing("ns1: { A: 192.0.2.53 }", with: "w.sub: { service: w }\n      w.b: { service: w }")
            .replacing("www: {", with: "t.sub: { TXT: x }\n      www: {")
        for mark in [[], [0xef, 0xbb, 0xbf]] as [[UInt8]] {
            let (status, lines) = try check(text, files: ["z.zone": mark + Array(zone.utf8)])
            #expect(status == 0)
            let places = lines.dropLast().map { String($0.prefix { $0 != ";" }.prefix(60)) }
            #expect(
                places.map { $0.split(separator: " ").prefix(5).joined(separator: " ") } == [
                    "c.yaml:16:11: warning: zone geo.example.com has", "c.yaml:18:16: warning: the service of",
                    "c.yaml:19:14: warning: the service of",
                    "c.yaml:20:16: warning: TXT of t.sub.geo.example.com",
                    "z.zone:5:1: warning: 'www.geo.example.com' has no",
                    "z.zone:10:5: warning: TXT of sub.geo.example.com",
                    "z.zone:13:8: warning: TXT of ns.sub.geo.example.com",
                    "z.zone:14:7: warning: AAAA of x.sub.geo.example.com",
                    "z.zone:15:9: warning: NS of y.x.sub.geo.example.com",
                    "z.zone:18:5: warning: A of c.b.geo.example.com",
                ], "\(lines)")
        }
    }
}
