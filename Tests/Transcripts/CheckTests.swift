import Foundation
import Support
import Testing

/// Diagnostics of `geopipe check`.
@Suite("geopipe check")
struct CheckTests {
    /// A configuration without diagnostics; each test changes one thing.
    private static let sound = """
        databases: [\(Project.demonstration)]
        datacenters: { oslo: {}, ashburn: {}, singapore: {} }
        regions: { nordics: [SE, FI] }
        maps:
          m:
            countries: { NO: [oslo, ashburn] }
            regions: { nordics: [oslo, ashburn] }
            default: [singapore, oslo, ashburn]
        services:
          w:
            map: m
            ttl: 60
            answers: { oslo: 192.0.2.10, ashburn: 198.51.100.10, singapore: 203.0.113.10 }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com. }
            ns: [ns1.geo.example.com.]
            records:
              ns1: { A: 192.0.2.53 }
              www: { service: w }
        """

    private func check(
        _ text: String, files: [String: [UInt8]] = [:], _ arguments: String...
    ) throws -> (status: Int32, lines: [String]) {
        let folder = try Folder()
        try folder.write(text.utf8, to: "c.yaml")
        for (name, bytes) in files { try folder.write(bytes, to: name) }
        let ending = try Program.geopipe.run(["check", "c.yaml"] + arguments, in: folder)
        #expect(ending.error == "")
        let output = String(decoding: ending.output, as: UTF8.self).replacing(folder.path + "/", with: "")
        return (ending.status, output.split(separator: "\n").map(String.init))
    }

    /// Returns the diagnostics of the valid configuration with one change, without the last line.
    private func findings(_ change: String, _ into: String, at place: SourceLocation = #_sourceLocation) throws
        -> [String]
    {
        let text = Self.sound.replacing(change, with: into, maxReplacements: 1)
        try #require(text != Self.sound, sourceLocation: place)
        let (status, lines) = try check(text)
        let hasErrors = lines.contains { $0.contains(/^c.yaml:[0-9:]* (?!warning|note)/) }
        #expect(status == (hasErrors ? 1 : 0), "\(lines)", sourceLocation: place)
        #expect(lines.last?.hasPrefix("ok: ") == !hasErrors, "\(lines)", sourceLocation: place)
        return lines.dropLast()
    }

    @Test("has no diagnostics for a valid configuration, nor for the example")
    func sound() throws {
        let (status, lines) = try check(Self.sound)
        #expect(status == 0 && lines == ["ok: 1 zone with 3 names, 1 service, 1 map, 3 datacenters, 1 database"])
        let example = try String(contentsOfFile: "\(Project.root)/examples/geopipe.yaml", encoding: .utf8)
        #expect(try check(example, "--database", Project.demonstration).lines.count == 1)
    }

    @Test("accepts a database that no rule needs")
    func unusedDatabase() throws {
        let text =
            Self.sound.split(separator: "\n").filter { !$0.contains("countries:") && !$0.contains("regions:") }
            .joined(separator: "\n") + "\nstate_directory: none\n"
        let (status, lines) = try check(text)
        #expect(status == 0 && lines.last?.hasPrefix("ok: ") == true, "\(lines)")
    }

    @Test(
        "warns once of each setting that leaves clients without a record, with a remedy",
        arguments: [
            (
                "NO: [oslo, ashburn]", "NO: none", "6:22: warning: 'NO' in countries of map m is none",
                "refuses connections"
            ),
            (
                "default: [singapore, oslo, ashburn]", "networks: { 10.0.0.0/8: none }\n    default: [singapore]",
                "8:29: warning: '10.0.0.0/8' in networks of map m is none", "refuses connections"
            ),
            (
                "oslo: 192.0.2.10,", "oslo: [192.0.2.10, \"2001:db8::1\"],",
                "13:5: warning: service w has other types of records in some datacenters (no AAAA in ashburn and singapore)",
                "the same types"
            ),
            (
                "oslo: 192.0.2.10,", "oslo: { CNAME: cdn.example.net. },",
                "13:5: warning: service w has other types of records in some datacenters (no A in oslo, no CNAME in ashburn and singapore)",
                "the same types"
            ),
            (
                "ttl: 60", "ttl: 60\n    when_all_down: nothing",
                "13:20: warning: with when_all_down: nothing, clients get no record", "write when_all_down: answer"
            ),
        ])
    func absence(change: String, into: String, warning: String, remedy: String) throws {
        let found = try findings(change, into)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.hasPrefix("c.yaml:\(warning)") == true, "\(found)")
        #expect(found.first?.contains("for the zone's negative TTL") == true && found.first?.contains(remedy) == true)
    }

