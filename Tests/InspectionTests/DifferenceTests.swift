import Configuration
import Geography
import Support
import Testing

@testable import Answering
@testable import Compiler
@testable import Inspection

@Suite("The difference of two images")
struct DifferenceTests {
    private static let rules = """
        state_directory: none
        datacenters: { oslo: {}, ashburn: {}, sydney: {} }
        maps:
          main:
            networks: { %NETWORKS% }
            default: %DEFAULT%
        services:
          web: { map: main, ttl: 60, answers: { oslo: [192.0.2.1, "2001:db8::1"], ashburn: %ASHBURN%, sydney: [192.0.2.3, "2001:db8::3"] } }
        zones:
          example.com:
            soa: { primary: ns., contact: h. }
            ns: [%NS%]
            records: { www: { service: web }, %RECORDS% }
        """

    private func snapshot(
        networks: String = "10.0.0.0/8: oslo", default destination: String = "ashburn",
        ashburn: String = "[192.0.2.2, \"2001:db8::2\"]", ns: String = "ns.example.net.",
        records: String = "mail: { A: 192.0.2.9 }"
    ) throws -> Snapshot {
        let folder = try Folder()
        let text = Self.rules.replacing("%NETWORKS%", with: networks).replacing("%DEFAULT%", with: destination)
            .replacing("%ASHBURN%", with: ashburn).replacing("%NS%", with: ns).replacing("%RECORDS%", with: records)
        return try Snapshot(Configuration.load(try folder.write(text.utf8, to: "geopipe.yaml")))
    }

    private func first(_ snapshot: Snapshot, _ client: IPAddress) -> String {
        let choice = snapshot.choose(
            service: 0, for: client, length: .max, resolver: client, state: .all, placeScope: 1, random: 1
        ) { _, _ in }
        return choice.count == 0 ? "none" : snapshot.datacenterNames[Int(choice.datacenters[0])]
    }

    /// Moves by name, with the addresses of each.
    private func moves(
        _ service: ImageDifference.Service, _ amount: KeyPath<ImageDifference.Amount, Double>
    ) -> [String: Int] {
        let moves = service.moves.map { ("\($0.from ?? "none") \($0.to ?? "none")", Int($0.amount[keyPath: amount])) }
        return Dictionary(uniqueKeysWithValues: moves).filter { $0.value > 0 }
    }

    @Test("counts moving IPv4 addresses like a check of every address")
    func everyIPv4Address() throws {
        let old = try snapshot(
            networks: "10.0.0.0/13: oslo, 10.1.2.0/23: sydney, 10.3.0.5/32: none, 10.7.255.255/32: sydney")
        let new = try snapshot(
            networks:
                "10.0.0.0/14: [oslo, sydney], 10.1.3.0/24: [ashburn, oslo], 10.4.0.0/15: sydney, 10.3.0.0/29: oslo")
        var counted: [String: Int] = [:]
        for bits in UInt32(0x0a00_0000)...0x0a07_ffff {
            let (before, after) = (first(old, .v4(bits)), first(new, .v4(bits)))
            if before != after { counted["\(before) \(after)", default: 0] += 1 }
        }
        let service = try #require(ImageDifference(from: old, to: new).services.first)
        #expect(!counted.isEmpty)
        #expect(moves(service, \.ipv4) == counted)
        #expect(moves(service, \.ipv6).isEmpty)
        #expect(Int(service.moved.ipv4) == counted.values.reduce(0, +))
        // Where oslo stays first, sydney is now second.
        #expect(service.reordered.ipv4 > 0)
    }

    @Test("counts each IPv6 /48 with a moving address once")
    func everySite() throws {
        let old = try snapshot(networks: "\"2001:db8::/40\": oslo, \"2001:db8:3:100::/56\": sydney")
        let new = try snapshot(
            networks:
                "\"2001:db8::/40\": oslo, \"2001:db8:7::/48\": sydney, \"2001:db8:9:8000::/49\": sydney, \"2001:db8:9:4100::/64\": sydney"
        )
        var counted: [String: Set<UInt128>] = [:]
        let base: UInt128 = 0x2001_0db8 << 96
        for network in 0..<UInt128(1 << 16) {
            // Check each /56, and the /64s at its start.
            for detail in [UInt128(0), 1] {
                let client = IPAddress.v6(base | network << 72 | detail << 64)
                let (before, after) = (first(old, client), first(new, client))
                if before != after { counted["\(before) \(after)", default: []].insert(network >> 8) }
            }
        }
        let service = try #require(ImageDifference(from: old, to: new).services.first)
        #expect(moves(service, \.ipv6) == counted.mapValues(\.count))
        #expect(moves(service, \.ipv6) == ["oslo sydney": 2, "sydney oslo": 1])
    }

    @Test("counts weighted destinations by their weights, and moves as few clients as possible")
    func weights() throws {
        let old = try snapshot(networks: "10.0.0.0/8: oslo", default: "{ oslo: 1, ashburn: 1 }")
        let new = try snapshot(networks: "10.0.0.0/8: oslo", default: "{ oslo: 3, ashburn: 1, sydney: 4 }")
        let service = try #require(ImageDifference(from: old, to: new).services.first)
        let rest = 0x1p32 - 0x1p24
        #expect(moves(service, \.ipv4) == ["oslo sydney": Int(rest / 8), "ashburn sydney": Int(rest * 3 / 8)])
    }

