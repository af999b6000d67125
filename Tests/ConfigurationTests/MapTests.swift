import Foundation
import Routing
import Testing
import Zones

@testable import Configuration

extension ConfigurationTests {
    @Test("have destinations of every form, nested to any depth")
    func destinations() throws {
        func destination(_ text: String) throws -> Destination {
            let located = "oslo: { location: [59.91, 10.75] }, ashburn: { location: [39.04, -77.49] }, bergen: {}"
            let text = sound.replacing("oslo: {}, ashburn: {}", with: located)
                .replacing("{ random: [oslo, ashburn] }", with: text)
                .replacing("ashburn: { CNAME: www.example.net. }", with: "ashburn: 192.0.2.2\n      bergen: 192.0.2.3")
            return try load(text).maps[0].rules.defaultDestination
        }
        #expect(try destination("bergen") == .tier([Share(2)]))
        #expect(try destination("none") == Destination.none)
        #expect(try destination("nearest") == .nearest([0, 1], limit: 2))
        #expect(try destination("{ nearest: [oslo, ashburn], limit: 1 }") == .nearest([0, 1], limit: 1))
        #expect(try destination("{ nearest: [ashburn, oslo] }") == .nearest([1, 0], limit: 2))
        #expect(try destination("[oslo, bergen]") == .list([.tier([Share(0)]), .tier([Share(2)])]))
        #expect(
            try destination("[{ oslo: 3, ashburn: 1 }, bergen]")
                == .list([.tier([Share(0, weight: 3), Share(1)]), .tier([Share(2)])]))
        #expect(
            try destination("[{ nearest: [oslo, ashburn], limit: 1 }, { random: [bergen, oslo] }]")
                == .list([.nearest([0, 1], limit: 1), .tier([Share(2), Share(0)])]))

        let list = Destination.list([.tier([Share(0)]), .tier([Share(2)])])
        #expect(try destination("{ list: [oslo, bergen], then: spread }") == .spread(list, group: nil))
        #expect(try destination("{ list: [oslo, bergen] }") == list)
        #expect(
            try destination("{ list: [oslo, bergen], then: { spread: [ashburn, bergen] } }")
                == .spread(list, group: [1, 2]))
        #expect(try destination("{ list: bergen, then: { spread: all } }") == .spread(.tier([Share(2)]), group: nil))
        #expect(
            try destination("{ nearest: all, then: spread }") == .spread(.nearest([0, 1], limit: 2), group: nil))
        #expect(
            try destination("{ nearest: [ashburn, oslo], limit: 1, then: spread }")
                == .spread(.nearest([1, 0], limit: 1), group: nil))
        #expect(
            try destination("{ random: [oslo, bergen], then: spread }")
                == .spread(.tier([Share(0), Share(2)]), group: nil))
        #expect(
            try destination("{ list: [{ oslo: 3, ashburn: 1 }, bergen], then: spread }")
                == .spread(.list([.tier([Share(0, weight: 3), Share(1)]), .tier([Share(2)])]), group: nil))
    }

    @Test(
        "with an invalid then are refused, with the position and a remedy",
        arguments: [
            (
                "{ list: [oslo], then: sprad }",
                "7:36: then of the default of map world is 'sprad'; write then: spread, or leave out then"
            ),
            (
                "{ list: [oslo], then: ashburn }",
                "7:36: then of the default of map world is 'ashburn'; write then: { spread: [ashburn] }, or put ashburn at the end of the list without then"
            ),
            (
                "{ list: [oslo], then: [ashburn] }",
                "7:36: then of the default of map world is a list; write then: { spread: [ashburn] }"
            ),
            (
                "{ list: [oslo], then: { spread: [] } }",
                "7:46: the default of map world spreads over an empty list; name datacenters, or write then: spread"
            ),
            ("{ list: [oslo], then: { spread: [olso] } }", "7:47: unknown datacenter 'olso'; did you mean 'oslo'?"),
            (
                "{ list: [oslo], then: { spraed: all } }",
                "7:38: unknown key 'spraed' in then of the default of map world; did you mean 'spread'?"
            ),
            (
                "{ oslo: 3, ashburn: 1, then: spread }",
                "7:37: then of the default of map world has no list next to it; write { list: [{ oslo: 3, ashburn: 1 }], then: spread }"
            ),
            (
                "{ then: spread }",
                "7:16: then of the default of map world has no list next to it; write { list: [oslo, ashburn], then: spread }"
            ),
            (
                "[oslo, { list: [ashburn], then: spread }]",
                "7:40: then is inside the list of the default of map world; write it next to the list: { list: [...], then: spread }"
            ),
            (
                "{ list: none, then: spread }",
                "7:22: none is in the list of the default of map world; write it alone, or leave it out"
            ),
            (
                "{ list: [oslo], limit: 1, then: spread }",
                "7:30: unknown key 'limit' in the default of map world; known here: list, then"
            ),
        ])
    func wrongSpread(destination: String, diagnostic: String) throws {
        let text = sound.replacing("{ random: [oslo, ashburn] }", with: destination)
        let error = try #require(throws: ConfigurationError.self) { try load(text) }
        #expect(error.diagnostics.map { "\($0.position!.line):\($0.position!.column): \($0.message)" } == [diagnostic])
    }

    @Test("that spread over all datacenters need answers only where rules name one, and capacities in all or none")
    func spreadReach() throws {
        let text = sound.replacing("{ random: [oslo, ashburn] }", with: "{ list: oslo, then: spread }")
        #expect(
            try load(text).advice.map(\.message).allSatisfy { !$0.contains("not used") && !$0.contains("capacity") })
        #expect(try load(text.replacing("      ashburn: { CNAME: www.example.net. }\n", with: "")).services.count == 1)
        let mixed = text.replacing("oslo: {}", with: "oslo: { capacity: 100 }")
        #expect(
            try load(mixed).advice.map(\.message).contains(
                "datacenter ashburn has no capacity, but others do: it counts as 1 when clients are spread; write the capacity of each"
            ))
        #expect(try load(mixed).datacenters.map(\.capacity) == [100, nil])
        let group = sound.replacing("{ random: [oslo, ashburn] }", with: "{ list: oslo, then: { spread: [ashburn] } }")
        #expect(throws: ConfigurationError.self) {
            try load(group.replacing("      ashburn: { CNAME: www.example.net. }\n", with: ""))
        }
    }

    @Test("have rules for networks, in a file of their own too")
    func networks() throws {
        let nets = temporaryFile()
        defer { try? FileManager.default.removeItem(atPath: nets) }
        let rules = "networks: { 10.0.0.0/8: ashburn, \"2001:db8::/32\": [oslo, ashburn] }\n    networks_file: \(nets)"
        let text = sound.replacing("countries: { NO: oslo }", with: rules)
        try "# ours\n192.0.2.0/24 oslo  # with a comment\n\n198.51.100.7\t[ashburn, oslo]\r\n".write(
            toFile: nets, atomically: false, encoding: .utf8)
        let networks = try load(text).maps[0].rules.networks
        #expect(
            networks.map(\.prefix.description) == ["10.0.0.0/8", "2001:db8::/32", "192.0.2.0/24", "198.51.100.7/32"])
        #expect(networks[2].destination == .tier([Share(0)]))
        #expect(networks[3].destination == .list([.tier([Share(1)]), .tier([Share(0)])]))

        // As other systems and people write it.
        try "# ours\r\n192.0.2.0/24 oslo  \t\r\n198.51.100.0/24\tashburn # behind\r\n".write(
            toFile: nets, atomically: false, encoding: .utf8)
        #expect(
            try load(text).maps[0].rules.networks.dropFirst(2).map(\.destination) == [
                .tier([Share(0)]), .tier([Share(1)]),
            ])

        try "192.0.2.0/24\n192.0.2.1/24 oslo\nx oslo\n192.0.2.0/25 olso\n10.0.0.0/8 oslo\n::ffff:10.0.0.0/104 oslo\n"
            .write(
                toFile: nets, atomically: false, encoding: .utf8)
        let error = try #require(throws: ConfigurationError.self) { try load(text) }
        #expect(
            error.diagnostics.map(\.description) == [
                "\(nets):1:1: no destination after 192.0.2.0/24; write one, such as 192.0.2.0/24 oslo",
                "\(nets):2:1: '192.0.2.1/24' has host bits set; write 192.0.2.0/24",
                "\(nets):3:1: 'x' is not a network; write one such as 192.0.2.0/24 or 2001:db8::/32",
                "\(nets):4:14: unknown datacenter 'olso'; did you mean 'oslo'?",
                "\(nets):5:1: the network 10.0.0.0/8 is given twice; keep one",
                "\(nets):6:1: '::ffff:10.0.0.0/104' contains IPv4 addresses, which are looked up as IPv4; write 10.0.0.0/8",
            ])

        try FileManager.default.removeItem(atPath: nets)
        #expect(
            try load(text).warnings.map(\.message) == [
                "no networks from \(nets): cannot read it: No such file or directory"
            ])
        // An existing file is intended: without it, clients would move.
        func refusals() throws -> [String] {
            try #require(throws: ConfigurationError.self) { try load(text) }.diagnostics.map(\.description)
        }
        try Data([0x0a, 0xff]).write(to: URL(filePath: nets))
        #expect(try refusals() == ["\(nets):2:1: a byte that is not UTF-8; save the file in UTF-8"])
        try FileManager.default.removeItem(atPath: nets)
        try FileManager.default.createDirectory(atPath: nets, withIntermediateDirectories: false)
        #expect(try refusals() == ["\(nets): cannot read it: it is not a regular file"])
        // A sparse file takes no room on the disk, but would take memory.
        try FileManager.default.removeItem(atPath: nets)
        try Data().write(to: URL(filePath: nets))
        try Data("10.0.0.0/8 oslo\n".utf8).write(to: URL(filePath: nets))
        try #require(truncate(nets, 1 << 20) == 0)
        #expect(try refusals() == ["\(nets):2:1: a NUL character; remove it"])
        try #require(truncate(nets, 10 << 30) == 0)
        #expect(try refusals() == ["\(nets): cannot read it: it has more than 256 MiB"])
    }

    @Test(
        "with invalid maps and services are refused",
        arguments: [
            (
                "countries:", "asns: { AS2119: oslo, ASX: oslo }\n    countries:",
                "5:27: 'ASX' is not an AS number; write one such as 2119 or AS2119"
            ),
            (
                "countries:", "asns: { AS2119: oslo, 2119: oslo }\n    countries:",
                "5:27: '2119' is given twice in asns of map world; keep one"
            ),
            (
                "countries:", "asns: { 0: oslo }\n    countries:",
                "5:13: '0' is not an AS number; write one such as 2119 or AS2119"
            ),
            (
                "countries:", "networks: { \"2001:0:1::/48\": oslo }\n    countries:",
                "5:17: '2001:0:1::/48' contains IPv4 addresses, which are looked up as IPv4; write the IPv4 networks instead"
            ),
            (
                "countries:", "networks: { \"2002:a00::/24\": oslo }\n    countries:",
                "5:17: '2002:a00::/24' contains IPv4 addresses, which are looked up as IPv4; write 10.0.0.0/8"
            ),
            ("NO: oslo", "NO: {}", "5:22: 'NO' in countries of map world is empty; name a datacenter, or write none"),
            (
                "NO: oslo", "NO: { nearest: [] }",
                "5:33: 'NO' in countries of map world uses nearest of an empty list; name at least one datacenter"
            ),
            ("    ttl: 60", "    pick: 65", "11:11: pick of service web is 65; write at most 64"),
            (
                "192.0.2.1,", "192.0.2.1, 192.0.2.1,",
                "13:13: A 192.0.2.1 is given twice in the answer of service web in oslo; keep one"
            ),
            (
                "service: web", "TYPE1: 192.0.2.4, A: 192.0.2.5",
                "22:32: A of www.geo.example.com is given twice; keep one"
            ),
            (
                "service: web", #"A: "192.0.2.1\0END""#,
                "22:17: A '192.0.2.1\0END' of www.geo.example.com: expected an IPv4 address, such as 192.0.2.1"
            ),
            (
                "countries:", "cities: { Miami: oslo }\n    countries:",
                "5:15: 'Miami' is not a city; write US/Miami, GB-ENG/London, or its number at geonames.org"
            ),
            (
                "countries:", "subdivisions: { TX: oslo }\n    countries:",
                "5:21: 'TX' is not a subdivision; write a code of ISO 3166-2, such as US-TX, or a name, such as NO/Viken"
            ),
            (
                "countries:", "regions: { west: oslo }\n    countries:",
                "5:16: unknown region 'west', as there is no section regions; add regions: { west: [NO, SE] }"
            ),
            (
                "datacenters:", "regions: { west: [Texas] }\ndatacenters:",
                "2:19: 'Texas' is not a place; write a country, such as NO, or a subdivision, such as US-CA"
            ),
            (
                "NO: oslo", "NO: nearest",
                "5:22: 'NO' in countries of map world uses nearest, but no datacenter has a location; add location: [LATITUDE, LONGITUDE]"
            ),
            (
                "NO: oslo", "NO: { nearest: [oslo] }",
                "5:33: 'NO' in countries of map world uses nearest, but oslo has no location; add oslo: { location: [LATITUDE, LONGITUDE] }"
            ),
            (
                "NO: oslo", "NO: [oslo, none]",
                "5:29: none is in the list of 'NO' in countries of map world; write it alone, or leave it out"
            ),
            (
                "NO: oslo", "NO: { oslo: 0 }",
                "5:30: the weight of oslo in 'NO' in countries of map world is '0'; write a whole number from 1 to 1000000"
            ),
            (
                "oslo: {}", "oslo: { location: [99, 1] }",
                "2:34: the location of datacenter oslo is not a place on the globe; write [LATITUDE, LONGITUDE] in degrees, such as [59.91, 10.75]"
            ),
            (
                "oslo: {}", "oslo: { capacity: none }",
                "2:34: the capacity 'none' of datacenter oslo is not a positive number; write one, such as 100"
            ),
            (
                "oslo: {}", "oslo: { capacity: 1e-300 }",
                "2:34: the capacity '1e-300' of datacenter oslo is not from 0.000001 to 1000000000000; write all capacities in another unit"
            ),
            ("    ttl: 60", "    pick: 0", "11:11: pick of service web is '0'; write a whole number from 1 to 1000000"),
            ("    ttl: 60", "    sticky: yes", "11:13: sticky of service web is 'yes'; write true or false"),
            ("    ttl: 60", "    spread: 17", "11:13: spread of service web is 17; write at most 16"),
            (
                "    ttl: 60", "    spread: 2",
                "11:13: service web spreads over several datacenters, and one of them has a CNAME, which must be alone; remove one of them"
            ),
            (
                "    ttl: 60", "    when_all_down: panic",
                "11:20: when_all_down of service web is 'panic'; write answer or nothing"
            ),
            (
                "    ttl: 60", "    quorum: 0%",
                "11:13: quorum of service web is '0%'; write a number of addresses, or a percentage such as 50%"
            ),
            (
                "    ttl: 60", "    check: { interval: 10s }",
                "11:12: check of service web needs one of http, https, tcp, command, file"
            ),
            (
                "oslo: [192.0.2.1, \"2001:db8::1\"]", "oslo: { A: { 192.0.2.1: 3, x: 1 } }",
                "13:34: A 'x' of the answer of service web in oslo: expected an IPv4 address, such as 192.0.2.1"
            ),
        ])
    func mapComplaints(change: String, into: String, diagnostic: String) throws {
        try diagnostics(change: change, into: into, diagnostic: diagnostic)
    }

}
