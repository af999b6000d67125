import Foundation
import State
import Support
import Testing

@Suite("geopipe status with vantage points")
struct VantageStatusTests {
    private static let now = Int(Date().timeIntervalSince1970)

    /// The output of `status` about vantage points.
    private func status(_ standing: VantageStanding) throws -> (code: Int32, text: String, json: String) {
        let folder = try Folder()
        try folder.write(
            Array(
                """
                state_directory: state
                datacenters: { oslo: {} }
                maps: { all: { default: oslo } }
                services: { web: { map: all, answers: { oslo: 192.0.2.1 }, check: { tcp: 80 } } }
                zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }

                """.utf8), to: "geopipe.yaml")
        let state = StateDirectory(path: "\(folder.path)/state")
        try state.tell(
            HealthReport(
                time: Self.now, process: 1,
                states: ["tcp://192.0.2.1:80": .init(isUp: true, since: 1, reportedAt: Self.now, reason: "connected")]))
        try state.tell(standing)
        let text = try Program.geopipe.run(["status", "--config", "geopipe.yaml"], in: folder)
        let json = try Program.geopipe.run(["status", "--config", "geopipe.yaml", "--json"], in: folder)
        return (
            text.status, String(decoding: text.output, as: UTF8.self), String(decoding: json.output, as: UTF8.self)
        )
    }

    private func point(
        _ name: String, _ state: VantageStanding.Point.State, known: Int = 1, unknown: Int = 0, _ trouble: String = ""
    ) -> VantageStanding.Point {
        .init(
            name: name, state: state, age: state == .fresh ? 1 : nil, known: known, unknown: unknown, trouble: trouble)
    }

    @Test("says that the agent is cut off, and what to do")
    func cutOff() throws {
        let status = try status(
            VantageStanding(
                time: Self.now, way: .cutOff, overruled: 0,
                points: [point("ns1", .own), point("ns2", .silent, "timed out after 2 s")]))
        #expect(status.code == 1)
        #expect(
            status.text.contains(
                "geopipe-agent is cut off: it has reports of 0 of 1 other vantage points, and uses only its own checks (ns2: timed out after 2 s)"
            ), "\(status.text)")
        #expect(status.text.contains("vantage points: 0 of 1 others have a vote; cut off, own checks decide"))
        #expect(status.json.contains("\"cut_off\"") && status.json.contains("\"kind\" : \"vantage\""), "\(status.json)")
    }

    @Test("warns of a vantage point that is silent, or checks none of the same addresses")
    func warnings() throws {
        let status = try status(
            VantageStanding(
                time: Self.now, way: .quorum, overruled: 1,
                points: [
                    point("ns1", .own), point("ns2", .fresh), point("ns3", .silent, "404 Not Found"),
                    point("ns4", .fresh, known: 0, unknown: 3),
                ]))
        #expect(
            status.text.contains(
                "vantage points: 2 of 3 others have a vote; most votes decide; 1 address otherwise than the checks here say"
            ), "\(status.text)")
        #expect(status.text.contains("vantage point ns3 has no vote: 404 Not Found"))
        #expect(status.text.contains("vantage point ns4 checks 3 addresses, but none that are checked here"))
    }

    @Test("omits an old standing")
    func old() throws {
        let status = try status(
            VantageStanding(time: Self.now - 100, way: .cutOff, overruled: 0, points: [point("ns2", .silent)]))
        #expect(!status.text.contains("vantage"), "\(status.text)")
    }
}
