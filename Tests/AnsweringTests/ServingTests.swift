import Configuration
import Foundation
import Platform
import Support
import Testing

@testable import Answering
@testable import State

@Suite("A serving")
struct ServingTests {
    private let snapshot: Snapshot

    init() throws {
        let folder = try Folder()
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {} }
            maps: { m: { default: [oslo, ashburn] } }
            services:
              web: { map: m, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
              api: { map: m, answers: { oslo: 192.0.2.3, ashburn: 192.0.2.4 } }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """.utf8, to: "geopipe.yaml")
        snapshot = try Snapshot(Configuration.load(file))
    }

    private func drained(
        _ datacenter: String, service: String? = nil, share: Int = 100, until: Int? = nil
    ) -> Switch {
        Switch(datacenter: datacenter, service: service, share: share, until: until, user: "", since: 0, reason: "")
    }

    private func serving(_ switches: Switch..., at time: Int = 1_000) -> Serving {
        Serving(snapshot, switches: switches, at: time)
    }

    private func state(_ serving: Serving, _ service: Int = 0) -> ServiceState {
        serving.state(ofService: service, for: .v4(0), length: 32, resolver: .v4(0)).state
    }

    /// The number of 4,000 networks that may use a datacenter, for the services web and api.
    private func open(_ datacenter: Int, _ serving: Serving) -> [Int] {
        (0...1).map { service in
            let availability = state(serving, service).undrained
            return (0..<4_000).count { availability.forNetwork(UInt64($0)).contains(datacenter) }
        }
    }

    @Test("leaves out a drained datacenter, for all services or for one")
    func service() {
        #expect(open(0, serving()) == [4_000, 4_000])
        #expect(open(0, serving(drained("oslo"))) == [0, 0])
        #expect(open(1, serving(drained("oslo"))) == [4_000, 4_000])
        #expect(open(0, serving(drained("oslo", service: "api"))) == [4_000, 0])
        #expect(open(0, serving(drained("oslo", service: "gone"))) == [4_000, 4_000])
        #expect(open(0, serving(drained("gone"))) == [4_000, 4_000])
    }

    @Test("leaves out a partly drained datacenter for some networks; the largest of several drains counts")
    func share() {
        let parts = open(0, serving(drained("oslo", share: 25)))
        #expect(parts[0] == parts[1])
        #expect(2_800...3_200 ~= parts[0])
        let larger = open(0, serving(drained("oslo", service: "api", share: 75), drained("oslo", share: 25)))
        #expect(larger[0] == parts[0])
        #expect(800...1_200 ~= larger[1])
        #expect(
            open(0, serving(drained("oslo", share: 25), drained("oslo", service: "api", share: 75))) == larger)
        #expect(open(0, serving(drained("oslo", service: "web"), drained("oslo", share: 25))) == [0, parts[0]])
    }

    @Test("is the same for all networks without partial drains")
    func sameForAll() {
        #expect(state(serving(drained("oslo"))).isSameForAll)
        #expect(!state(serving(drained("oslo", share: 99))).isSameForAll)
        #expect(state(serving(drained("oslo", service: "api", share: 99))).isSameForAll)
    }

    @Test("ignores switches that have ended")
    func until() {
        let serving = { self.serving(drained("oslo", until: 1_000), at: $0) }
        #expect(open(0, serving(999)) == [0, 0])
        #expect(serving(999).switches.count == 1)
        #expect(open(0, serving(1_000)) == [4_000, 4_000])
        #expect(serving(1_000).switches.isEmpty)
    }
}