    @Test("ignores the types of a datacenter that the map never chooses")
    func unreachedTypes() throws {
        let found = try findings("default: [singapore, oslo, ashburn]", "default: [singapore, oslo]")
        #expect(found == [])
        let other = try findings("singapore: 203.0.113.10", "singapore: \"2001:db8::3\"")
        #expect(other.count == 1)
    }

    @Test(
        "suggests continent: for continents in the place of countries",
        arguments: [
            ("nordics: [SE, FI]", "nordics: [NA, SA]", ["NA", "SA"]), ("nordics: [SE, FI]", "nordics: [AS]", ["AS"]),
            ("nordics: [SE, FI]", "nordics: [US, CA, NA]", ["NA"]),
            ("nordics: [SE, FI]", "nordics: [AF, EU]", ["AF", "EU"]),
            ("nordics: [SE, FI]", "nordics: [JP, AS]", ["AS"]),
            ("NO: [oslo, ashburn]", "NO: oslo, AF: oslo, AS: oslo", ["AF", "AS"]),
            ("NO: [oslo, ashburn]", "SA: oslo, EU: oslo", ["SA", "EU"]),
            ("NO: [oslo, ashburn]", "SA: oslo", []), ("NO: [oslo, ashburn]", "NA: oslo, ZA: oslo", []),
            ("NO: [oslo, ashburn]", "NO: oslo, SA: oslo", []), ("nordics: [SE, FI]", "nordics: [SA, AE, IN, AF]", []),
            ("nordics: [SE, FI]", "nordics: [AU, NZ, AS]", []),
        ])
    func continents(change: String, into: String, codes: [String]) throws {
        // The demonstration database has few countries.
        let found = try findings(change, into).filter { !$0.contains("no database knows") }
        #expect(found.count == codes.count, "\(found)")
        for code in codes {
            #expect(found.contains { $0.contains(" \(code) is ") && $0.contains("under continents") }, "\(found)")
        }
    }

