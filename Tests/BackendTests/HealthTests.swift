import Configuration
import Foundation
import Geography
import Support
import Testing

@testable import Backend

@Suite("The file of the health")
struct HealthReportTests {
    private static let sample = HealthReport(
        time: 1_800_000_000, process: 4711,
        states: [
            "tcp://192.0.2.1:80": .init(isUp: true, since: 1_700_000_000, told: 1_799_999_999, reason: "connected"),
            "http://[2001:db8::1]:80/x match=a%20b": .init(isUp: false, since: 1, told: 2, reason: "503 \"no\" 🔥"),
        ])

    @Test("gives back what was put into it")
    func roundTrip() throws {
        #expect(try HealthReport(Self.sample.text) == Self.sample)
        let empty = HealthReport(time: 0, process: 1, states: [:])
        #expect(try HealthReport(empty.text) == empty)
    }

    @Test("is refused if it is torn or was changed, wherever that is, and if it is another file")
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

    @Test("counts for a day, whatever clocks have done")
    func age() {
        let told = Self.sample.states["tcp://192.0.2.1:80"]!.told
        let down = HealthReport(
            time: told, process: 1, states: ["a": .init(isUp: false, since: 0, told: told, reason: "")])
        #expect(down.down(at: told + 86_399).count == 1)
        #expect(down.down(at: told + 86_400).isEmpty)
        #expect(down.down(at: told - 3_600).count == 1)
        #expect(down.down(at: told - 86_400).isEmpty)
    }

    @Test("is completed by what was known before, but not by what is too old")
    func completed() {
        func state(_ isUp: Bool, told: Int) -> HealthReport.State {
            .init(isUp: isUp, since: 0, told: told, reason: "")
        }
        let older = HealthReport(
            time: 0, process: 1,
            states: ["a": state(false, told: 99_000), "b": state(false, told: 99_000), "c": state(false, told: 10)])
        var newer = HealthReport(time: 100_000, process: 2, states: ["a": state(true, told: 100_000)])
        newer.complete(from: older)
        #expect(newer.states.mapValues(\.isUp) == ["a": true, "b": false])
    }
}

@Suite("Health of a service")
struct ServiceHealthTests {
    /// A world in which every client prefers oslo to ashburn.
    ///
    /// - Parameter fields: further ones of the service.
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

    /// The ends of the addresses that are answered, and the texts.
    private func answer(
        _ fields: String, down: [String], drained: [String] = [], client: String = "203.0.113.1"
    ) throws -> [String] {
        let (snapshot, _) = try world(fields)
        let states = down.map { ("tcp://\($0):80", HealthReport.State(isUp: false, since: 0, told: 1_000, reason: "")) }
        let switches = drained.map {
            Switch(datacenter: $0, service: nil, share: 100, until: nil, who: "", since: 0, reason: "")
        }
        let health = HealthReport(time: 1_000, process: 1, states: Dictionary(uniqueKeysWithValues: states))
        let serving = Serving(snapshot, switches: switches, health: health, at: 1_000)
        return try Inquiry(serving).ask("www.example.com", type: "ANY", client: IPPrefix(client)!).records
            .map(\.content).sorted()
    }

    private static let oslo = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]
    private static let ashburn = ["198.51.100.1", "198.51.100.2", "\"there\""].sorted()
    private static let osloDown = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "[2001:db8::1]", "[2001:db8::2]"]
    private static let ashburnDown = ["198.51.100.1", "198.51.100.2"]

    @Test("leaves out what is down, and leaves a datacenter of which not enough is up, or nothing of a family")
    func quorum() throws {
        #expect(try answer("", down: []) == Self.oslo)
        #expect(try answer("", down: ["192.0.2.2", "[2001:db8::1]"]) == ["192.0.2.1", "192.0.2.3", "2001:db8::2"])
        #expect(try answer("", down: ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) == Self.ashburn)
        #expect(try answer("", down: ["[2001:db8::1]", "[2001:db8::2]"]) == Self.ashburn)
        #expect(try answer("quorum: 4", down: ["192.0.2.2"]) == Self.oslo.filter { $0 != "192.0.2.2" })
        #expect(try answer("quorum: 4", down: ["192.0.2.2", "192.0.2.3"]) == Self.ashburn)
        #expect(try answer("quorum: 100%", down: ["[2001:db8::2]"]) == Self.ashburn)
        #expect(try answer("quorum: 61%", down: ["192.0.2.2"]) == Self.oslo.filter { $0 != "192.0.2.2" })
        #expect(try answer("quorum: 61%", down: ["192.0.2.2", "192.0.2.3"]) == Self.ashburn)
        // Of fewer addresses than it asks for it wants all.
        #expect(try answer("quorum: 4", down: Self.osloDown) == Self.ashburn)
        #expect(try answer("quorum: 4", down: Self.osloDown + ["198.51.100.1"]) == Self.oslo)
    }

    @Test("goes by drains first, then by health, then by the map")
    func precedence() throws {
        #expect(try answer("", down: Self.osloDown + Self.ashburnDown) == Self.oslo)
        #expect(try answer("", down: Self.osloDown, drained: ["ashburn"]) == Self.oslo)
        #expect(try answer("", down: Self.ashburnDown, drained: ["oslo"]) == Self.ashburn)
        #expect(
            try answer("", down: ["198.51.100.1"], drained: ["oslo"]) == Self.ashburn.filter { $0 != "198.51.100.1" })
        // If all are drained, health has a say.
        #expect(try answer("", down: Self.osloDown, drained: ["oslo", "ashburn"]) == Self.ashburn)
        #expect(
            try answer("", down: Self.osloDown + Self.ashburnDown, drained: ["oslo", "ashburn"]) == Self.oslo)
    }

    @Test("answers nothing when all is down, where that is wanted")
    func nothing() throws {
        let fields = "when_all_down: nothing"
        #expect(try answer(fields, down: Self.osloDown) == Self.ashburn)
        #expect(try answer(fields, down: Self.osloDown + Self.ashburnDown) == [])
    }

    @Test("picks among what is up")
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
        let down = HealthReport.State(isUp: false, since: 0, told: 1_000, reason: "connection refused")
        let health = HealthReport(time: 1_000, process: 1, states: ["tcp://192.0.2.1:80": down])
        let explanation = try Serving(snapshot, switches: [], health: health, at: 1_000)
            .explain("www.example.com", for: IPPrefix("203.0.113.1")!, configuration)
        let candidates = explanation.service?.preference.joined().map(\.self) ?? []
        #expect(candidates.map(\.isAvailable) == [true, true])
        #expect(candidates.first?.health?.up == 4)
        #expect(explanation.service?.notes == ["down: tcp://192.0.2.1:80: connection refused"])
    }
}