    @Test("computes the moving part of the traffic from the service's hits")
    func traffic() throws {
        let old = try snapshot()
        let new = try snapshot(networks: "10.0.0.0/9: oslo")
        let log = """
            2026-01-01T00:00:00.000Z\t10.200.0.0/24\tNO\t\t\twww.example.com\toslo\tweb\t9
            2026-01-01T00:00:00.000Z\t10.1.0.0/24\tNO\t\t\twww.example.com\toslo\tweb\t9
            {"client":"10.201.0.0/24","country":null,"datacenters":["oslo"],"name":"w\\"ww.example.com","scope":9,"service":"web"}
            {"client":"192.0.2.0/24","service":"web"}
            {"client":"10.201.0.0/24","service":"another"}
            rubbish
            """
        var traffic = Traffic()
        // A chunk may end anywhere.
        for byte in log.utf8 { traffic.add(log: CollectionOfOne(byte)) }
        traffic.finishLog()
        #expect(traffic.count == 5)
        #expect(traffic.ignoredLines == 1)
        let difference = ImageDifference(from: old, to: new, traffic: traffic)
        let service = try #require(difference.services.first)
        #expect(service.hits == 4)
        #expect(service.moves.map(\.amount.hits) == [2])
        #expect(service.moves.map(\.to) == ["ashburn"])
    }

    @Test("accepts the agent's counters as traffic, which are by country")
    func counters() throws {
        // Without a database all clients are in the unknown place.
        let text = """
            # TYPE geopipe_clients_total counter
            geopipe_clients_total{country=""} 300
            geopipe_answers_total{service="web",datacenter="oslo"} 40
            geopipe_answers_total{service="web",datacenter="ashburn"} 60
            geopipe_answers_total{service="other",datacenter="oslo"} 1000
            """
        let new = try snapshot(networks: "10.0.0.0/8: oslo, 128.0.0.0/2: sydney")
        let difference = ImageDifference(from: try snapshot(), to: new, traffic: Traffic(counters: text))
        let service = try #require(difference.services.first)
        #expect(service.hits == 100)
        #expect(abs(service.moved.hits - 25) < 1e-6)
    }

    @Test("lists added, removed and changed names, including service answers but not serials")
    func names() throws {
        let old = try snapshot()
        #expect(ImageDifference(from: old, to: try snapshot()).isIdentical)
        let new = try snapshot(
            ashburn: "[192.0.2.22, \"2001:db8::2\"]", ns: "ns2.example.net.", records: "ftp: { A: 192.0.2.9 }")
        let names = ImageDifference(from: old, to: new).names
        #expect([names.added, names.removed, names.changed] == [1, 1, 2])
        #expect(names.changedApexes == ["example.com"])
        let www = try #require(names.details.first { $0.name == "www.example.com" })
        #expect(www.added == ["60 A 192.0.2.22 from ashburn (service web)"])
        #expect(www.removed == ["60 A 192.0.2.2 from ashburn (service web)"])
        #expect(!ImageDifference(from: old, to: new).isIdentical)
    }

    @Test("compares names that move to another service by the destinations of clients")
    func rebinding() throws {
        let old = try snapshot()
        let folder = try Folder()
        let text = Self.rules.replacing("%NETWORKS%", with: "10.0.0.0/8: oslo").replacing("%DEFAULT%", with: "ashburn")
            .replacing("%ASHBURN%", with: "[192.0.2.2, \"2001:db8::2\"]").replacing("%NS%", with: "ns.example.net.")
            .replacing("%RECORDS%", with: "mail: { A: 192.0.2.9 }")
            .replacing(
                "services:",
                with:
                    "  far: { default: sydney }\nservices:\n  far: { map: far, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, sydney: 192.0.2.3 } }"
            )
            .replacing("www: { service: web }", with: "www: { service: far }, api: { service: web }")
        let new = try Snapshot(Configuration.load(try folder.write(text.utf8, to: "geopipe.yaml")))
        let difference = ImageDifference(from: old, to: new)
        let service = try #require(difference.services.first { $0.name == "web -> far" })
        #expect(service.reboundNames == ["www.example.com"])
        #expect(Int(service.moved.ipv4) == 1 << 32)
        #expect(difference.ipv6Share(service.moved) <= 1)
        #expect(difference.services.first { $0.name == "web" }?.isUnchanged == true)
    }

    @Test("counts clients whose scopes get longer or shorter")
    func scopes() throws {
        let old = try snapshot(networks: "10.0.0.0/8: oslo")
        let new = try snapshot(networks: "10.0.0.0/8: oslo, 10.128.0.0/16: sydney")
        let service = try #require(ImageDifference(from: old, to: new).services.first)
        #expect(service.narrower.ipv4 == 0x1p24)
        #expect(service.wider.ipv4 == 0)
        #expect(service.scopes.new.ipv4 > service.scopes.old.ipv4)
    }
}
