import Foundation
import State
import Testing

@Suite("Health and weights in geopipe status")
struct StatusHealthTests: AtStatusSite {
    let site: StatusSite

    init() throws { site = try StatusSite() }

    @Test("exits 1 when a datacenter or a service is down; single addresses are a warning")
    func health() throws {
        let coprocess = try start()
        let never = try report()
        #expect(never.code == 1 && never.contains("error", "health_report: geopipe-agent has never reported"))
        try tell(down: "192.0.2.1")
        let some = try report()
        #expect(some.code == 0)
        #expect(some.problems("warning") == ["addresses: service web has 1 of 2 addresses up in oslo"])
        try tell(down: "198.51.100.1")
        let down = try report()
        #expect(down.code == 1)
        #expect(down.problems("error") == ["datacenter: ashburn is down for service web: 0 of 1 addresses up"])
        let text = try run("status").output
        #expect(text.contains(#/\n  web +oslo +- +ashburn \(0 of 1 up\)\n/#), "\(text)")
        try run("drain", "ashburn")
        let drained = try report()
        #expect(drained.code == 0 && drained.contains("warning", "ashburn is down for service web"), "\(drained)")
        try tell(down: "192.0.2.1", "192.0.2.2", "198.51.100.1")
        let all = try report()
        #expect(
            all.code == 1 && all.contains("error", "service: service web: none of its 3 checked addresses is up"),
            "\(all)")
        try tell(age: 3_600)
        let old = try report()
        #expect(old.code == 1 && old.contains("error", "health_report: no report of geopipe-agent since 20"), "\(old)")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("shows reported weights, growing shares, and spreading")
    func shares() throws {
        try folder.write(
            Self.configuration.replacing("default: [oslo, ashburn]", with: "default: { list: [oslo], then: spread }")
                .replacing("web: { map: m,", with: "web: { map: m, comes_back: 10m,").utf8, to: "geopipe.yaml")
        let now = Int(Date().timeIntervalSince1970)
        func up(_ weight: Int, cameBackAt: Int? = nil, wentDownAt: Int? = nil) -> HealthReport.State {
            HealthReport.State(
                isUp: true, since: now - 300, reportedAt: now, reason: "says up \(weight)%", weight: weight,
                cameBackAt: cameBackAt,
                wentDownAt: wentDownAt)
        }
        let returning = up(40, cameBackAt: now - 300, wentDownAt: now - 400)
        try state.tell(
            HealthReport(
                time: now, process: 4711,
                states: [
                    "tcp://192.0.2.1:80": returning, "tcp://192.0.2.2:80": returning, "tcp://198.51.100.1:80": up(80),
                ]))
        // Half of the time has passed, and a little more.
        let text = try run("status").output
        let growing = #/\n  oslo +(\d+)% of its share until [0-9: +-]+ \(its addresses say 40%\) for service web\n/#
        let share = try #require(text.firstMatch(of: growing).flatMap { Int($0.1) }, "\(text)")
        #expect(20...40 ~= share)
        #expect(text.contains(#/\n  ashburn +80% of its share \(its addresses say 80%\) for service web\n/#), "\(text)")
        #expect(text.contains(#/\n  web +oslo \(\d+% of its share\), ashburn \(80% of its share\) +- +-\n/#), "\(text)")
        #expect(text.contains("\n  up 40%  tcp://192.0.2.1:80: says up 40%\n"), "\(text)")
        #expect(
            text.contains("\n  clients of unavailable datacenters are spread, where the map says then: spread: web\n"),
            "\(text)")
        let json = try JSONSerialization.jsonObject(with: Data(run("status", "--json").output.utf8)) as? [String: Any]
        let services = try #require(json?["services"] as? [[String: Any]])
        #expect(services.map { $0["spreads"] as? Bool } == [true, true])
        let sites = try #require(services[0]["datacenters"] as? [[String: Any]])
        let shares = sites.map { $0["share"] as? [String: Int] }
        #expect(20...40 ~= shares[0]?["percent"] ?? 0)
        #expect(shares[0]?["reported"] == 40 && shares[0]?["growsUntil"] == now + 300)
        #expect(shares[1] == ["percent": 80, "reported": 80, "told": 80])
        let checks = (json?["health"] as? [String: Any])?["checks"] as? [[String: Any]]
        #expect(checks?.map { $0["weight"] as? Int } == [40, 40, 80])
        // A forced datacenter takes all clients.
        try run("force", "oslo", "up")
        #expect(try !run("status").output.contains(#/oslo \(\d+% of its share/#))
    }
}
