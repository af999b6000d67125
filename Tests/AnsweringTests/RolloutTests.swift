import Configuration
import Foundation
import Geography
import Routing
import Support
import Testing

@testable import Answering
@testable import Inspection
@testable import State

/// Answers while a rollout runs.
@Suite("Under a rollout")
struct RolloutTests {
    /// A configuration of services whose clients the demonstration database distinguishes.
    private static func snapshot(
        norway: String = "oslo", other: String = "ashburn", ashburn: String = "192.0.2.2", fields: String = "",
        records: String = "static: { A: 192.0.2.80 }", zones: String = ""
    ) throws -> Snapshot {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            databases: [\(Project.demonstration)]
            datacenters: { oslo: {}, ashburn: {}, tokyo: {} }
            maps:
              m: { countries: { NO: \(norway) }, continents: { AS: tokyo }, default: \(other) }
              same: { countries: { US: ashburn }, default: oslo }
              pool: { countries: { NO: [{ random: [oslo, \(norway == "oslo" ? "ashburn" : "tokyo")] }] }, default: oslo }
            services:
              web: { map: m, \(fields) answers: { oslo: 192.0.2.1, ashburn: \(ashburn), tokyo: 192.0.2.3 } }
              api: { map: same, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
              any: { map: pool, sticky: true, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, tokyo: 192.0.2.3 } }
            zones:
              example.com:
                soa: { primary: ns., contact: h., serial: 1 }
                ns: [ns.example.net.]
                records: { www: { service: web }, api: { service: api }, any: { service: any }, \(records) }
            \(zones)
            """.utf8, to: "geopipe.yaml")
        return try Snapshot(Configuration.load(file))
    }

    private static func serving(
        _ old: Snapshot, _ new: Snapshot, _ part: Rollout.Part, switches: [Switch] = [], isStable: Bool = true
    ) -> Serving {
        var rollout = Rollout(
            id: "20260102T030405Z", owner: "ada", since: 0, images: "", old: "", new: "", source: "",
            isConfiguration: true, configuration: "", configurationState: "")
        rollout.part = part
        let differences = RolloutDifferences(from: old, to: new)
        return Serving(
            old, switches: switches, at: 1_000,
            candidate: Candidate(
                rollout, Serving(new, switches: switches, at: 1_000), differences, RolloutCounts(differences),
                isStable ? RolloutStability(differences) : nil))
    }

    private func drained(_ datacenter: String, share: Int = 100, in areas: String = "") -> Switch {
        Switch(
            datacenter: datacenter, service: nil, areas: areas.split(separator: ",").map { Area($0)! }, share: share,
            until: nil, user: "", since: 0, reason: "")
    }

    private func answer(
        _ serving: Serving, _ client: IPAddress, at name: String = "www"
    ) throws -> (addresses: Set<String>, scope: Int, exists: Bool) {
        let reply = try LocalQuery(serving, seed: 1).ask(
            "\(name).example.com", type: "A", client: IPPrefix(client, length: client.bitWidth)!)
        return (Set(reply.records.map(\.content)), reply.records.map(\.scope).max() ?? -1, reply.exists)
    }

    // Addresses in the demonstration database.
    private static let (norwegian, american) = (IPAddress("129.240.1.1")!, IPAddress("18.9.22.1")!)

    @Test("a dark rollout gives all clients the old image, and counts differences by country and datacenter")
    func dark() throws {
        let serving = Self.serving(try Self.snapshot(), try Self.snapshot(norway: "tokyo"), .dark)
        let session = Dialogue(serving)
        for _ in 0..<3 { #expect(session.ask("www.example.com", Self.norwegian) == ["192.0.2.1"]) }
        for _ in 0..<2 { #expect(session.ask("www.example.com", Self.american) == ["192.0.2.2"]) }
        _ = session.ask("static.example.com", Self.american)
        let tally = try #require(serving.candidate?.counts.tally)
        #expect(tally.compared == 6)
        #expect(tally.differing == 3)
        #expect(tally.countries == ["NO": 3])
        #expect(tally.moves == [.init(from: "oslo", to: "tokyo"): 3])
        #expect(tally.old.answered == 6)
        #expect(tally.new.answered == 0)
    }

    @Test("the requested share of the networks gets the new image", arguments: [5, 20, 50, 100])
    func share(percent: Int) throws {
        let serving = Self.serving(try Self.snapshot(), try Self.snapshot(other: "tokyo"), .share(percent))
        let count = 4_000
        let session = Dialogue(serving)
        var new = 0
        for network in 0..<UInt32(count) {
            let addresses = session.ask("www.example.com", .v4(18 << 24 | network << 8 | 7))
            #expect(addresses == ["192.0.2.2"] || addresses == ["192.0.2.3"])
            if addresses == ["192.0.2.3"] { new += 1 }
        }
        let part = Double(percent) / 100
        let error = 4 * (Double(count) * part * (1 - part)).squareRoot()
        #expect(abs(Double(new) - Double(count) * part) <= error)
        let tally = try #require(serving.candidate?.counts.tally)
        #expect(tally.new.answered == new && tally.old.answered == count - new)
        #expect(tally.differing == count)
        #expect(tally.moves == [.init(from: "ashburn", to: "tokyo"): count])
    }

    @Test("only clients in the places get the new image")
    func places() throws {
        let serving = Self.serving(
            try Self.snapshot(), try Self.snapshot(norway: "tokyo", other: "tokyo"),
            .places([Area("NO")!]))
        #expect(try answer(serving, Self.norwegian).addresses == ["192.0.2.3"])
        #expect(try answer(serving, Self.american).addresses == ["192.0.2.2"])
        // The resolver's place counts if the client's is unknown.
        let unknown = IPPrefix("203.0.113.0/24")!
        let reply = try LocalQuery(serving, seed: 1).ask(
            "www.example.com", type: "A", client: unknown, resolver: Self.norwegian)
        #expect(reply.records.map(\.content) == ["192.0.2.3"])
    }

    /// Returns addresses in the prefix of a scope around a client: both ends and random ones.
    private func neighbours(_ client: IPAddress, _ scope: Int, _ random: inout SeededGenerator) -> [IPAddress] {
        func rest<Bits: FixedWidthInteger & UnsignedInteger>(_ bits: Bits) -> [Bits] {
            let mask: Bits = scope == 0 ? .max : scope >= Bits.bitWidth ? 0 : Bits.max >> Bits(scope)
            return [bits & ~mask, bits | mask]
                + (0..<3).map { _ in bits & ~mask | Bits.random(in: 0 ... .max, using: &random) & mask }
        }
        switch client {
        case .v4(let bits): return rest(bits).map(IPAddress.v4)
        case .v6(let bits): return rest(bits).map(IPAddress.v6)
        }
    }

    /// Checks every piece of the address space in which both sides have one list: all clients in the prefix of an
    /// answer's scope get that answer.
    @Test(
        "an answer is the same for all clients in the prefix of its scope, all over the demonstration database",
        arguments: ["www", "api", "any", "split", "static"], ["share", "found", "places", "drained", "part"])
    func scopes(name: String, kind: String) throws {
        let records = { (address: String) in "split: { A: \(address) }, static: { A: 192.0.2.80 }" }
        let old = try Self.snapshot(records: records("192.0.2.90"))
        let new = try Self.snapshot(norway: "tokyo", records: records("192.0.2.91"))
        let part: Rollout.Part = kind == "places" ? .places([Area("NO")!, Area("US-CA")!]) : .share(50)
        let switches =
            kind == "drained" ? [drained("oslo", in: "NO")] : kind == "part" ? [drained("ashburn", share: 50)] : []
        let serving = Self.serving(old, new, part, switches: switches, isStable: kind != "share")
        let session = Dialogue(serving)
        var random = SeededGenerator(seed: Effort.seed)
        var pieces = 0
        var wide = 0
        func check(_ client: IPAddress) {
            pieces += 1
            let answer = session.ask("\(name).example.com", client)
            let scope = session.lastScope
            if scope < 24 { wide += 1 }
            for neighbour in neighbours(client, scope, &random) {
                let other = session.ask("\(name).example.com", neighbour)
                #expect(other == answer, "\(client)/\(scope) and \(neighbour)")
                #expect(session.lastScope == scope || name == "any", "\(client)/\(scope) and \(neighbour)")
            }
        }
        withExtendedLifetime((old, new)) {
            withUnsafePointer(to: old.maps[0]) { before in
                withUnsafePointer(to: new.maps[0]) { after in
                    func length(_ client: IPAddress) -> UInt8 {
                        max(
                            before.locate(client, length: .max, resolver: nil).scope,
                            after.locate(client, length: .max, resolver: nil).scope,
                            old.places.lookup(client).scope)
                    }
                    AddressWalk.overIPv4 { first in
                        let length = length(.v4(first))
                        for _ in 0..<2 {
                            check(
                                .v4(
                                    first | UInt32.random(in: 0 ... .max, using: &random)
                                        & UInt32(truncatingIfNeeded: UInt64(0xffff_ffff) >> UInt64(length))))
                        }
                        return length
                    }
                    AddressWalk.overIPv6 { first in
                        let length = length(.v6(first))
                        check(.v6(first))
                        return length
                    }
                }
            }
        }
        #expect(pieces > 100)
        switch name {
        // Both sides answer alike, so no scope grows.
        case "static": #expect(session.lastScope == 0)
        // A partial drain applies to networks, with or without a rollout.
        case "api": #expect(wide > pieces / 4 || kind == "part")
        case "split": #expect(session.lastScope >= (kind == "places" ? 1 : 24))
        default: break
        }
    }

    @Test("static records that differ have a scope; those that do not have none")
    func statics() throws {
        let old = try Self.snapshot(records: "split: { A: 192.0.2.90 }, static: { A: 192.0.2.80 }")
        let new = try Self.snapshot(records: "split: { A: 192.0.2.91 }, static: { A: 192.0.2.80 }")
        let serving = Self.serving(old, new, .share(50))
        var seen: Set<String> = []
        for network in 0..<UInt32(100) {
            let answer = try answer(serving, .v4(18 << 24 | network << 8), at: "split")
            #expect(answer.scope == 24)
            seen.formUnion(answer.addresses)
            #expect(try self.answer(serving, .v4(18 << 24 | network << 8), at: "static").scope == 0)
        }
        #expect(seen == ["192.0.2.90", "192.0.2.91"])
    }

    @Test("the old image decides for all clients which names, types and zones exist")
    func names() throws {
        let old = try Self.snapshot(records: "gone: { A: 192.0.2.90 }, typed: { A: 192.0.2.5 }")
        let new = try Self.snapshot(
            records: "come: { A: 192.0.2.91 }, typed: { A: 192.0.2.6, TXT: '\"x\"' }",
            zones:
                "  sub.example.com: { soa: { primary: ns., contact: h. }, ns: [ns.], records: { deep: { A: 192.0.2.7 } } }"
        )
        let serving = Self.serving(old, new, .share(100))
        #expect(try answer(serving, Self.american, at: "gone").addresses == ["192.0.2.90"])
        #expect(try !answer(serving, Self.american, at: "come").exists)
        #expect(try answer(serving, Self.american, at: "typed").addresses == ["192.0.2.5"])
        #expect(try !answer(serving, Self.american, at: "deep.sub").exists)
        let counts = try #require(serving.candidate?.differences.nameCounts)
        #expect(counts.onlyOld == 1)
        // The name, the apex of its zone and a name in the zone.
        #expect(counts.onlyNew == 3)
    }

    @Test("the old side answers a name that gets or loses its service")
    func serviceNames() throws {
        let old = try Self.snapshot(records: "late: { A: 192.0.2.90, TXT: hello }")
        let new = try Self.snapshot(records: "late: { service: api }")
        let share = Self.serving(old, new, .share(100))
        #expect(try answer(share, Self.american, at: "late").addresses == ["192.0.2.90"])
        #expect(try answer(share, Self.american, at: "late").scope == 0)
        #expect(try answer(Self.serving(new, old, .share(100)), Self.american, at: "late").addresses == ["192.0.2.2"])
    }

    @Test("a datacenter whose addresses differ changes the scopes of only its own clients")
    func addresses() throws {
        let serving = Self.serving(try Self.snapshot(), try Self.snapshot(ashburn: "192.0.2.22"), .share(50))
        let american = try answer(serving, Self.american)
        #expect(american.scope >= 24)
        let before = try LocalQuery(Serving(try Self.snapshot(), switches: [], at: 0)).ask(
            "www.example.com", type: "A", client: IPPrefix(Self.norwegian, length: 32)!)
        #expect(try answer(serving, Self.norwegian).scope == before.records[0].scope)
    }

    @Test("lists that both sides answer alike are stable, except for the default lists")
    func stability() throws {
        let (old, new) = (try Self.snapshot(), try Self.snapshot(norway: "tokyo"))
        let stability = RolloutStability(RolloutDifferences(from: old, to: new))
        func isStable(_ client: IPAddress, _ snapshot: Snapshot, _ known: [UnsafePointer<Bool>?]) throws -> Bool {
            let position = try #require(
                snapshot.answers.services.buffer.firstIndex { snapshot.serviceNames[Int($0.service)] == "web" })
            let stable = try #require(known[position])
            return stable[Int(snapshot.maps[0].locate(client, resolver: nil).list)]
        }
        let japanese = IPAddress("133.11.0.1")!
        #expect(try isStable(japanese, old, stability.old))
        #expect(try !isStable(Self.norwegian, old, stability.old))
        // An unknown client gets the side of its resolver.
        #expect(try !isStable(IPAddress("203.0.113.1")!, old, stability.old))
        withExtendedLifetime(stability) {}
    }

    @Test("a network stays on its side regardless of drains, which apply on both sides")
    func drains() throws {
        let (old, new) = (try Self.snapshot(), try Self.snapshot(other: "[tokyo, oslo]"))
        let plain = Self.serving(old, new, .share(50))
        let drained = Self.serving(old, new, .share(50), switches: [drained("tokyo")])
        for network in 0..<UInt32(200) {
            let client = IPAddress.v4(18 << 24 | network << 8)
            let before = try answer(plain, client).addresses
            #expect(try answer(drained, client).addresses == (before == ["192.0.2.3"] ? ["192.0.2.1"] : before))
        }
    }

    @Test("is aborted if the new side refuses more, or one of its datacenters goes down")
    func conditions() throws {
        let snapshot = try Self.snapshot()
        var rollout = Rollout(
            id: "X", owner: "", since: 0, images: "", old: "", new: "", source: "", isConfiguration: true,
            configuration: "", configurationState: "")
        rollout.part = .share(5)
        var tally = RolloutTotals()
        (tally.old.answered, tally.new.answered) = (10_000, 1_000)
        func reason(_ tally: RolloutTotals) -> String? {
            rollout.reasonToAbort(tally, new: snapshot, down: [], switches: [])
        }
        #expect(reason(tally) == nil)
        tally.new.refused = 19
        #expect(reason(tally) == nil)
        tally.new.refused = 50
        #expect(reason(tally)?.contains("no record for 50 of 1050") == true)
        // Questions that both sides refuse are not the new side's fault.
        tally.old.refused = 500
        #expect(reason(tally) == nil)
        tally.old.refused = 0
        rollout.part = .dark
        #expect(reason(tally) == nil)
    }
}

/// A continuous dialogue with a serving, which keeps its counters.
private final class Dialogue {
    private let serving: Serving
    /// The longest scope of the last answer; -1 without records.
    private(set) var lastScope = -1

    init(_ serving: Serving) { self.serving = serving }

    /// The addresses that a client gets.
    func ask(_ name: String, _ client: IPAddress) -> Set<String> {
        do {
            let reply = try LocalQuery(serving, seed: 1).ask(
                name, type: "A", client: IPPrefix(client, length: client.bitWidth)!)
            lastScope = reply.records.map(\.scope).max() ?? -1
            return Set(reply.records.map(\.content))
        } catch {
            Issue.record("\(error)")
            return []
        }
    }
}