    @Test(
        "refuses codes that no database can contain, with a suggestion",
        arguments: [
            ("NO:", "UK:", "write GB (United Kingdom)"), ("NO:", "EL:", "write GR (Greece)"),
            ("NO:", "uk:", "write GB (United Kingdom)"), ("NO:", "EU:", "write it under continents"),
            ("NO:", "AP:", "write AS and OC under continents"), ("NO:", "OC:", "write it under continents"),
            ("NO:", "YU:", "write RS (Serbia) and ME (Montenegro)"), ("NO:", "TP:", "write TL (Timor-Leste)"),
            ("NO:", "SU:", "write RU (Russia)"), ("NO:", "AN:", "BQ, CW and SX"),
            ("NO:", "CS:", "write CZ (Czechia), SK (Slovakia), RS (Serbia) and ME (Montenegro)"),
            ("NO:", "NOR:", "such as NO for Norway"), ("NO:", "Sweden:", "such as SE for Sweden"),
            ("NO:", "Europe:", "write EU under continents"), ("[SE, FI]", "[SE, UK]", "write GB (United Kingdom)"),
            ("[SE, FI]", "[SE, UK-ENG]", "write GB-ENG"), ("[SE, FI]", "[SE, Denmark]", "write DK for Denmark"),
            ("[SE, FI]", "[USA-CA]", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { US/CA:", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { USA-CA:", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { US_CA:", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { UK-ENG:", "write GB-ENG"),
            ("countries: { NO:", "cities: { UK/London:", "write GB/London"),
            ("countries: { NO:", "cities: { USA/Miami:", "did you mean 'US/Miami'?"),
            ("countries: { NO:", "continents: { Europe:", "write EU for Europe"),
            ("countries: { NO:", "continents: { AM:", "write NA for North America and SA for South America"),
            ("countries: { NO:", "continents: { US:", "'US' is a country (United States); write it under countries"),
        ])
    func slips(change: String, into: String, remedy: String) throws {
        let found = try findings(change, into)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(remedy) == true && found.first?.contains("warning") == false, "\(found)")
    }

    @Test(
        "suggests similar names, and no others",
        arguments: [
            ("countries: { NO:", "cities: { NO/oslo:", "did you mean 'Oslo'?"),
            ("countries: { NO:", "cities: { NO/Oslo City:", "did you mean 'Oslo'?"),
            ("countries: { NO:", "cities: { NO/Ösló:", "did you mean 'Oslo'?"),
            ("NO:", "ON:", "did you mean 'NO'?"), ("NO:", "ZZ:", nil), ("NO:", "XX:", nil),
            ("countries: { NO:", "cities: { NO/Timbuktu:", nil),
        ])
    func hints(change: String, into: String, hint: String?) throws {
        let found = try findings(change, into)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains("no database knows") == true, "\(found)")
        #expect(found.first?.firstRange(of: "; ").map { String(found[0][$0.upperBound...]) } == hint, "\(found)")
    }

    @Test(
        "says one thing once",
        arguments: [
            ("oslo: 192.0.2.10", "oslo: www.example.com", "is 'www.example.com', which is not an address"),
            ("ttl: 60", "check: http", "write check: { http: {} }"),
            ("ttl: 60", "check: { htp: {} }", "unknown key 'htp'"),
            ("{ oslo: {}, ashburn: {}, singapore: {} }", "[oslo, ashburn, singapore]", "datacenters must be a mapping"),
            ("datacenters:", "datacentres:", "did you mean 'datacenters'?"),
            ("datacenters: { oslo: {}, ashburn: {}, singapore: {} }\n", "", "there is no section datacenters"),
            ("maps:", "mpas:", "did you mean 'maps'?"), ("services:", "servces:", "did you mean 'services'?"),
            ("services:", "x: 1\nservces:", "did you mean 'services'?"),
            ("    map: m", "    mpa: m", "did you mean 'map'?"),
            ("{ oslo: {},", "{ bergen: {},", "unknown datacenter 'oslo', here and in 3 other places"),
            ("answers: {", "answers: {}\n    x: {", "has no answer in oslo, ashburn and singapore"),
            ("    soa: { primary", "    soa: { primray", "did you mean 'primary'?"),
            ("    records:", "    records: []\n    recrods:", "records of zone geo.example.com must be a mapping"),
            ("    default:", "    <<: { NO: oslo }\n    defalt:", "merge keys (<<) are not supported; repeat the keys"),
            ("databases: [", "databases: [{ pth: x }, ", "did you mean 'path'?"),
            ("oslo: {},", "oslo: { location: here },", "is not a place on the globe"),
        ])
    func cascades(change: String, into: String, complaint: String) throws {
        let found = try findings(change, into)
        let unknownKey = into.contains("x: ") || into.contains("recrods") || into.contains("defalt")
        #expect(found.count == (unknownKey ? 2 : 1), "\(found)")
        #expect(found.contains { $0.contains(complaint) }, "\(found)")
    }

