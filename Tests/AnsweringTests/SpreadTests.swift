import Configuration
import Foundation
import Geography
import State
import Support
import Testing

@testable import Answering
@testable import Compiler
@testable import Inspection

@Suite("Answers to clients that are spread")
struct SpreadTests {
    private let configuration: Configuration
    private let snapshot: Snapshot

    init() throws {
        let folder = try Folder()
        let file = try folder.write(
            """
            state_directory: none
            datacenters:
              oslo: { capacity: 30 }
              ashburn: { capacity: 60 }
              singapore: { capacity: 20 }
              sydney: { capacity: 20 }
              idle: { capacity: 1000 }
            maps:
              spreading:
                networks:
                  10.0.0.0/8: { list: [oslo, ashburn], then: spread }
                  "2001:db8::/32": { list: [oslo, ashburn], then: spread }
                  172.16.0.0/12: { list: [ashburn], then: { spread: [sydney, singapore] } }
                default: [sydney, oslo]
            services:
              web: { map: spreading, answers: &answers { oslo: [192.0.2.1, "2001:db8::1"], ashburn: [192.0.2.2, "2001:db8::2"], singapore: [192.0.2.3, "2001:db8::3"], sydney: [192.0.2.4, "2001:db8::4"] }, check: { tcp: 80 } }
              kept: { map: spreading, sticky: true, answers: *answers }
              both: { map: spreading, spread: 2, answers: *answers }
              strict: { map: spreading, answers: *answers, check: { tcp: 80 }, when_all_down: nothing }
            zones:
              example.com:
                soa: { primary: ns., contact: h. }
                ns: [ns.example.net.]
                records: { web: { service: web }, kept: { service: kept }, both: { service: both }, strict: { service: strict } }
            """.utf8, to: "geopipe.yaml")
        configuration = try Configuration.load(file)
        snapshot = try Snapshot(configuration)
    }

    private func serving(drained: [String: Int] = [:], down: [String] = []) -> Serving {
        let states = down.map {
            ("tcp://\($0):80", HealthReport.State(isUp: false, since: 0, reportedAt: 1_000, reason: "no answer"))
        }
        return Serving(
            snapshot,
            switches: drained.map {
                Switch(datacenter: $0.key, service: nil, share: $0.value, until: nil, user: "", since: 0, reason: "")
            }, health: HealthReport(time: 1_000, process: 1, states: Dictionary(uniqueKeysWithValues: states)),
            at: 1_000)
    }

    private struct Answer: Equatable {
        var datacenters: [String]
        var scope: UInt8
    }

    private func answer(
        _ serving: Serving, _ client: String, of service: String = "web", random: UInt64 = 1, part: AnswerPart = .all
    ) -> Answer {
        let position = snapshot.answers.services.buffer.firstIndex {
            configuration.services[Int($0.service)].name == service
        }!
        let subnet = IPPrefix(client)!
        let (state, placeScope) = serving.state(
            ofService: Int(snapshot.answers.services[position].service), for: subnet.address, length: subnet.length,
            resolver: subnet.address)
        var answer = Answer(datacenters: [], scope: 0)
        _ = snapshot.choose(
            service: position, for: subnet.address, length: subnet.length, resolver: subnet.address, state: state,
            placeScope: placeScope, random: random
        ) { choice, chosenPart in
            guard chosenPart == .all || chosenPart == part || part == .all && chosenPart == .ipv4 else { return }
            answer.datacenters = (0..<choice.count).map {
                configuration.datacenters[Int(choice.datacenters[$0])].name
            }
            answer.scope = choice.scope
        }
        return answer
    }

    private static let networks = (0..<4_000).map { "10.\($0 / 250).\($0 % 250)." }

    /// Whether a count of `total` matches an expected part within five standard deviations.
    private func isPart(_ count: Int, _ part: Double, of total: Int) -> Bool {
        abs(Double(count) - part * Double(total)) <= 5 * (part * (1 - part) * Double(total)).squareRoot()
    }

    @Test("follow capacity, and have the client's network as scope", arguments: ["web", "kept"])
    func shares(service: String) {
        let whole = serving()
        let drained = serving(drained: ["oslo": 100])
        var counts: [String: Int] = [:]
        for network in Self.networks {
            #expect(answer(whole, "\(network)0/24", of: service) == Answer(datacenters: ["oslo"], scope: 8))
            let answer = answer(drained, "\(network)0/24", of: service)
            #expect(answer.scope == 24)
            counts[answer.datacenters[0], default: 0] += 1
            for (random, last) in [1, 77, 128, 255].enumerated() {
                #expect(self.answer(drained, "\(network)\(last)/32", of: service, random: UInt64(random)) == answer)
            }
        }
        for (datacenter, part) in [("ashburn", 0.6), ("singapore", 0.2), ("sydney", 0.2)] {
            #expect(isPart(counts.removeValue(forKey: datacenter) ?? 0, part, of: Self.networks.count), "\(counts)")
        }
        #expect(counts == [:], "what has no answer takes no clients")
    }

