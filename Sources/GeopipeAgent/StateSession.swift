import Answering
import Configuration
import Glibc
import Platform
import ServiceLifecycle
import State
import Telemetry

/// The work for one state directory.
final class StateSession: Sendable {
    /// The state directory of a session, and the initial configuration.
    struct Place: Sendable {
        var directory: StateDirectory
        /// The descriptor that `lock` returned for the directory.
        var lock: CInt
        var subject: ConfigurationFollower.Subject
    }

    private let directory: StateDirectory
    private let lock: CInt
    private let monitor: Monitor
    private let reporter: HealthWriter
    private let receiver: TelemetryReceiver
    private let notifier: Notifier
    private let vantage: VantageWatch
    private let metrics: ListenAddress
    private let liveOptions: LiveOptions
    private let feeder: LiveFeeder
    private let liveServer: LiveServer
    private let reload: @Sendable () -> ConfigurationFollower.Reload
    /// The initial targets of a rollout.
    private let candidate: CandidateTargets

    /// The interval between two checks of the rollout.
    private static let rolloutInterval = Duration.seconds(1)

    /// Another agent uses the state directory.
    struct Held: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts with the contents of the state directory.
    ///
    /// - Parameters:
    ///   - file: the configuration's file.
    ///   - reload: the outcome of reading the configuration.
    init(
        _ place: Place, _ prober: Prober, file: String, metrics: ListenAddress, live liveOptions: LiveOptions,
        reload: @escaping @Sendable () -> ConfigurationFollower.Reload
    ) async {
        let directory = place.directory
        (lock, self.directory, self.metrics, self.reload) = (place.lock, directory, metrics, reload)
        self.liveOptions = liveOptions
        let (reporter, notifier) = (HealthWriter(directory), Notifier(place.subject.notify))
        let live = LiveView(.live, host: LiveFeeder.hostName, start: wallTime())
        let monitor = Monitor(prober) { change in
            reporter.poke()
            if let change {
                notifier.add(change)
                live.add(LiveEvent(change))
            }
        }
        (self.monitor, self.reporter, self.notifier) = (monitor, reporter, notifier)
        vantage = VantageWatch(monitor, roots: prober.roots)
        receiver = TelemetryReceiver(directory) { live.take($0) }
        let questions = LiveQueryRunner(file, directory)
        liveServer = LiveServer(live, questions)
        feeder = LiveFeeder(live, questions, file, directory, sites: place.subject.sites)
        var states: [String: HealthReport.State] = [:]
        do throws(StateDirectory.Failure) {
            let now = time(nil)
            let found = try directory.health()
            if let diagnostic = found.diagnostic { log.warning("\(diagnostic)") }
            states = found.value?.states.filter { $0.value.isKnown(at: now) } ?? [:]
        } catch {
            log.error("\(error); starting without known states")
        }
        let found = await inThread { [file] in
            var candidate = CandidateTargets(file, directory)
            _ = candidate.look(at: monotonicTime())
            return candidate
        }
        candidate = found
        await monitor.followTargets(place.subject.targets, candidate: found.targets, states: states)
        await vantage.follow(place.subject.vantagePoints)
    }

    /// The parts, of which the last one ends first. The last report must not contain results of interrupted checks.
    var parts: [ServiceGroupConfiguration.ServiceConfiguration] {
        [
            part("counters") { await self.receiver.run() },
            part("live view") { await self.feeder.run { self.receiver.counts } },
            part("health report") {
                await self.reporter.run {
                    await (self.monitor.report(), self.monitor.vantageStanding())
                }
            },
            part("notify") { await self.notifier.run() },
            part("checks") { await self.monitor.run() },
            part("vantage points") { await self.vantage.run() },
            part("rollout") { await self.followRollouts() },
            part("metrics") { await self.serveMetrics() },
            part("live server") { await self.serveLive() },
            part("live socket") {
                await self.liveServer.run(
                    atSocket: self.directory.liveSocket, in: self.directory,
                    consolation: "geopipe top has nothing to show")
            },
        ]
    }

    /// Checks the targets of a running rollout, until the task is cancelled.
    private func followRollouts() async {
        var candidate = candidate
        while !Task.isCancelled {
            let (next, isOther) = await inThread { [candidate] in
                var next = candidate
                let isOther = next.look(at: monotonicTime())
                return (next, isOther)
            }
            candidate = next
            if isOther {
                await monitor.followRollout(candidate.targets)
                reporter.poke()
            }
            try? await Task.sleep(for: Self.rolloutInterval)
        }
    }

    private func serveMetrics() async {
        guard case .at(let address) = metrics else { return await untilCancelled() }
        await MetricsServer(page, vantage: { [vantage] in await vantage.answer($0) }).run(at: address)
    }

    private func serveLive() async {
        guard case .at(let address) = liveOptions.address else { return await untilCancelled() }
        await liveServer.run(at: address, liveOptions, consolation: "health checks continue")
    }

    @Sendable private func page() async -> String {
        var text = PrometheusText()
        Self.write(to: &text, lastReport: reporter.lastWritten, reload())
        let coprocesses = directory.coprocesses()
        Self.write(to: &text, coprocesses, at: time(nil))
        RolloutMetrics.write(to: &text, directory, coprocesses)
        Self.write(to: &text, directory.databaseBuilds())
        await monitor.write(to: &text)
        receiver.totals.write(to: &text)
        ProcessMetrics.write(to: &text)
        return text.text
    }