    @Test(
        "warns of settings that do not do what they say",
        arguments: [
            (
                "ttl: 60", "ttl: 1h\n    check: { tcp: 80 }",
                ["12:10: warning: service w has a check and a TTL of 3600 s", "takes up to an hour; write ttl: 60"]
            ),
            (
                "    ttl: 60", "    check: { tcp: 80 }",
                ["12:5: warning: service w has a check and no ttl, and that of zone geo.example.com is 3600 s"]
            ),
            ("ttl: 60", "ttl: 60\n    pick: 1\n    spread: 2", ["13:5: warning: pick of service w has no effect"]),
            (
                "ttl: 60", "ttl: 60\n    quorum: 9\n    check: { tcp: 80 }",
                ["13:13: warning: quorum of service w is 9, but no datacenter has more than 1 address"]
            ),
            ("oslo: {},", "oslo: {}, spare: {},", ["2:26: warning: datacenter spare is not used"]),
            ("{ nordics:", "{ far: [JP], nordics:", ["3:12: warning: region far is not used"]),
            ("maps:", "maps:\n  n: { default: oslo }", ["5:3: warning: map n is not used"]),
            (
                "services:",
                "services:\n  x: { map: m, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, singapore: 192.0.2.3 } }",
                ["10:3: warning: service x is not used"]
            ),
        ])
    func settings(change: String, into: String, parts: [String]) throws {
        let found = try findings(change, into)
        #expect(found.count == 1, "\(found)")
        for part in parts { #expect(found.first?.contains(part) == true, "\(found)") }
    }

    @Test("warns of services that check the same address at different intervals, and says which one applies")
    func paces() throws {
        let text = Self.sound.replacing("ttl: 60", with: "ttl: 60\n    check: { tcp: 80 }")
            .replacing(
                "zones:",
                with:
                    "  x: { map: m, ttl: 60, answers: { oslo: 192.0.2.10, ashburn: 192.0.2.2, singapore: 192.0.2.3 }, check: { tcp: 80, interval: 60 } }\nzones:"
            ).replacing("www: {", with: "x: { service: x }\n      www: {")
        let (status, lines) = try check(text)
        #expect(status == 0 && lines.count == 2, "\(lines)")
        #expect(
            lines[0].hasPrefix("c.yaml:15:98: warning: services w and x both check tcp://192.0.2.10:80"), "\(lines)")
        #expect(lines[0].contains("and w decides"))
    }