    @Test("do not change for other clients, and keep their scope if no client is spread")
    func others() {
        let whole = serving()
        let drained = serving(drained: ["oslo": 100])
        for client in ["172.16.5.0/24", "203.0.113.0/24"] {
            #expect(answer(drained, client) == answer(whole, client))
        }
        #expect(answer(drained, "172.16.5.0/24") == Answer(datacenters: ["ashburn"], scope: 12))
        // A list without `then` does not spread.
        let sydney = serving(drained: ["sydney": 100])
        #expect(answer(sydney, "203.0.113.0/24").datacenters == ["oslo"])
        #expect(answer(sydney, "203.0.113.0/24").scope == answer(whole, "203.0.113.0/24").scope)
    }

    @Test("change only for the clients of one more datacenter that goes down")
    func second() {
        let first = serving(drained: ["oslo": 100])
        let second = serving(drained: ["oslo": 100, "ashburn": 100])
        for network in Self.networks {
            let (before, after) = (answer(first, "\(network)0/24"), answer(second, "\(network)0/24"))
            if before.datacenters == ["ashburn"] {
                #expect(["singapore", "sydney"].contains(after.datacenters[0]))
            } else {
                #expect(after == before)
            }
        }
    }

    @Test("are spread for the drained part of a datacenter, to the same datacenters as with a full drain")
    func share() {
        let part = serving(drained: ["oslo": 25])
        let all = serving(drained: ["oslo": 100])
        var moved = 0
        for network in Self.networks {
            let answer = answer(part, "\(network)0/24")
            #expect(answer.scope == 24)
            guard answer.datacenters != ["oslo"] else { continue }
            moved += 1
            #expect(answer == self.answer(all, "\(network)0/24"))
        }
        #expect(isPart(moved, 0.25, of: Self.networks.count))
    }

    @Test("come from a group, or from the rest of the list if the group is down too")
    func group() {
        let drained = serving(drained: ["ashburn": 100])
        let chosen = Set((0..<200).map { answer(drained, "172.16.\($0).0/24").datacenters[0] })
        #expect(chosen == ["singapore", "sydney"])
        // No datacenter of this map is available, so all count as available.
        let none = serving(drained: ["ashburn": 100, "singapore": 100, "sydney": 100])
        #expect(answer(none, "172.16.5.0/24") == Answer(datacenters: ["ashburn"], scope: 12))
    }

    @Test("depend on the health of each family, with a scope of its own")
    func families() {
        let serving = serving(down: ["192.0.2.1"])
        for network in Self.networks.prefix(200) {
            let ipv4 = answer(serving, "\(network)0/24", part: .ipv4)
            #expect(ipv4.datacenters != ["oslo"])
            #expect(ipv4.scope == 24)
            #expect(answer(serving, "\(network)0/24", part: .ipv6) == Answer(datacenters: ["oslo"], scope: 8))
        }
    }

    @Test("ignore health when all are down, or are empty, with the exact scope")
    func allDown() {
        let serving = serving(down: (1...4).flatMap { ["192.0.2.\($0)", "2001:db8::\($0)"] })
        #expect(answer(serving, "10.1.2.0/24", part: .ipv4) == Answer(datacenters: ["oslo"], scope: 8))
        #expect(answer(serving, "10.1.2.0/24", of: "strict", part: .ipv4).datacenters == [])
    }

    @Test("come from several different datacenters with spread: N")
    func several() {
        let whole = serving()
        let drained = serving(drained: ["ashburn": 100])
        for network in Self.networks.prefix(200) {
            #expect(answer(whole, "\(network)0/24", of: "both") == Answer(datacenters: ["oslo", "ashburn"], scope: 8))
            let answer = answer(drained, "\(network)0/24", of: "both")
            #expect(answer.datacenters.count == 2)
            #expect(answer.datacenters[0] == "oslo")
            #expect(["singapore", "sydney"].contains(answer.datacenters[1]))
            #expect(answer.scope == 24)
        }
    }

    @Test("to IPv6 clients have a /56 scope")
    func ipv6() {
        let drained = serving(drained: ["oslo": 100])
        #expect(answer(serving(), "2001:db8:1::/48") == Answer(datacenters: ["oslo"], scope: 32))
        for number in 0..<200 {
            let network = "2001:db8:7:\(String(number, radix: 16))"
            let answer = answer(drained, "\(network)00::/56")
            #expect(answer.scope == 56)
            #expect(self.answer(drained, "\(network)ff:1:2:3:4/128") == answer)
        }
    }

    @Test("are explained with the unavailable datacenter and the others")
    func explained() throws {
        let explanation = try serving(drained: ["oslo": 100]).explain(
            "web.example.com", for: IPPrefix("10.1.2.0/24")!, configuration)
        let service = try #require(explanation.service)
        #expect(service.spreadFrom == "oslo")
        #expect(service.scope == "10.1.2.0/24")
        #expect(service.rules[0].destination == "{ list: [oslo, ashburn], then: spread }")
        #expect(
            service.notes.contains {
                $0.hasPrefix(
                    "then: spread: oslo is not available for this client, which is spread from oslo over all datacenters of the service"
                )
            })
        let group = try #require(
            try serving(drained: ["ashburn": 100]).explain(
                "web.example.com", for: IPPrefix("172.16.5.0/24")!, configuration
            ).service)
        #expect(group.rules[0].destination == "{ list: [ashburn], then: { spread: [sydney, singapore] } }")
        #expect(group.notes.contains { $0.contains("spread from ashburn over singapore, sydney, by capacity") })
        #expect(
            try serving().explain("web.example.com", for: IPPrefix("10.1.2.0/24")!, configuration).service?.spreadFrom
                == nil)
    }
}
