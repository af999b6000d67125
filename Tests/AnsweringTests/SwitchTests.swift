import Configuration
import Foundation
import Geography
import Routing
import Support
import Testing

@testable import Answering
@testable import Inspection
@testable import State

/// Switches for places, services and health.
@Suite("Switches")
struct SwitchTests {
    /// Every client prefers oslo, then ashburn, also Norwegians and Americans, for whom the map has rules.
    private static func snapshot(_ fields: String = "", map: String = "default: [oslo, ashburn]") throws -> Snapshot {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            databases: [\(Project.demonstration)]
            datacenters: { oslo: {}, ashburn: {}, static: {} }
            maps: { m: { \(map) } }
            services:
              web:
                map: m
                \(fields)
                answers:
                  oslo: 192.0.2.1
                  ashburn: 192.0.2.2
                  static: { A: 192.0.2.3, check: none }
            zones:
              example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } }
            """.utf8, to: "geopipe.yaml")
        return try Snapshot(Configuration.load(file))
    }

    private func drained(_ datacenter: String = "oslo", in areas: String, share: Int = 100) -> Switch {
        Switch(
            datacenter: datacenter, service: nil, areas: areas.split(separator: ",").map { Area($0)! }, share: share,
            until: nil, user: "", since: 0, reason: "")
    }

    /// The addresses that a client gets, and the longest scope.
    private func answer(_ serving: Serving, _ client: String) throws -> (addresses: [String], scope: Int) {
        let records = try LocalQuery(serving).ask("www.example.com", type: "A", client: IPPrefix(client)!).records
        return (records.map(\.content), records.map(\.scope).max() ?? -1)
    }

    // Addresses in the demonstration database.
    private static let (norwegian, american, californian) = ("129.240.1.1", "18.9.22.1", "128.32.1.1")

    @Test(
        "for some places send only the clients there elsewhere",
        arguments: [
            ("NO", [norwegian]), ("US", [american, californian]), ("US-CA", [californian]),
            ("continent:EU", [norwegian]), ("NO,US-CA", [norwegian, californian]), ("NO,NO,continent:EU", [norwegian]),
            ("AQ", []), ("US-ZZ", []),
        ])
    func places(areas: String, moved: [String]) throws {
        let serving = Serving(try Self.snapshot(), switches: [drained(in: areas)], at: 1_000)
        for client in [Self.norwegian, Self.american, Self.californian, "203.0.113.1", "2001:db8::1"] {
            let answer = try answer(serving, client)
            #expect(answer.addresses == [moved.contains(client) ? "192.0.2.2" : "192.0.2.1"], "\(client)")
        }
    }

    @Test("for several places each move their own clients, in addition to drains for all clients")
    func several() throws {
        let snapshot = try Self.snapshot(map: "default: [oslo, ashburn, static]")
        let serving = Serving(
            snapshot, switches: [drained(in: "US"), drained("ashburn", in: "US-CA"), drained("ashburn", in: "NO")],
            at: 1_000)
        #expect(try answer(serving, Self.norwegian).addresses == ["192.0.2.1"])
        #expect(try answer(serving, Self.american).addresses == ["192.0.2.2"])
        #expect(try answer(serving, Self.californian).addresses == ["192.0.2.3"])
        let all = Serving(snapshot, switches: [drained(in: "US"), drained("ashburn", in: "")], at: 1_000)
        #expect(try answer(all, Self.american).addresses == ["192.0.2.3"])
        #expect(try answer(all, Self.norwegian).addresses == ["192.0.2.1"])
    }

    @Test("have a scope whose clients are all in the same place", arguments: [100, 50])
    func scope(share: Int) throws {
        let snapshot = try Self.snapshot()
        let serving = Serving(snapshot, switches: [drained(in: "US-CA,NO", share: share)], at: 1_000)
        let isInside = snapshot.places.isInside([Area("US-CA")!, Area("NO")!])
        var random = SeededGenerator(seed: 5)
        let seeds = try [Self.norwegian, Self.american, Self.californian].map { client in
            guard case .v4(let bits) = try #require(IPAddress(client)) else { throw MalformedTest() }
            return bits
        }
        for round in 0..<3_000 {
            let near = seeds[round % seeds.count] ^ UInt32.random(in: .min ... .max, using: &random) >> (round % 24)
            let client = IPAddress.v4(near)
            let found = try answer(serving, "\(client)")
            let scope = found.scope
            try #require(1...32 ~= scope)
            let membership = isInside[Int(snapshot.places.number(of: client))]
            // The answer is the same everywhere in the scope: at its ends, and between them.
            let mask = scope == 32 ? 0 : UInt32.max >> UInt32(scope)
            for other in [near & ~mask, near | mask, near & ~mask | UInt32.random(in: 0...mask, using: &random)] {
                #expect(isInside[Int(snapshot.places.number(of: .v4(other)))] == membership)
                #expect(
                    try answer(serving, "\(IPAddress.v4(other))").addresses == found.addresses, "\(client)/\(scope)")
            }
        }
    }

    @Test("have such a scope for IPv6 clients, and for IPv4 addresses embedded in IPv6")
    func scopeOfIPv6() throws {
        let snapshot = try Self.snapshot()
        let serving = Serving(snapshot, switches: [drained(in: "US-CA,continent:EU")], at: 1_000)
        let isInside = snapshot.places.isInside([Area("US-CA")!, Area("continent:EU")!])
        var random = SeededGenerator(seed: 6)
        let texts = ["2607:f140::1", "2001:700:100::1", "2001:1458::1", "64:ff9b::8120:101", "2002:8120:101::1"]
        let seeds = try texts.map { text in
            guard case .v6(let bits) = try #require(IPAddress(text)) else { throw MalformedTest() }
            return bits
        }
        var inside = 0
        for round in 0..<3_000 {
            let noise = UInt128(random.next()) << 64 | UInt128(random.next())
            let near = seeds[round % seeds.count] ^ noise >> UInt128(1 + round % 127)
            let found = try answer(serving, "\(IPAddress.v6(near))")
            try #require(1...128 ~= found.scope)
            let membership = isInside[Int(snapshot.places.number(of: .v6(near)))]
            inside += membership ? 1 : 0
            #expect(found.addresses == [membership ? "192.0.2.2" : "192.0.2.1"])
            let mask = found.scope == 128 ? 0 : UInt128.max >> UInt128(found.scope)
            for other in [near & ~mask, near | mask, near & ~mask | noise & mask] {
                #expect(
                    isInside[Int(snapshot.places.number(of: .v6(other)))] == membership,
                    "\(IPAddress.v6(near))/\(found.scope) has \(IPAddress.v6(other))")
            }
        }
        #expect(200...2_800 ~= inside)
    }

    private struct MalformedTest: Error {}

    @Test("for a part of a place's clients do not affect other clients")
    func share() throws {
        let serving = Serving(try Self.snapshot(), switches: [drained(in: "NO", share: 50)], at: 1_000)
        var moved = 0
        for third in 0..<200 {
            if try answer(serving, "129.240.\(third).0/24").addresses == ["192.0.2.2"] { moved += 1 }
            #expect(try answer(serving, "18.9.\(third).0/24").addresses == ["192.0.2.1"])
        }
        #expect(60...140 ~= moved)
    }

    @Test("for a place apply to clients of unknown place by their resolver")
    func resolver() throws {
        let serving = Serving(try Self.snapshot(), switches: [drained(in: "NO")], at: 1_000)
        func isDrained(_ client: String, resolver: String) -> Bool {
            let state = serving.state(
                ofService: 0, for: IPAddress(client)!, length: 24, resolver: IPAddress(resolver)!
            ).state
            return !state.undrained.contains(0)
        }
        #expect(isDrained("203.0.113.0", resolver: Self.norwegian))
        #expect(!isDrained("203.0.113.0", resolver: Self.american))
        #expect(!isDrained("18.9.22.0", resolver: Self.norwegian))
    }

    @Test("of other services do not change scopes, and places that the image lacks are reported")
    func others() throws {
        let snapshot = try Self.snapshot()
        var other = drained(in: "NO")
        other.service = "gone"
        let serving = Serving(snapshot, switches: [other], at: 1_000)
        #expect(try answer(serving, Self.norwegian).scope == 1)
        #expect(serving.unknownAreas.isEmpty)
        #expect(
            Serving(snapshot, switches: [drained(in: "NO,US-ZZ,AQ")], at: 1_000).unknownAreas.map(\.description)
                == ["US-ZZ", "AQ"])
    }

    private func health(down: [String]) -> HealthReport {
        let states = down.map {
            ("tcp://\($0):80", HealthReport.State(isUp: false, since: 0, reportedAt: 1_000, reason: ""))
        }
        return HealthReport(time: 1_000, process: 1, states: Dictionary(uniqueKeysWithValues: states))
    }

    private func forced(_ datacenter: String, service: String? = nil) -> Switch {
        Switch(
            .force, datacenter: datacenter, service: service, share: 100, until: nil, user: "", since: 0, reason: "")
    }

    @Test("that force a datacenter up outrank health, but not drains")
    func force() throws {
        let snapshot = try Self.snapshot("check: { tcp: 80 }")
        let down = health(down: ["192.0.2.1"])
        func addresses(_ switches: Switch...) throws -> [String] {
            try answer(Serving(snapshot, switches: switches, health: down, at: 1_000), "203.0.113.1").addresses
        }
        #expect(try addresses() == ["192.0.2.2"])
        #expect(try addresses(forced("oslo")) == ["192.0.2.1"])
        #expect(try addresses(forced("oslo", service: "web")) == ["192.0.2.1"])
        #expect(try addresses(forced("oslo", service: "api")) == ["192.0.2.2"])
        #expect(try addresses(forced("ashburn")) == ["192.0.2.2"])
        #expect(try addresses(forced("oslo"), drained(in: "")) == ["192.0.2.2"])
    }

    @Test("are not needed for a fallback without checks, which always counts as up")
    func lastResort() throws {
        let snapshot = try Self.snapshot("check: { tcp: 80 }", map: "default: [oslo, ashburn, static]")
        #expect(snapshot.healthTargets.map(\.address) == ["192.0.2.1", "192.0.2.2"])
        func addresses(down: [String], _ switches: Switch...) throws -> [String] {
            let serving = Serving(snapshot, switches: switches, health: health(down: down), at: 1_000)
            return try answer(serving, "203.0.113.1").addresses
        }
        #expect(try addresses(down: []) == ["192.0.2.1"])
        #expect(try addresses(down: ["192.0.2.1"]) == ["192.0.2.2"])
        #expect(try addresses(down: ["192.0.2.1", "192.0.2.2"]) == ["192.0.2.3"])
        // Nothing of it was ever asked, whatever a report says.
        #expect(try addresses(down: ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) == ["192.0.2.3"])
        #expect(try addresses(down: ["192.0.2.1", "192.0.2.2"], drained("static", in: "")) == ["192.0.2.1"])
    }
}