    @Test("notes rules without failover if a service is checked")
    func singleDatacenters() throws {
        let text = Self.sound.replacing("NO: [oslo, ashburn]", with: "NO: oslo")
        #expect(try check(text).lines.count == 1)
        let (status, lines) = try check(text.replacing("ttl: 60", with: "ttl: 60\n    check: { tcp: 80 }"))
        #expect(status == 0)
        #expect(
            lines == [
                "c.yaml:5:3: note: map m has rules with a single datacenter, which cannot fail over: oslo for country NO",
                "ok: 1 zone with 3 names, 1 service, 1 map, 3 datacenters, 1 database",
            ])
    }

    @Test(
        "refuses a CNAME at the top of a zone, and warns of one beside other data",
        arguments: [
            ("www: {", "\"@\": {", "\"@\": {", true), ("www: {", "geo.example.com.: {", "geo.example.com.: {", true),
            ("www: {", "www: { TXT: x,", "www: { TXT: x,", false),
        ])
    func alias(change: String, into: String, _: String, isError: Bool) throws {
        let text = Self.sound.replacing("oslo: 192.0.2.10,", with: "oslo: { CNAME: cdn.example.net. },")
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
        let text = Self.sound.replacing(/[ ]{4}soa: .*\n    ns: .*\n/, with: "    file: z.zone\n")
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

    @Test("skips a byte order mark, and names UTF-16")
    func encodings() throws {
        let folder = try Folder()
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let text = Self.sound.replacing("countries:", with: "networks_file: n.nets\n    countries:")
        try folder.write(mark + Array(text.utf8), to: "c.yaml")
        try folder.write(mark + Array("10.0.0.0/8 oslo\n".utf8), to: "n.nets")
        let sound = try Program.geopipe.run(["check", "c.yaml"], in: folder)
        #expect(sound.status == 0, "\(String(decoding: sound.output, as: UTF8.self))")
        try folder.write(mark + Array("zones: ]".utf8), to: "c.yaml")
        let broken = try Program.geopipe.run(["check", "c.yaml"], in: folder)
        #expect(String(decoding: broken.output, as: UTF8.self).hasPrefix("c.yaml:1:8: not YAML"))
        let wide: [[UInt8]] = [
            [0xff, 0xfe] + text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
            [0xfe, 0xff] + text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] },
            text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
        ]
        for bytes in wide {
            try folder.write(bytes, to: "c.yaml")
            let ending = try Program.geopipe.run(["check", "c.yaml"], in: folder)
            #expect(ending.status == 1)
            #expect(
                String(decoding: ending.output, as: UTF8.self)
                    == "c.yaml: the file is in UTF-16; save it in UTF-8\n1 error\n")
        }
    }

    @Test(
        "has a remedy for invalid YAML, and for URLs and hints that pdns would fill in",
        arguments: [
            ("  m:\n", "\tm:\n", "a tab in the indentation; indent with spaces"),
            ("www: {", "*.img: {", "put a string that begins with * in quotation marks"),
            ("www: {", "c: { CNAME: \"http://example.net/x\" }\n      www: {", "write the name alone, 'example.net.'"),
            (
                "www: {", "h: { HTTPS: \"1 . alpn=h2 ipv4hint=auto\" }\n      www: {",
                "without a client, so that the hint would be for another place; write the addresses, or leave the parameter out"
            ),
            ("oslo: 192.0.2.10", "oslo: \"https://192.0.2.10/\"", "write the address or the name alone"),
        ])
    func waysOut(change: String, into: String, remedy: String) throws {
        let found = try findings(change, into)
        #expect(found.count == 1 && found[0].contains(remedy), "\(found)")
    }

    @Test("prints the first hundred diagnostics of a file, and the number of the others")
    func limit() throws {
        let nets = (0..<300_000).map { "10.\($0 >> 16 & 255).\($0 >> 8 & 255).\($0 & 255)/32 olso\n" }.joined()
        let text = Self.sound.replacing("countries:", with: "networks_file: n.nets\n    countries:")
        let (status, lines) = try check(text, files: ["n.nets": Array(nets.utf8.prefix(200_000))])
        let count = nets.utf8.prefix(200_000).count { $0 == 0x0a } + 1
        #expect(status == 1 && lines.count == 102, "\(lines.count)")
        #expect(lines[100].contains(/^n.nets: \.\.\. and [0-9,]+ more errors$/), "\(lines[100])")
        #expect(lines[101] == "\(count) errors")
    }

    @Test("prints the same as a coprocess, which logs the first hundred of a file once")
    func coprocess() throws {
        let folder = try Folder()
        let zone =
            "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
            + (0..<3000).map { "h\($0) MX 1 m\($0)\n" }.joined()
        try folder.write(zone.utf8, to: "z.zone")
        try folder.write("state_directory: none\nzones: { example.org: { file: z.zone } }".utf8, to: "c.yaml")
        let coprocess = try Program.geopipe.run(["--config", "c.yaml"], input: Array("HELO\t1\n".utf8), in: folder)
        let lines = coprocess.error.split(separator: "\n")
        #expect(lines.count == 101 && lines.last == "z.zone: warning: ... and 2,900 more warnings", "\(lines)")
    }

    @Test("prints only JSON with --json")
    func json() throws {
        struct Report: Decodable {
            struct Diagnostic: Decodable {
                var file: String
                var line: Int?
                var column: Int?
                var severity: String
                var message: String
                var hint: String?
            }
            var errors: Int
            var warnings: Int
            var diagnostics: [Diagnostic]
        }
        func report(_ text: String) throws -> (status: Int32, report: Report) {
            let folder = try Folder()
            try folder.write(text.utf8, to: "c.yaml")
            let ending = try Program.geopipe.run(["check", "c.yaml", "--json"], in: folder)
            #expect(ending.error == "")
            return (ending.status, try JSONDecoder().decode(Report.self, from: Data(ending.output)))
        }
        let good = try report(Self.sound)
        #expect(good.status == 0 && good.report.errors == 0 && good.report.diagnostics.isEmpty)
        let bad = try report(
            Self.sound.replacing("NO: [oslo", with: "NO: [olso").replacing("ttl: 60", with: "when_all_down: nothing"))
        #expect(bad.status == 1 && bad.report.errors == 1 && bad.report.warnings == 1)
        let first = try #require(bad.report.diagnostics.first)
        #expect(first.file == "c.yaml" && first.line == 6 && first.column == 23 && first.severity == "error")
        #expect(first.message == "unknown datacenter 'olso'" && first.hint == "did you mean 'oslo'?")
        #expect(bad.report.diagnostics.last?.severity == "warning")
        let missing = try report("")
        #expect(missing.report.diagnostics.first?.line == nil)
    }
}