    /// Returns whether a folder is its state directory, by any name.
    func has(_ folder: String) -> Bool {
        var (own, other) = (stat(), stat())
        return folder == directory.path
            || fstat(lock, &own) == 0 && stat(Self.lockFile(in: folder), &other) == 0
                && own.st_dev == other.st_dev && own.st_ino == other.st_ino
    }

    /// Checks other targets from now on.
    func follow(_ subject: ConfigurationFollower.Subject) async {
        notifier.follow(subject.notify)
        feeder.follow(subject.sites)
        await monitor.followTargets(subject.targets)
        await vantage.follow(subject.vantagePoints)
        reporter.poke()
    }

    /// Releases the state directory for another agent, after all parts have ended.
    func close() { _ = Glibc.close(lock) }

    private static func write(
        to text: inout PrometheusText, lastReport: Int?, _ reload: ConfigurationFollower.Reload
    ) {
        text.metric("geopipe_agent_build_info", .gauge, help: "Always 1; says which version runs.")
        text.sample("geopipe_agent_build_info", 1, ["version": geopipeVersion])
        text.metric(
            "geopipe_agent_config_last_reload_successful", .gauge,
            help: "Whether the configuration could be used when it was read last.")
        text.sample("geopipe_agent_config_last_reload_successful", reload.isSuccessful ? 1 : 0)
        text.metric(
            "geopipe_agent_config_last_reload_success_timestamp_seconds", .gauge,
            help: "When a configuration was read last that could be used, in seconds since 1970.")
        if let time = reload.lastSuccess {
            text.sample("geopipe_agent_config_last_reload_success_timestamp_seconds", time)
        }
        text.metric(
            "geopipe_health_report_timestamp_seconds", .gauge,
            help: "When the agent last reported health to the coprocesses, in seconds since 1970.")
        if let lastReport { text.sample("geopipe_health_report_timestamp_seconds", lastReport) }
    }

    /// Seconds after which a coprocess without a status does not count; it writes one every second.
    private static let silence = 60

    private static func write(to text: inout PrometheusText, _ coprocesses: [CoprocessStatus], at now: Int) {
        let alive = coprocesses.filter { now - $0.reportedAt < silence }
        text.metric("geopipe_coprocesses", .gauge, help: "Running coprocesses with a status from the last minute.")
        text.sample("geopipe_coprocesses", alive.count)
        text.metric(
            "geopipe_coprocesses_complaining", .gauge,
            help: "Coprocesses that could not load all of what is on disk; geopipe status says why.")
        text.sample("geopipe_coprocesses_complaining", alive.count { !$0.diagnostics.isEmpty })
        text.metric(
            "geopipe_images_in_use", .gauge, help: "Different images that coprocesses answer from; 1 but for a moment.")
        text.sample("geopipe_images_in_use", Set(alive.compactMap(\.image)).count)
        let name = "geopipe_image_loaded_timestamp_seconds"
        text.metric(
            name, .gauge,
            help: "When the coprocesses with the oldest and the newest image loaded it, in seconds since 1970.")
        let times = alive.compactMap(\.loaded)
        if let oldest = times.min(), let newest = times.max() {
            text.sample(name, oldest, ["of": "oldest"])
            text.sample(name, newest, ["of": "newest"])
        }
    }

    private static func write(to text: inout PrometheusText, _ builds: [DatabaseBuild]) {
        text.metric(
            "geopipe_database_build_timestamp_seconds", .gauge,
            help: "When the database was built that coprocesses answer from; of several, the oldest.")
        for build in builds {
            guard let built = build.built else { continue }
            text.sample("geopipe_database_build_timestamp_seconds", built, ["database": build.database])
        }
    }

    private static func lockFile(in folder: String) -> String { folder + "/agent.lock" }

    /// Waits until a folder is usable as a state directory, and no other agent uses it.
    ///
    /// - Parameters:
    ///   - isEnough: whether to stop waiting.
    ///   - say: gets the reason for the wait.
    /// - Returns: a descriptor that holds the lock as long as it is open. `nil` if `isEnough` returned true, or the
    ///   task is cancelled.
    static func lock(_ folder: String, until isEnough: () -> Bool, say: (String) -> Void) async throws(Held)
        -> CInt?
    {
        var diagnostic: String?
        repeat {
            let directory = StateDirectory(path: folder)
            try? directory.make()
            let file = lockFile(in: folder)
            let descriptor = directory.openLock("agent.lock", O_RDWR)
            if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                let line = Array("\(getpid())\n".utf8)
                ftruncate(descriptor, 0)
                _ = Glibc.write(descriptor, line, line.count)
                return descriptor
            }
            let reason = "cannot use \(file): \(systemError())"
            if descriptor >= 0, errno == EWOULDBLOCK {
                var bytes = [UInt8](repeating: 0, count: 20)
                let count = read(descriptor, &bytes, bytes.count)
                let holder = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").first
                Glibc.close(descriptor)
                throw Held(description: "\(folder) has an agent already: process \(holder ?? "unknown")")
            }
            if descriptor >= 0 { Glibc.close(descriptor) }
            if reason != diagnostic { say(reason) }
            diagnostic = reason
            try? await Task.sleep(for: .seconds(1))
        } while !Task.isCancelled && !isEnough()
        return nil
    }
}
