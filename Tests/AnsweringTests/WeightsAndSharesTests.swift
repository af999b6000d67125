import Configuration
import Foundation
import Geography
import Support
import Testing

@testable import Answering
@testable import Inspection
@testable import State

@Suite("Weights of addresses and shares of datacenters")
struct WeightsAndSharesTests {
    private static let comesBack = 1_000
    private static let time = 10_000

    /// A world in which every client prefers oslo to ashburn.
    ///
    /// - Parameter fields: additional fields of the service.
    private func world(
        _ fields: String = "", check: String = "{ tcp: 80 }", addresses: String = "[192.0.2.1, 192.0.2.2]"
    ) throws -> Snapshot {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {} }
            maps: { m: { default: [oslo, ashburn] } }
            services:
              web:
                map: m
                check: \(check)
                comes_back: \(Self.comesBack)s
                answers: { oslo: \(addresses), ashburn: 198.51.100.1 }
                \(fields)
            zones:
              example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } }
            """.utf8, to: "geopipe.yaml")
        return try Snapshot(Configuration.load(file))
    }

    private func state(
        _ isUp: Bool = true, weight: Int = 100, backFor seconds: Int? = nil, fellBefore fall: Int? = nil
    ) -> HealthReport.State {
        .init(
            isUp: isUp, since: isUp ? 0 : fall.map { Self.time - $0 } ?? 0, reportedAt: Self.time, reason: "",
            weight: weight, cameBackAt: seconds.map { Self.time - $0 }, wentDownAt: fall.map { Self.time - $0 })
    }

    private func serving(
        _ snapshot: Snapshot, _ states: [String: HealthReport.State], drained: (name: String, share: Int)? = nil
    ) -> Serving {
        let states = Dictionary(uniqueKeysWithValues: states.map { ("tcp://\($0.key):80", $0.value) })
        let switches = drained.map {
            [Switch(datacenter: $0.name, service: nil, share: $0.share, until: nil, user: "", since: 0, reason: "")]
        }
        return Serving(
            snapshot, switches: switches ?? [], health: HealthReport(time: Self.time, process: 1, states: states),
            at: Self.time)
    }

    /// The addresses that each of 4,096 client networks gets.
    private func answers(_ serving: Serving) throws -> [Set<String>] {
        let inquiry = LocalQuery(serving)
        return try (0..<4_096).map { number in
            let client = IPPrefix("10.\(number / 256).\(number % 256).0/24")!
            return Set(try inquiry.ask("www.example.com", type: "A", client: client).records.map(\.content))
        }
    }

    /// The part of the client networks that get an answer of oslo, in percent.
    private func oslo(_ serving: Serving) throws -> Double {
        let count = try answers(serving).count { $0.contains("192.0.2.1") || $0.contains("192.0.2.2") }
        return Double(count) / 40.96
    }

    private func isNear(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 4 }

    @Test("a datacenter that has come back up takes a growing share of its clients")
    func ramp() throws {
        let snapshot = try world()
        func share(_ seconds: Int?) throws -> Double {
            try oslo(serving(snapshot, ["192.0.2.1": state(backFor: seconds), "192.0.2.2": state(backFor: seconds)]))
        }
        #expect(try share(nil) == 100, "it was never down")
        #expect(isNear(try share(0), 5))
        #expect(isNear(try share(300), 30))
        #expect(isNear(try share(990), 99))
        #expect(try share(1_000) == 100)
        #expect(try share(-50) == 100, "the clock was set")
    }

    @Test("while the share grows, a network that was sent there stays, and the scope is the network's")
    func stable() throws {
        let snapshot = try world()
        var before = Set<Int>()
        for seconds in stride(from: 0, through: 1_000, by: 100) {
            let states = ["192.0.2.1": state(backFor: seconds), "192.0.2.2": state(backFor: seconds)]
            let answers = try answers(serving(snapshot, states))
            let now = Set(answers.indices.filter { answers[$0].contains("192.0.2.1") })
            #expect(now.isSuperset(of: before), "\(seconds)")
            before = now
        }
        let limited = serving(snapshot, ["192.0.2.1": state(backFor: 1), "192.0.2.2": state(backFor: 1)])
        let answer = try LocalQuery(limited).ask("www.example.com", type: "A", client: IPPrefix("10.0.0.0/28")!)
        #expect(answer.records.allSatisfy { $0.scope == 24 })
    }

    @Test("a datacenter that stayed up by other addresses takes all clients at once")
    func quorum() throws {
        let states = ["192.0.2.1": state(backFor: 1), "192.0.2.2": state()]
        #expect(try oslo(serving(world(), states)) == 100)
        #expect(isNear(try oslo(serving(world("quorum: 2"), states)), 5))
    }

    @Test("clients without another datacenter get one that is coming back", arguments: ["answer", "nothing"])
    func nowhereElse(word: String) throws {
        let snapshot = try world("when_all_down: \(word)")
        let back = ["192.0.2.1": state(backFor: 1), "192.0.2.2": state(backFor: 1)]
        #expect(try oslo(serving(snapshot, back.merging(["198.51.100.1": state(false)]) { $1 })) == 100)
        #expect(try oslo(serving(snapshot, back, drained: ("ashburn", 100))) == 100)
        // All datacenters come back together.
        let all = try answers(serving(snapshot, back.merging(["198.51.100.1": state(backFor: 1)]) { $1 }))
        #expect(all.allSatisfy { !$0.isEmpty })
    }

    @Test("the share applies to the part that a partial drain leaves")
    func drained() throws {
        let states = ["192.0.2.1": state(backFor: 500), "192.0.2.2": state(backFor: 500)]
        #expect(isNear(try oslo(serving(world(), states, drained: ("oslo", 40))), 30))
    }

    @Test("reported weights reduce the share of a datacenter and the weights of its addresses")
    func weights() throws {
        let states = ["192.0.2.1": state(weight: 40), "192.0.2.2": state()]
        #expect(isNear(try oslo(serving(world(), states)), 70))
        let answers = try answers(serving(world("pick: 1\n    sticky: true"), states))
        func percent(_ address: String) -> Double { Double(answers.count { $0 == [address] }) / 40.96 }
        #expect(isNear(percent("192.0.2.1"), 20))
        #expect(isNear(percent("192.0.2.2"), 50))
        #expect(isNear(percent("198.51.100.1"), 30))
        // The weight of an address that is down is ignored.
        #expect(isNear(try oslo(serving(world(), ["192.0.2.1": state(weight: 40), "192.0.2.2": state(false)])), 40))
    }

    @Test("an address must pass all of its checks, and the lowest weight applies")
    func several() throws {
        let snapshot = try world(check: "[{ tcp: 80 }, { tcp: 81 }]")
        let health = HealthReport(
            time: Self.time, process: 1,
            states: [
                "tcp://192.0.2.1:80": state(), "tcp://192.0.2.1:81": state(false),
                "tcp://192.0.2.2:80": state(weight: 50), "tcp://192.0.2.2:81": state(weight: 60),
            ])
        let serving = Serving(snapshot, switches: [], health: health, at: Self.time)
        #expect(isNear(try oslo(serving), 50))
        #expect(try answers(serving).allSatisfy { !$0.contains("192.0.2.1") })
        #expect(serving.weightsAndShares.shares == [[50, 100]])
    }

    @Test("are explained")
    func explained() throws {
        let folder = try Folder()
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {} }
            maps: { m: { default: [oslo, ashburn] } }
            services: { web: { map: m, check: { tcp: 80 }, answers: { oslo: 192.0.2.1, ashburn: 198.51.100.1 } } }
            zones:
              example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } }
            """.utf8, to: "geopipe.yaml")
        let configuration = try Configuration.load(file)
        let serving = serving(try Snapshot(configuration), ["192.0.2.1": state(weight: 40)])
        let explanation = try serving.explain("www.example.com", for: IPPrefix("203.0.113.1")!, configuration)
        #expect(explanation.service?.notes == ["share: oslo takes 40% of its client networks for now"])
        #expect(explanation.service?.preference.joined().allSatisfy { $0.isAvailable && !$0.isDrained } == true)
    }

    @Test("do not follow from a rolling restart")
    func rollingRestart() throws {
        let world = try world()
        let first = state(backFor: 30, fellBefore: 60)
        for second in [state(false, fellBefore: 10), state(backFor: 5, fellBefore: 10)] {
            #expect(serving(world, ["192.0.2.1": first, "192.0.2.2": second]).weightsAndShares == WeightsAndShares())
        }
        // Here both addresses were down at once.
        let second = state(backFor: 5, fellBefore: 50)
        #expect(serving(world, ["192.0.2.1": first, "192.0.2.2": second]).weightsAndShares.shares == [[5, 100]])
    }

    @Test("do not follow if one family comes back while the other stayed up")
    func families() throws {
        let world = try world("when_all_down: answer", addresses: "[192.0.2.1, \"2001:db8::1\"]")
        let back = state(backFor: 10, fellBefore: 100)
        let target = "[2001:db8::1]"
        #expect(serving(world, [target: back]).weightsAndShares == WeightsAndShares())
        #expect(serving(world, ["192.0.2.1": state(false), target: back]).weightsAndShares.shares == [[5, 100]])
    }

    @Test("are in the health report, whose other lines do not change")
    func file() throws {
        let report = HealthReport(
            time: 1, process: 2,
            states: [
                "a": .init(isUp: true, since: 3, reportedAt: 4, reason: "r", weight: 40, cameBackAt: 3, wentDownAt: 1),
                "b": .init(isUp: true, since: 3, reportedAt: 4, reason: "r", weight: 40),
                "c": .init(isUp: true, since: 3, reportedAt: 4, reason: "r"),
            ])
        #expect(try HealthReport(report.text) == report)
        #expect(report.text.contains("\nup\t3\t4\tc\tr\n"))
        for fields in [
            ["0", "", ""], ["101", "", ""], ["x", "", ""], ["40", "x", ""], ["40", "", "-1"], ["40", ""],
        ] {
            let text = StateFile.text(
                "geopipe health 1", [["report", "1", "2"], ["up", "3", "4", "a", "r"] + fields])
            #expect(throws: StateFile.Untrusted.self) { try HealthReport(text) }
        }
    }

    @Test("are in an image with the checks")
    func image() throws {
        let folder = try Folder()
        let file = try folder.write(
            """
            notify: { command: [/bin/tell, all], every: 5m, timeout: 10 }
            datacenters: { oslo: {} }
            maps: { m: { default: oslo } }
            services:
              web:
                map: m
                answers: { oslo: [192.0.2.1, 192.0.2.2] }
                comes_back: 10m
                check:
                  - https:
                      { method: POST, body: b, host: h, headers: { A: "1", B: "" }, match: m, no_match: n, weight_header: w,
                        expect: [200, 300-302], verify: false, path: /p, port: 8443 }
                    address: 10.0.0.1
                  - { command: [/bin/check, "{address}"] }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """.utf8, to: "geopipe.yaml")
        let configuration = try Configuration.load(file)
        let snapshot = try Snapshot(configuration)
        #expect(snapshot.notify == configuration.notify)
        #expect(snapshot.notify?.every == 300)
        let (read, written) = (snapshot.healthTargets, configuration.healthTargets)
        #expect(read.map(\.identity) == written.map(\.identity))
        #expect(read.map(\.address) == written.map(\.address))
        #expect(read.map(\.check.probe) == written.map(\.check.probe))
        #expect(read.map(\.uses) == written.map(\.uses))
        #expect(read.map(\.comesBack) == written.map(\.comesBack))
    }
}