// MARK: - On a terminal

extension CheckTests {
    /// Returns the output on a terminal of 60 columns.
    private func shown(_ text: String, environment: [String] = []) throws -> String {
        let folder = try Folder()
        try folder.write(text.utf8, to: "c.yaml")
        let command =
            "stty cols 60; exec env \(environment.joined(separator: " ")) '\(Program.geopipe.path)' check c.yaml"
        let ending = try Program("script").run(["-qec", command, "/dev/null"], in: folder)
        #expect(ending.status == 1)
        return String(decoding: ending.output, as: UTF8.self).replacing("\r\n", with: "\n")
    }

    @Test(
        "shows the line with a caret below the position",
        arguments: [
            ("zones: { a: b }", "     1 | zones: { a: b }", 12),
            ("zones: { \"\u{65e5}\u{672c}\": b }", "     1 | zones: { \"\u{65e5}\u{672c}\": b }", 9),
            ("zones:\n  {\ta: b }", "     2 |   {     a: b }", 11),
            ("zones: { \"a\u{301}\u{1b}b\": b }", "not YAML", nil),
            (
                "zones: { \"a.\": { records: { a: { TXT: \(String(repeating: "x", count: 90)) } }, soa: b } }",
                "     1 | \u{2026}xxxx", nil
            ),
        ])
    func caret(text: String, line: String, column: Int?) throws {
        let output = try shown(text, environment: ["NO_COLOR=1"])
        #expect(!output.contains("\u{1b}"), "\(output)")
        let lines = output.split(separator: "\n").map(String.init)
        guard let column else {
            #expect(lines.contains { $0.contains(line) }, "\(output)")
            #expect(lines.filter { $0.contains(" | ") }.allSatisfy { $0.count <= 60 }, "\(output)")
            return
        }
        let index = try #require(lines.firstIndex(of: line), "\(output)")
        #expect(lines[index + 1] == "       | " + String(repeating: " ", count: column) + "^", "\(output)")
        #expect(lines.last?.contains(/^[0-9]+ errors?$/) == true)
    }

    @Test("is coloured on a terminal, unless NO_COLOR is set, and never in a pipe")
    func colour() throws {
        let text = "zones: { a: b }"
        #expect(try shown(text, environment: ["-u", "NO_COLOR", "TERM=xterm"]).contains("\u{1b}[1;31merror:"))
        #expect(try !shown(text, environment: ["NO_COLOR=1"]).contains("\u{1b}"))
        #expect(try !check(text).lines.contains { $0.contains("\u{1b}") || $0.contains(" | ") })
    }
}
