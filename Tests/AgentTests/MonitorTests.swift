import Configuration
import Foundation
import Platform
import State
import Support
import Telemetry
import Testing

@testable import geopipe_agent

@Suite("The monitor")
struct MonitorTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    /// Targets whose state is in a file, which is read at once and then every hour.
    private func target(_ address: String, _ file: String, interval: UInt32 = 3_600) -> HealthTarget {
        var check = HealthCheck(.file("\(folder.path)/\(file)"))
        check.interval = interval
        check.fall = 1
        return HealthTarget(identity: check.target(address), address: address, check: check)
    }

    private func monitor(_ onChange: @escaping @Sendable () -> Void = {}) -> Monitor {
        Monitor(Prober(fileLimit: 1_024, roots: nil)) { _ in onChange() }
    }

    private func eventually(_ condition: () async -> Bool) async -> Bool {
        for _ in 0..<3_000 {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test("starts from an earlier report, and drops targets that are no longer checked")
    func takenOver() async throws {
        let targets = ["192.0.2.1", "192.0.2.2"].map { target($0, "none/file") }
        let state = HealthReport.State(isUp: true, since: 1, reportedAt: 2, reason: "a reason")
        let monitor = monitor()
        await monitor.followTargets(targets, states: [targets[1].identity: state, "tcp://192.0.2.3:80": state])
        var report = await monitor.report()
        // The first of them is checked at once, the second later.
        report.states[targets[0].identity] = nil
        #expect(report.states == [targets[1].identity: state])
        #expect(report.process == Int(getpid()))
        #expect(await eventually { await monitor.report().states[targets[0].identity]?.isUp == false })
        await monitor.followTargets([targets[0]])
        #expect(await Array(monitor.report().states.keys) == [targets[0].identity])
        await monitor.stop()
        #expect(await Array(monitor.report().states.keys) == [targets[0].identity], "the known state stays")
    }

    @Test("keeps the state of targets that stay, and checks them at their new interval")
    func reload() async throws {
        let name = folder.unique("pace").split(separator: "/").last.map(String.init)!
        try folder.write(Array("down\n".utf8), to: name)
        let monitor = monitor()
        let slow = target("192.0.2.1", name)
        await monitor.followTargets([slow])
        #expect(await eventually { await monitor.report().states[slow.identity]?.isUp == false })
        let before = await monitor.report().states[slow.identity]
        await monitor.followTargets([slow, target("192.0.2.2", name)])
        #expect(await monitor.report().states[slow.identity] == before)
        try folder.write(Array("up\n".utf8), to: name)
        var fast = target("192.0.2.1", name, interval: 1)
        fast.check.rise = 2
        await monitor.followTargets([fast])
        #expect(await eventually { await monitor.report().states[slow.identity]?.isUp == true })
        await monitor.stop()
    }

    @Test("reports changes, and the states that count")
    func metrics() async throws {
        let (changes, continuation) = AsyncStream.makeStream(of: Void.self)
        let monitor = monitor { continuation.yield() }
        var target = target("192.0.2.1", "none/ \"quoted\" \\file")
        target.uses = [.init(service: "web", datacenter: "oslo", address: "192.0.2.1")]
        await monitor.followTargets([target])
        for await _ in changes { break }
        var text = PrometheusText()
        await monitor.write(to: &text)
        let name = target.identity.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        let labels = "service=\"web\",datacenter=\"oslo\",address=\"192.0.2.1\",target=\"\(name)\""
        #expect(text.text.contains("\ngeopipe_health_up{\(labels)} 0\n"))
        #expect(text.text.contains("\ngeopipe_health_checks_total{\(labels),result=\"failure\"} 1\n"))
        #expect(text.text.contains("\ngeopipe_health_checks_total{\(labels),result=\"success\"} 0\n"))
        await monitor.stop()
    }
}
