import Foundation
import Routing
import Testing
import Zones

@testable import Configuration

@Suite("Configurations")
struct ConfigurationTests {
    /// A valid configuration, in which each test changes one thing.
    let sound = """
        databases: [some.mmdb]
        datacenters: { oslo: {}, ashburn: {} }
        maps:
          world:
            countries: { NO: oslo }
            continents: { EU: oslo }
            default: { random: [oslo, ashburn] }
        services:
          web:
            map: world
            ttl: 60
            answers:
              oslo: [192.0.2.1, "2001:db8::1"]
              ashburn: { CNAME: www.example.net. }
        zones:
          geo.example.com:
            soa: { primary: ns1.example.net., contact: hostmaster.example.net., serial: 7 }
            ns: [ns1.example.net.]
            ttl: 1h30m
            records:
              "@": { MX: [10 mail.example.net.], ttl: 2d }
              www: { service: web }
        """

    @Test("warn of tags, and take the values as they are written")
    func tags() throws {
        let configuration = try load(sound.replacing("ttl: 1h30m", with: "ttl: !!python/object 1h30m"))
        #expect(configuration.zones[0].defaultTTL == 5400)
        #expect(configuration.warnings.contains { $0.message.hasPrefix("the tag '!!python/object' is ignored; ") })
    }

    @Test("may have reverse zones of small networks, whose names have a slash")
    func reverseZone() throws {
        let zone = "0/25.2.0.192.in-addr.arpa"
        #expect(try load(sound.replacing("geo.example.com:", with: "\(zone):")).zones[0].apex.description == zone)
    }

