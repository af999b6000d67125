import Configuration
import Geography
import State
import Support
import Testing

@testable import Answering
@testable import Compiler
@testable import Inspection

@Suite("A plan")
struct PlanTests {
    private static let rules = """
        state_directory: none
        datacenters: { oslo: { capacity: %CAPACITY% }, ashburn: { capacity: 100 }, sydney: { capacity: 100 } }
        safety: { in_use: 2 }
        plan: { max_move: 5%, max_names: 50%, peak: %PEAK%, max_ttl: 300 }
        maps:
          main:
            networks: { 10.0.0.0/8: %TEN%, 11.0.0.0/8: ashburn }
            default: [ashburn, sydney]
          far: { default: oslo }
        services:
          web: { map: main, ttl: %TTL%, answers: &answers { oslo: [192.0.2.1, "2001:db8::1"], ashburn: [192.0.2.2, "2001:db8::2"], sydney: %SYDNEY% }, check: { tcp: 80 } }
          far: { map: far, ttl: 60, answers: *answers }
          old: { map: main, ttl: 60, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, sydney: 192.0.2.3 } }
        zones:
          %ZONE%:
            soa: { primary: ns., contact: h. }
            ns: [ns.example.net.]
            records: { www: { service: %SERVICE% } }
        """

    /// The parts of a configuration that tests change.
    private struct Parts {
        var ten = "[oslo, sydney]"
        var sydney = "[192.0.2.3, \"2001:db8::3\"]"
        var ttl = 60
        var zone = "example.com"
        var peak = "40%"
        var service = "web"
        var capacity = "30"
    }

    private func configuration(_ parts: Parts = Parts()) throws -> Configuration {
        let text = Self.rules.replacing("%TEN%", with: parts.ten).replacing("%SYDNEY%", with: parts.sydney)
            .replacing("%TTL%", with: "\(parts.ttl)").replacing("%ZONE%", with: parts.zone)
            .replacing("%PEAK%", with: parts.peak).replacing("%SERVICE%", with: parts.service)
            .replacing("%CAPACITY%", with: parts.capacity)
        let folder = try Folder()
        return try Configuration.load(try folder.write(text.utf8, to: "geopipe.yaml"))
    }

    private func plan(
        from old: Parts = Parts(), to new: Parts, switches: [Switch] = [], down: [String] = [], up: [String] = [],
        traffic: Traffic? = nil, noWayBack: String? = nil, named: Set<String> = [], waived: Set<Plan.Question> = []
    ) throws -> Plan {
        let configuration = try configuration(new)
        let states =
            down.map {
                ("tcp://\($0):80", HealthReport.State(isUp: false, since: 0, reportedAt: 1_000, reason: "no answer"))
            }
            + up.map {
                ("tcp://\($0):80", HealthReport.State(isUp: true, since: 0, reportedAt: 1_000, reason: "connected"))
            }
        let change = Plan.Change(
            old: try Snapshot(try self.configuration(old)), isInForce: true, new: try Snapshot(configuration),
            errors: [],
            configuration: configuration, switches: switches,
            health: HealthReport(time: 1_000, process: 1, states: Dictionary(uniqueKeysWithValues: states)),
            time: 1_000,
            traffic: traffic, noWayBack: noWayBack, namedApexes: named)
        return Plan(change, limits: configuration.planLimits, waived: waived)
    }

    private func failures(_ plan: Plan) -> [Plan.Question] {
        plan.items.filter { $0.result == .fail }.map(\.question)
    }

    /// A hits log, by the first two numbers of the clients' addresses.
    private func traffic(_ counts: [String: Int]) -> Traffic {
        let lines = counts.flatMap { client, count in
            Array(repeating: "t\t\(client).0.0/24\t\t\t\twww.example.com\toslo\tweb\t9\n", count: count)
        }
        var traffic = Traffic()
        traffic.add(log: lines.joined().utf8)
        return traffic
    }

    @Test("of no change is GO")
    func nothing() throws {
        let plan = try plan(to: Parts(), traffic: traffic(["10.0": 1, "11.0": 9]))
        #expect(failures(plan) == [])
        #expect(plan.isGo)
        #expect(Set(plan.items.map(\.question)) == Set(Plan.Question.allCases))
    }

    @Test("fails if a service loses an answer, in one family or in both")
    func coverage() throws {
        #expect(failures(try plan(to: Parts(ten: "none"))).contains(.coverage))
        let lost = try plan(
            from: Parts(ten: "sydney"), to: Parts(ten: "sydney", sydney: "[192.0.2.3]"), traffic: traffic(["11.0": 1]))
        #expect(failures(lost).contains(.coverage))
        let detail = try #require(lost.items.first { $0.question == .coverage }?.detail)
        #expect(detail.contains("AAAA") && !detail.contains(" A "))
        // A missing answer that was missing before is not a loss.
        let before = try plan(from: Parts(ten: "none"), to: Parts(ten: "none"), traffic: traffic(["11.0": 1]))
        #expect(!failures(before).contains(.coverage))
    }

