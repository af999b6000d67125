import Testing

@Suite("geopipe check of services and their maps")
struct CheckServiceTests: RunsCheck {
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
        let text = Self.valid.replacing("ttl: 60", with: "ttl: 60\n    check: { tcp: 80 }")
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
        let text = Self.valid.replacing("NO: [oslo, ashburn]", with: "NO: oslo")
        #expect(try check(text).lines.count == 1)
        let (status, lines) = try check(text.replacing("ttl: 60", with: "ttl: 60\n    check: { tcp: 80 }"))
        #expect(status == 0)
        #expect(
            lines == [
                "c.yaml:5:3: note: map m has rules with a single datacenter, which cannot fail over: oslo for country NO",
                "ok: 1 zone with 3 names, 1 service, 1 map, 3 datacenters, 1 database",
            ])
    }
}
