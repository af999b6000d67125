import Configuration
import DNS
import Foundation
import Geography
import Platform
import Support
import Testing

@testable import Answering
@testable import Inspection
@testable import State

@Suite("The health report file")
struct HealthReportTests {
    private static let sample = HealthReport(
        time: 1_800_000_000, process: 4711,
        states: [
            "tcp://192.0.2.1:80": .init(
                isUp: true, since: 1_700_000_000, reportedAt: 1_799_999_999, reason: "connected"),
            "http://[2001:db8::1]:80/x match=a%20b": .init(
                isUp: false, since: 1, reportedAt: 2, reason: "503 \"no\" 🔥"),
        ])

    @Test("is read as it was written")
    func roundTrip() throws {
        #expect(try HealthReport(Self.sample.text) == Self.sample)
        let empty = HealthReport(time: 0, process: 1, states: [:])
        #expect(try HealthReport(empty.text) == empty)
    }

    @Test("is refused if it is truncated or changed anywhere, or is another file")
    func untrusted() {
        let bytes = Array(Self.sample.text.utf8)
        for end in 0..<bytes.count {
            #expect(throws: StateFile.Untrusted.self) {
                try HealthReport(String(decoding: bytes[..<end], as: UTF8.self))
            }
        }
        for position in bytes.indices {
            var changed = bytes
            changed[position] ^= 1
            #expect(throws: StateFile.Untrusted.self) { try HealthReport(String(decoding: changed, as: UTF8.self)) }
        }
        #expect(throws: StateFile.Untrusted.self) { try HealthReport(SwitchFile.text([])) }
        #expect(throws: StateFile.Untrusted.self) { try HealthReport(StateFile.text("geopipe health 1", [])) }
    }

    @Test("counts for a day, even if clocks were set")
    func age() {
        let reportedAt = Self.sample.states["tcp://192.0.2.1:80"]!.reportedAt
        let down = HealthReport(
            time: reportedAt, process: 1,
            states: ["a": .init(isUp: false, since: 0, reportedAt: reportedAt, reason: "")])
        #expect(down.down(at: reportedAt + 86_399).count == 1)
        #expect(down.down(at: reportedAt + 86_400).isEmpty)
        #expect(down.down(at: reportedAt - 3_600).count == 1)
        #expect(down.down(at: reportedAt - 86_400).isEmpty)
    }

    @Test("is completed with earlier states, except for those that are too old")
    func completed() {
        func state(_ isUp: Bool, reportedAt: Int) -> HealthReport.State {
            .init(isUp: isUp, since: 0, reportedAt: reportedAt, reason: "")
        }
        let older = HealthReport(
            time: 0, process: 1,
            states: [
                "a": state(false, reportedAt: 99_000), "b": state(false, reportedAt: 99_000),
                "c": state(false, reportedAt: 10),
            ])
        var newer = HealthReport(time: 100_000, process: 2, states: ["a": state(true, reportedAt: 100_000)])
        newer.complete(from: older)
        #expect(newer.states.mapValues(\.isUp) == ["a": true, "b": false])
    }
}