    @Test("shorten long quotations")
    func longWord() {
        let word = String(repeating: "x", count: 1 << 20)
        let diagnostic = Diagnostic(file: "a.yaml", position: nil, message: "'\(word)' is not a name; write another")
        #expect(diagnostic.message.count < 1_000, "\(diagnostic.message.count)")
        #expect(
            diagnostic.message.hasPrefix("'xxx") && diagnostic.message.hasSuffix("xxx' is not a name; write another"))
    }

    @Test("mean what they say")
    func meaning() throws {
        let configuration = try load(sound)
        #expect(configuration.datacenters.map(\.name) == ["oslo", "ashburn"])
        #expect(configuration.services[0].answers[0].map(\.type) == [.a, .aaaa])
        #expect(configuration.services[0].answers[1].map(\.content.text) == ["www.example.net"])
        #expect(configuration.zones[0].defaultTTL == 5400)
        #expect(configuration.zones[0].negativeTTL == 60)
        let zone = configuration.zoneSources[0]
        #expect(zone.records.map(\.ttl) == [nil, nil, 172_800])
        #expect(
            zone.records.map(\.content.text) == [
                "ns1.example.net hostmaster.example.net 7 10800 3600 604800 60", "ns1.example.net",
                "10\tmail.example.net",
            ])
        #expect(zone.services.map(\.owner.description) == ["www.geo.example.com"])
    }

    @Test("are relative to their own folder")
    func folder() throws {
        let configuration = try load(sound)
        #expect(
            URL(fileURLWithPath: configuration.databases[0].path).deletingLastPathComponent().standardizedFileURL.path
                == URL(fileURLWithPath: configuration.file).deletingLastPathComponent().standardizedFileURL.path)
        #expect(try load(sound.replacing("some.mmdb", with: "/a/b.mmdb")).databases[0].path == "/a/b.mmdb")
        #expect(try load(sound, databases: ["x", "y"]).databases.map(\.path) == ["x", "y"])
    }

    @Test("take their serial from the time of their last change")
    func serial() throws {
        #expect(try load(sound).zoneSources[0].configurationFile == nil)
        let file = try load(sound.replacing(", serial: 7", with: "")).zoneSources[0].configurationFile
        #expect(abs(Date().timeIntervalSince1970 - Double(file?.newestChange.time ?? 0)) < 60)
    }

    @Test(
        "with errors are refused, with the position and a remedy",
        arguments: [
            ("NO: oslo", "NO: olso", "5:22: unknown datacenter 'olso'; did you mean 'oslo'?"),
            (
                "NO: oslo", "NOR: oslo",
                "5:18: 'NOR' is not a country code; write two letters (ISO 3166-1), such as NO for Norway"
            ),
            (
                "geo.example.com:", #""http://example.org":"#,
                "16:3: 'http://example.org' is not the name of a zone; write the name without scheme, port and path, such as geo.example.com"
            ),
            ("NO: oslo", "NO: oslo, no: ashburn", "5:28: 'no' is given twice in countries of map world; keep one"),
            (
                "NO: oslo", #"NO: oslo, "NO": ashburn"#,
                "5:18: the key 'NO' is given twice; keep one"
            ),
            ("EU: oslo", "XX: oslo", "6:19: 'XX' is not a continent; write one of AF, AN, AS, EU, NA, OC, SA"),
            ("countries:", "contries:", "5:5: unknown key 'contries' in map world; did you mean 'countries'?"),
            ("random:", "ramdom:", "7:16: unknown key 'ramdom' in the default of map world; did you mean 'random'?"),
            (
                "random: [oslo, ashburn]", "random: []",
                "7:24: the default of map world has an empty list; name at least one datacenter"
            ),
            ("random: [oslo, ashburn]", "random: [oslo, oslo]", "7:31: oslo is listed twice; keep one"),
            ("map: world", "map: word", "10:10: unknown map 'word'; did you mean 'world'?"),
            ("map: world", "", "11:5: service web has no 'map'; add map: …"),
            (
                "    ttl: 60", "    ttl: 1x",
                "11:10: the ttl of service web is '1x'; write seconds, or a time such as 90s, 15m, 1h30m, 2d, 2w"
            ),
            (
                "    ttl: 60", "    ttl: 2147483648",
                "11:10: the ttl of service web is '2147483648'; write seconds, or a time such as 90s, 15m, 1h30m, 2d, 2w"
            ),
            (
                "192.0.2.1,", "192.0.2.300,",
                "13:14: the answer of service web in oslo is '192.0.2.300', which is not an address; write one, or a type: { CNAME: www.example.net. }"
            ),
            (
                "ashburn: { CNAME: www.example.net. }", "",
                "13:7: service web has no answer in ashburn, where map world sends clients; add ashburn: …"
            ),
            (
                "CNAME: www.example.net. }", "CNAME: www.example.net }",
                "14:25: CNAME 'www.example.net' of the answer of service web in ashburn: 'www.example.net' has no final dot; write 'www.example.net.'"
            ),
            (
                "CNAME: www.example.net.", "CNAME: www.example.net., A: 192.0.2.1",
                "14:16: the answer of service web in ashburn has a CNAME beside other data; a CNAME must be alone"
            ),
            ("service: web", "service: wbe", "22:23: unknown service 'wbe'; did you mean 'web'?"),
            ("service: web", "AAAAA: 1", "22:14: unknown record type 'AAAAA'; did you mean 'AAAA'?"),
            (
                "service: web", "A: 2001:db8::1",
                "22:17: A '2001:db8::1' of www.geo.example.com: expected an IPv4 address, such as 192.0.2.1"
            ),
            (
                "service: web", "CNAME: a, TXT: b",
                "22:7: www.geo.example.com has a CNAME beside other data; a CNAME must be alone"
            ),
            (
                "www: {", "www.example.org.: {",
                "22:7: www.example.org is not in zone geo.example.com; write a name without a final dot, or one below geo.example.com."
            ),
            (
                "www: {", "WWW: { A: 192.0.2.1 }\n      www: {",
                "23:7: the name www.geo.example.com is given twice; keep one"
            ),
            (
                "www: {", "a..b: {",
                "22:7: 'a..b' is not a valid domain name: a label is empty; labels are separated by one dot"
            ),
            (
                "www: {", "bücher: {",
                "22:7: 'bücher' has non-ASCII letters; write the name in its xn-- form (RFC 5890)"
            ),
            ("serial: 7", "serial: -7", "17:81: the serial '-7' is not a number; write one from 0 to 4294967295"),
            (
                "ns: [ns1.example.net.]", "ns: []",
                "18:9: zone geo.example.com has no name server; add one, such as ns1.example.com."
            ),
            (
                "[10 mail.example.net.]", "[10 mail.example.net]",
                "21:19: MX '10 mail.example.net' of geo.example.com: 'mail.example.net' has no final dot; write 'mail.example.net.', or 'mail.example.net.geo.example.com.' for a name in the zone"
            ),
            ("MX:", "NS:", "21:14: NS of the apex belongs in ns: of the zone; move it there"),
            ("oslo: {}", "random: {}", "2:16: 'random' cannot name a datacenter, as it has a meaning in maps"),
            (
                "oslo: {}", "os/lo: {}",
                "2:16: the datacenter name 'os/lo' may have only letters, digits, - _ ."
            ),
            (
                "databases: [some.mmdb]", "",
                "4:3: map world has rules for places but there is no database; add databases:"
            ),
            ("zones:", "zone:", "15:1: unknown key 'zone' in the configuration; did you mean 'zones'?"),
        ])
    func diagnostics(change: String, into: String, diagnostic: String) throws {
        let text = sound.replacing(change, with: into, maxReplacements: 1)
        try #require(text != sound)
        let error = #expect(throws: ConfigurationError.self) { try load(text) }
        let diagnostics = error?.diagnostics.map { "\($0.position!.line):\($0.position!.column): \($0.message)" } ?? []
        #expect(diagnostics.contains(diagnostic), "\(diagnostics)")
    }

    @Test("with several errors are refused with all of them, in order")
    func severalComplaints() throws {
        let text = sound.replacing("NO: oslo", with: "NO: olso").replacing("service: web", with: "service: wbe")
            .replacing("    ttl: 60", with: "    tll: 60")
        let error = try #require(throws: ConfigurationError.self) { try load(text) }
        #expect(error.diagnostics.map(\.position?.line) == [5, 11, 22])
    }

    @Test(
        "that are not YAML are refused with the position",
        arguments: [
            ("zones: [", "2:1:"), ("a: b\n\tc: d", "2:1:"),
            ("zones: {}\nzones: {}", "the key 'zones' is given twice; keep one"),
            ("", "the file is empty"), ("just text", "1:1: the configuration must be a mapping"), ("- a\n- b", "1:1:"),
            ("zones: *nowhere", "1:8:"), (String(repeating: "[", count: 100_000), "not YAML"), ("a: \u{1}", "not YAML"),
        ])
    func noYAML(text: String, diagnostic: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try load(text) }
        #expect(error.description.contains(diagnostic))
    }

    @Test("whose aliases expand to too many values are refused")
    func aliases() throws {
        let lines = (1..<12).map {
            "x\($0): &x\($0) [\(Array(repeating: "*x\($0 - 1)", count: 10).joined(separator: ", "))]"
        }
        let error = try #require(throws: ConfigurationError.self) {
            try load("x0: &x0 [a]\n" + lines.joined(separator: "\n"))
        }
        #expect(error.description.contains("aliases"))
    }

    @Test("that are not UTF-8, not regular files, or missing are refused")
    func noText() throws {
        let file = temporaryFile()
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data([0x61, 0x3a, 0x20, 0x62, 0x0a, 0x63, 0xff, 0x0a]).write(to: URL(fileURLWithPath: file))
        #expect(
            throws: ConfigurationError([
                Diagnostic(
                    file: file, position: .init(line: 2, column: 2),
                    message: "a byte that is not UTF-8; save the file in UTF-8")
            ])
        ) { try Configuration.load(file) }
        let missing = try #require(throws: ConfigurationError.self) { try Configuration.load("/nowhere/at-all.yaml") }
        #expect(missing.description == "/nowhere/at-all.yaml: cannot read it: No such file or directory")
        let folder = try #require(throws: ConfigurationError.self) { try Configuration.load("/tmp") }
        #expect(folder.description == "/tmp: cannot read it: it is not a regular file")
    }

    func load(_ text: String, databases: [String] = []) throws -> Configuration {
        let file = temporaryFile()
        defer { try? FileManager.default.removeItem(atPath: file) }
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        return try Configuration.load(file, databases: databases)
    }

    func temporaryFile() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("geopipe-\(UUID().uuidString).yaml").path
    }
}

extension ConfigurationError: Equatable {
    public static func == (a: Self, b: Self) -> Bool { a.diagnostics == b.diagnostics }
}