    /// Plans a service that answers from two of three datacenters, some without their IPv6 addresses.
    private func spreadPlan(_ destination: String, losing lost: Set<String>) throws -> Plan {
        func snapshot(losing lost: Set<String>) throws -> Snapshot {
            let answers = ["oslo", "ashburn", "sydney"].enumerated().map { number, name in
                "\(name): [192.0.2.\(number)\(lost.contains(name) ? "" : ", \"2001:db8::\(number)\"")]"
            }
            let text = """
                state_directory: none
                datacenters: { oslo: {}, ashburn: {}, sydney: {} }
                maps: { main: { default: \(destination) } }
                services: { web: { map: main, ttl: 60, spread: 2, answers: { \(answers.joined(separator: ", ")) } } }
                zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } } }
                """
            let folder = try Folder()
            return try Snapshot(try Configuration.load(try folder.write(text.utf8, to: "geopipe.yaml")))
        }
        let change = Plan.Change(
            old: try snapshot(losing: []), isInForce: true, new: try snapshot(losing: lost), errors: [],
            configuration: nil, switches: [], health: nil, time: 1_000, traffic: nil, noWayBack: nil, namedApexes: [])
        return Plan(change, limits: Configuration.PlanLimits(), waived: [])
    }

    @Test(
        "takes a family for lost only where an answer may come from datacenters without it alone",
        arguments: [
            ("[oslo, ashburn, sydney]", ["ashburn"], false), ("[oslo, ashburn, sydney]", ["sydney"], false),
            ("[oslo, ashburn, sydney]", ["oslo", "ashburn"], true),
            ("{ random: [oslo, ashburn, sydney] }", ["oslo"], false),
            ("{ random: [oslo, ashburn, sydney] }", ["oslo", "sydney"], true),
        ] as [(String, Set<String>, Bool)])
    func spreadFamilies(destination: String, lost: Set<String>, isLost: Bool) throws {
        let plan = try spreadPlan(destination, losing: lost)
        #expect(failures(plan).contains(.coverage) == isLost, "\(plan.items)")
    }

    @Test("does not waive errors, which a rollout would refuse")
    func errors() throws {
        let configuration = try configuration()
        let snapshot = try Snapshot(configuration)
        let change = Plan.Change(
            old: snapshot, isInForce: true, new: snapshot, errors: ["a zone is broken"], configuration: configuration,
            switches: [], health: nil, time: 1_000, traffic: nil, noWayBack: nil, namedApexes: [])
        let plan = Plan(change, limits: configuration.planLimits, waived: [.errors])
        #expect(failures(plan) == [.errors])
    }

    @Test("lists the addresses that were never checked")
    func unchecked() throws {
        func detail(_ known: [String]) throws -> String? {
            let plan = try plan(to: Parts(), up: known)
            return plan.items.first { $0.question == .destinations }?.detail
        }
        let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "[2001:db8::1]", "[2001:db8::2]", "[2001:db8::3]"]
        #expect(try detail(all) == "all datacenters that would get more clients are up and not drained")
        #expect(
            try detail(all.filter { $0 != "192.0.2.3" })?.hasSuffix(
                "never checked: 192.0.2.3 of sydney (service web)") == true)
    }

    @Test("handles capacities and counts of any size")
    func greatNumbers() throws {
        let counters =
            ["1e300", "9.3e18", "9.3e18"].map { "geopipe_clients_total{country=\"NO\"} \($0)" }
            + ["geopipe_answers_total{service=\"web\"} 1e300"]
        let traffic = Traffic(counters: counters.joined(separator: "\n"))
        #expect(traffic.count > 2e18)
        #expect(try plan(to: Parts(peak: "100%"), traffic: traffic).items.count == Plan.Question.allCases.count)
        #expect(try plan(to: Parts(ten: "oslo", capacity: "0.000001")).items.count == Plan.Question.allCases.count)
        #expect(grouped(1e300) == grouped(Double(Int.max)))
    }

    @Test("fails if a datacenter exceeds its capacity, with all up or with any other down")
    func capacity() throws {
        // At the peak there are 92 of 230; oslo has room for 30 of them.
        #expect(!failures(try plan(to: Parts(), traffic: traffic(["10.0": 30, "11.0": 70]))).contains(.capacity))
        let full = try plan(to: Parts(), traffic: traffic(["10.0": 40, "11.0": 60]))
        #expect(failures(full).contains(.capacity))
        #expect(full.items.first { $0.question == .capacity }?.detail.contains("oslo would get 123%") == true)
        // 11.0.0.0/8 has only ashburn; the default's clients go to sydney, which has room for 100.
        let away = try plan(to: Parts(peak: "100%"), traffic: traffic(["192.0": 43, "20.0": 43, "10.0": 14]))
        #expect(failures(away).contains(.capacity))
        let detail = try #require(away.items.first { $0.question == .capacity }?.detail)
        #expect(detail.contains("while ashburn is away"))
    }

    @Test("fails if too many clients move, by traffic if known, or by addresses")
    func moves() throws {
        // 10.0.0.0/8 is 0.4% of IPv4.
        #expect(!failures(try plan(to: Parts(ten: "[sydney, oslo]"))).contains(.moves))
        let byTraffic = try plan(to: Parts(ten: "[sydney, oslo]"), traffic: traffic(["10.0": 6, "11.0": 94]))
        #expect(failures(byTraffic).contains(.moves))
        let waived = try plan(
            to: Parts(ten: "[sydney, oslo]"), traffic: traffic(["10.0": 6, "11.0": 94]), waived: [.moves])
        #expect(waived.isGo)
        #expect(waived.items.first { $0.question == .moves }?.result == .waived)
    }

    @Test("judges names that move to another service")
    func rebinding() throws {
        let moved = try plan(to: Parts(service: "far"), traffic: traffic(["11.0": 10]))
        #expect(failures(moved).contains(.moves))
        // Then all clients go to oslo, which has room for 30 of 92.
        #expect(failures(moved).contains(.capacity))
        #expect(moved.items.first { $0.question == .capacity }?.detail.contains("oslo would get 307%") == true)
        let drain = Switch(datacenter: "oslo", service: nil, share: 100, until: nil, user: "a", since: 1, reason: "")
        #expect(failures(try plan(to: Parts(service: "far"), switches: [drain])).contains(.destinations))
        let lost = try plan(to: Parts(service: "old"), traffic: traffic(["11.0": 10]))
        #expect(failures(lost) == [.coverage])
        #expect(lost.items.first { $0.question == .coverage }?.detail.contains("AAAA") == true)
    }

    @Test("does not count a partial drain as a full one")
    func partialDrain() throws {
        func drain(_ share: Int, _ areas: [Area] = []) -> Switch {
            Switch(
                datacenter: "sydney", service: nil, areas: areas, share: share, until: nil, user: "a", since: 1,
                reason: "")
        }
        let change = Parts(ten: "[sydney, oslo]")
        #expect(!failures(try plan(to: change, switches: [drain(1)])).contains(.destinations))
        let norway = try #require(Area("NO"))
        // All places are unknown here.
        #expect(!failures(try plan(to: change, switches: [drain(100, [norway])])).contains(.destinations))
    }

    @Test("fails if no hit belongs to its services, so the load is unknown")
    func strangeTraffic() throws {
        var traffic = Traffic()
        traffic.add(log: "t\t10.0.0.0/24\t\t\t\twww\toslo\tanother\t9\n".utf8)
        #expect(failures(try plan(to: Parts(), traffic: traffic)).contains(.capacity))
    }

    @Test("fails if names or the apex change without being named")
    func names() throws {
        let plan = try plan(to: Parts(zone: "example.net"))
        #expect(failures(plan).contains(.names))
        #expect(failures(plan).contains(.apex))
        #expect(!failures(try self.plan(to: Parts(zone: "example.net"), named: ["example.com"])).contains(.apex))
    }

    @Test("fails if a datacenter that gains clients is drained or down")
    func destinations() throws {
        let drain = Switch(
            datacenter: "sydney", service: nil, share: 100, until: nil, user: "a", since: 1, reason: "works")
        let drained = try plan(to: Parts(ten: "[sydney, oslo]"), switches: [drain])
        #expect(failures(drained).contains(.destinations))
        #expect(!failures(try plan(to: Parts(), switches: [drain])).contains(.destinations))
        #expect(
            failures(try plan(to: Parts(ten: "[sydney, oslo]"), down: ["192.0.2.3", "[2001:db8::3]"])).contains(
                .destinations))
    }

    @Test("fails for a broken safety rule, a missing way back, or too long TTLs")
    func others() throws {
        let drains = ["sydney", "ashburn"].map {
            Switch(datacenter: $0, service: nil, share: 100, until: nil, user: "a", since: 1, reason: "")
        }
        #expect(failures(try plan(to: Parts(), switches: drains)).contains(.safety))
        #expect(failures(try plan(to: Parts(), noWayBack: "it is gone")).contains(.wayBack))
        #expect(failures(try plan(from: Parts(ttl: 600), to: Parts(ten: "[sydney, oslo]", ttl: 600))).contains(.ttl))
        #expect(!failures(try plan(from: Parts(ttl: 600), to: Parts(ttl: 600))).contains(.ttl))
    }
}