@Suite("Health of a service")
struct ServiceHealthTests {
    /// A world in which every client prefers oslo to ashburn.
    ///
    /// - Parameter fields: additional fields of the service.
    private func world(_ fields: String) throws -> (Snapshot, Configuration) {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {} }
            maps: { m: { default: [oslo, ashburn] } }
            services:
              web:
                map: m
                check: { tcp: 80 }
                answers:
                  oslo: [192.0.2.1, 192.0.2.2, 192.0.2.3, "2001:db8::1", "2001:db8::2"]
                  ashburn: { A: [198.51.100.1, 198.51.100.2], TXT: there }
                \(fields)
            zones:
              example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } }
            """.utf8, to: "geopipe.yaml")
        let configuration = try Configuration.load(file)
        return (try Snapshot(configuration), configuration)
    }

    /// The last parts of the addresses in the answer, and the TXT records.
    private func answer(
        _ fields: String, down: [String], drained: [String] = [], client: String = "203.0.113.1"
    ) throws -> [String] {
        let (snapshot, _) = try world(fields)
        let states = down.map {
            ("tcp://\($0):80", HealthReport.State(isUp: false, since: 0, reportedAt: 1_000, reason: ""))
        }
        let switches = drained.map {
            Switch(datacenter: $0, service: nil, share: 100, until: nil, user: "", since: 0, reason: "")
        }
        let health = HealthReport(time: 1_000, process: 1, states: Dictionary(uniqueKeysWithValues: states))
        let serving = Serving(snapshot, switches: switches, health: health, at: 1_000)
        return try LocalQuery(serving).ask("www.example.com", type: "ANY", client: IPPrefix(client)!).records
            .map(\.content).sorted()
    }

    private static let oslo = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]
    private static let ashburn = ["198.51.100.1", "198.51.100.2", "\"there\""].sorted()
    private static let osloDown = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "[2001:db8::1]", "[2001:db8::2]"]
    private static let ashburnDown = ["198.51.100.1", "198.51.100.2"]

    private static let osloIPv6 = ["2001:db8::1", "2001:db8::2"]

    @Test("leaves out addresses that are down, and a datacenter for a family below its quorum")
    func quorum() throws {
        #expect(try answer("", down: []) == Self.oslo)
        #expect(try answer("", down: ["192.0.2.2", "[2001:db8::1]"]) == ["192.0.2.1", "192.0.2.3", "2001:db8::2"])
        let ashburnIPv4 = ["198.51.100.1", "198.51.100.2"]
        #expect(try answer("", down: ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) == ashburnIPv4 + Self.osloIPv6)
        #expect(try answer("", down: Self.osloDown) == Self.ashburn)
        #expect(try answer("quorum: 2", down: ["192.0.2.2"]) == Self.oslo.filter { $0 != "192.0.2.2" })
        #expect(try answer("quorum: 2", down: ["192.0.2.2", "192.0.2.3"]) == ashburnIPv4 + Self.osloIPv6)
        #expect(try answer("quorum: 61%", down: ["192.0.2.2"]) == Self.oslo.filter { $0 != "192.0.2.2" })
        #expect(try answer("quorum: 67%", down: ["192.0.2.2"]) == ashburnIPv4 + Self.osloIPv6)
        // If there are fewer addresses than the quorum, all must be up.
        #expect(try answer("quorum: 4", down: ["192.0.2.2"]) == ashburnIPv4 + Self.osloIPv6)
        #expect(try answer("quorum: 4", down: Self.osloDown) == Self.ashburn)
    }

    @Test("of one family does not change the answers of the other")
    func families() throws {
        let ipv4 = Self.oslo.filter { !$0.contains(":") }
        // No other datacenter on the list has an IPv6 address, so health is ignored for that family only.
        #expect(try answer("", down: ["[2001:db8::1]", "[2001:db8::2]"]) == Self.oslo)
        #expect(try answer("when_all_down: nothing", down: ["[2001:db8::1]", "[2001:db8::2]"]) == ipv4)
        #expect(
            try answer("", down: ["192.0.2.3", "[2001:db8::1]", "[2001:db8::2]"])
                == ["192.0.2.1", "192.0.2.2"] + Self.osloIPv6)
    }

    @Test("below the quorum everywhere, uses the datacenter with the largest part up")
    func shortEverywhere() throws {
        #expect(
            try answer("quorum: 100%", down: ["192.0.2.1", "192.0.2.2", "198.51.100.1"])
                == ["198.51.100.2"] + Self.osloIPv6)
        #expect(
            try answer("quorum: 100%", down: ["192.0.2.1", "198.51.100.1"])
                == ["192.0.2.2", "192.0.2.3"] + Self.osloIPv6)
        #expect(
            try answer("quorum: 100%\n    when_all_down: nothing", down: ["192.0.2.1", "198.51.100.1"]) == Self.osloIPv6
        )
        #expect(
            try answer("quorum: 3", down: ["192.0.2.1", "192.0.2.2", "198.51.100.1", "[2001:db8::2]"])
                == ["198.51.100.2", "2001:db8::1"])
        #expect(
            try answer("quorum: 3", down: Self.ashburnDown + ["192.0.2.1", "192.0.2.2", "[2001:db8::2]"])
                == ["192.0.2.3", "2001:db8::1"])
    }

    @Test("ranks below drains and above the map")
    func precedence() throws {
        #expect(try answer("", down: Self.osloDown + Self.ashburnDown) == Self.oslo)
        #expect(try answer("", down: Self.osloDown, drained: ["ashburn"]) == Self.oslo)
        #expect(try answer("", down: Self.ashburnDown, drained: ["oslo"]) == Self.ashburn)
        #expect(
            try answer("", down: ["198.51.100.1"], drained: ["oslo"]) == Self.ashburn.filter { $0 != "198.51.100.1" })
        // If all are drained, health decides.
        #expect(try answer("", down: Self.osloDown, drained: ["oslo", "ashburn"]) == Self.ashburn)
        #expect(
            try answer("", down: Self.osloDown + Self.ashburnDown, drained: ["oslo", "ashburn"]) == Self.oslo)
    }

    @Test("gives no answer when all is down, with when_all_down: nothing")
    func nothing() throws {
        let fields = "when_all_down: nothing"
        #expect(try answer(fields, down: Self.osloDown) == Self.ashburn)
        #expect(try answer(fields, down: Self.osloDown + Self.ashburnDown) == [])
    }

    @Test("picks among addresses that are up")
    func pick() throws {
        var seen: Set<String> = []
        for client in 0..<100 {
            let addresses = try answer(
                "pick: 1\n    sticky: true", down: ["192.0.2.2", "[2001:db8::1]"], client: "203.0.\(client).1")
            #expect(addresses.count == 2 && addresses[1] == "2001:db8::2")
            seen.insert(addresses[0])
        }
        #expect(seen == ["192.0.2.1", "192.0.2.3"])
        let spread = try answer("spread: 2", down: ["192.0.2.1", "192.0.2.3", "198.51.100.1"])
        #expect(spread.contains("192.0.2.2") && spread.contains("198.51.100.2") && spread.count == 4)
    }

    @Test("is explained")
    func explained() throws {
        let (snapshot, configuration) = try world("")
        let down = HealthReport.State(isUp: false, since: 0, reportedAt: 1_000, reason: "connection refused")
        let health = HealthReport(time: 1_000, process: 1, states: ["tcp://192.0.2.1:80": down])
        let explanation = try Serving(snapshot, switches: [], health: health, at: 1_000)
            .explain("www.example.com", for: IPPrefix("203.0.113.1")!, configuration)
        let candidates = explanation.service?.preference.joined().map(\.self) ?? []
        #expect(candidates.map(\.isAvailable) == [true, true])
        #expect(candidates.first?.health?.up == 4)
        #expect(candidates.first?.health?.ipv4.up == 2)
        #expect(candidates.first?.health?.ipv6.up == 2)
        #expect(explanation.service?.notes == ["down: tcp://192.0.2.1:80: connection refused"])
    }
}

/// Checks the rules of answers in every combination of down and drained.
@Suite("Health of a service, in every state")
struct HealthTableTests {
    private static let addresses: [[String]] = [
        ["192.0.2.1", "192.0.2.2", "2001:db8:1::1", "2001:db8:1::2"],
        ["198.51.100.1", "198.51.100.2", "2001:db8:2::1"],
        ["203.0.113.1"],
    ]
    private static let names = ["oslo", "ashburn", "singapore"]

    private struct Case: Sendable {
        var quorum: String
        var answersWhenAllDown: Bool
        /// The number of addresses of `count` that must be up.
        var required: @Sendable (_ count: Int) -> Int
    }

    private static let cases: [Case] = [true, false].flatMap { answers in
        [
            Case(quorum: "1", answersWhenAllDown: answers) { _ in 1 },
            Case(quorum: "2", answersWhenAllDown: answers) { min(2, $0) },
            Case(quorum: "51%", answersWhenAllDown: answers) { $0 / 2 + 1 },
        ]
    }

    @Test(
        "an address that is down is not given while one of its family is up, and families do not mix", arguments: 0..<6)
    func table(number: Int) throws {
        let tried = Self.cases[number]
        let folder = try Folder()
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {}, singapore: {} }
            maps: { m: { default: [oslo, ashburn, singapore] } }
            services:
              web:
                map: m
                check: { tcp: 80 }
                quorum: \(tried.quorum)
                when_all_down: \(tried.answersWhenAllDown ? "answer" : "nothing")
                answers:
                  oslo: [192.0.2.1, 192.0.2.2, "2001:db8:1::1", "2001:db8:1::2"]
                  ashburn: [198.51.100.1, 198.51.100.2, "2001:db8:2::1"]
                  singapore: 203.0.113.1
            zones:
              example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } }
            """.utf8, to: "geopipe.yaml")
        let snapshot = try Snapshot(Configuration.load(file))
        let all = Self.addresses.joined().map(\.self)
        for bits in 0..<(1 << all.count) {
            let down = Set(all.indices.filter { bits >> $0 & 1 == 1 }.map { all[$0] })
            for drains in [Set<Int>(), [0], [1], [0, 1], [0, 1, 2]] {
                let answer = try answer(snapshot, down: down, drained: drains)
                for family in ["IPv4", "IPv6"] {
                    expect(answer, family, down: down, drained: drains, tried)
                }
            }
        }
    }

    private func answer(_ snapshot: Snapshot, down: Set<String>, drained: Set<Int>) throws -> [String] {
        let states = down.map {
            let target = $0.contains(":") ? "tcp://[\($0)]:80" : "tcp://\($0):80"
            return (target, HealthReport.State(isUp: false, since: 0, reportedAt: 1_000, reason: ""))
        }
        let switches = drained.map {
            Switch(
                datacenter: Self.names[$0], service: nil, share: 100, until: nil, user: "", since: 0, reason: "")
        }
        let health = HealthReport(time: 1_000, process: 1, states: Dictionary(uniqueKeysWithValues: states))
        let serving = Serving(snapshot, switches: switches, health: health, at: 1_000)
        return try LocalQuery(serving).ask("www.example.com", type: "ANY", client: IPPrefix("203.0.113.1")!).records
            .map(\.content)
    }

    /// Checks the addresses of a family in an answer against the rules in docs/configuration.md, written here
    /// independently of the program.
    private func expect(
        _ answer: [String], _ family: String, down: Set<String>, drained: Set<Int>, _ tried: Case
    ) {
        func isMine(_ address: String) -> Bool { address.contains(":") == (family == "IPv6") }
        let mine = Self.addresses.map { $0.filter(isMine) }
        let given = answer.filter(isMine)
        let state: Comment = "\(family), down \(down.sorted()), drained \(drained.sorted()): \(answer)"
        func isUp(_ datacenter: Int, _ addresses: [String]) -> Bool {
            !addresses.isEmpty && addresses.count { !down.contains($0) } >= tried.required(addresses.count)
        }
        // The datacenter of the other records matters only if it has no addresses of this family.
        let open = Self.names.indices.filter { !drained.contains($0) }
        let isServed = { (datacenter: Int) in
            isUp(datacenter, Self.addresses[datacenter].filter { $0.contains(":") })
                || isUp(datacenter, Self.addresses[datacenter].filter { !$0.contains(":") })
        }
        let first = open.first(where: isServed)
        if let first, mine[first].isEmpty { return #expect(given.isEmpty, state) }

        // The addresses come from one datacenter at most.
        let sources = mine.indices.filter { !Set(mine[$0]).isDisjoint(with: given) }
        #expect(sources.count <= 1, state)
        let enough = open.first { isUp($0, mine[$0]) }
        if let enough {
            #expect(given == mine[enough].filter { !down.contains($0) }, state)
        } else if !tried.answersWhenAllDown {
            #expect(given.isEmpty, state)
        } else if open.contains(where: { !mine[$0].isEmpty && !mine[$0].allSatisfy(down.contains) }) {
            #expect(!given.isEmpty && given.allSatisfy { !down.contains($0) }, state)
            #expect(sources.allSatisfy(open.contains), state)
        } else if open.contains(where: { !mine[$0].isEmpty }), first != nil || family == "IPv4" {
            // Nothing of the family is up, so all count as up.
            #expect(given == mine[open.first { !mine[$0].isEmpty }!], state)
        }
    }
}
