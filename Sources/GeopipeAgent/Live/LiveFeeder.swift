import Answering
import Configuration
import Glibc
import Inspection
import Platform
import State
import Synchronization
import Telemetry

/// Updates a live view: with the counters once a second, and from files. None of it runs on an event loop.
final class LiveFeeder: Sendable {
    private let view: LiveView
    private let questions: LiveQueryRunner
    private let directory: StateDirectory
    private let look: Mutex<StateDirectoryView>

    /// Seconds between two readings of files, if a reading takes at most `quick`, or there are viewers.
    private static let interval = 1.0
    /// Seconds between two slower readings without viewers.
    private static let idleInterval = 10.0
    private static let quick = 0.005
    /// The maximum part of a core's time for readings.
    private static let part = 0.05

    /// - Parameters:
    ///   - questions: answers viewers from an image, which it releases when another one is in force.
    ///   - file: the configuration's file.
    ///   - sites: the datacenters.
    init(
        _ view: LiveView, _ questions: LiveQueryRunner, _ file: String, _ directory: StateDirectory,
        sites: [ConfigurationFollower.Site]
    ) {
        (self.view, self.questions, self.directory) = (view, questions, directory)
        look = Mutex(StateDirectoryView(file, directory, sites: sites))
    }

    /// Uses other datacenters from now on.
    func follow(_ sites: [ConfigurationFollower.Site]) { look.withLock { $0.sites = sites } }

    /// Updates the view until the task is cancelled.
    ///
    /// - Parameter counts: returns the counters of the coprocesses.
    func run(_ counts: @escaping @Sendable () -> AggregatedMetrics.Counts) async {
        view.add(
            LiveEvent(time: wallTime(), kind: .agent, text: "the agent of version \(geopipeVersion) has started"))
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followTime(counts) }
            group.addTask { await self.followFiles() }
        }
    }

    private func followTime(_ counts: () -> AggregatedMetrics.Counts) async {
        var last = 0
        while !Task.isCancelled {
            let now = wallTime()
            if Int(now) != last {
                view.take(counts(), at: now)
                last = Int(now)
            }
            view.advance(to: now)
            let pause =
                view.viewerCount > 0 ? Double(LiveView.hitsInterval) / 1_000 : 1 - (now - now.rounded(.down)) + 0.01
            try? await Task.sleep(for: .seconds(pause))
        }
    }

    private func followFiles() async {
        while !Task.isCancelled {
            let start = monotonicTime()
            let (scene, events) = await inThread { self.look.withLock { $0.take(at: time(nil)) } }
            view.take(scene)
            for event in events { view.add(event) }
            questions.letGo(at: monotonicTime())
            let end = monotonicTime()
            let soon = max(Self.interval, (end - start) / Self.part)
            let late = end - start > Self.quick ? max(soon, Self.idleInterval) : soon
            while !Task.isCancelled, case let wait = end + (view.viewerCount > 0 ? soon : late) - monotonicTime(),
                wait > 0
            {
                try? await Task.sleep(for: .seconds(min(wait, Self.interval)))
            }
        }
    }

    /// The name of this machine, without its domain.
    static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "" }
        let name = String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return String(name.prefix { $0 != "." })
    }
}

extension LiveEvent {
    init(_ change: HealthChange) {
        let datacenters = Set(change.target.uses.map(\.datacenter))
        self.init(
            time: Double(change.state.since), kind: .health, text: change.sentence,
            datacenter: datacenters.count == 1 ? datacenters.first : nil)
    }

    /// Makes the event of a history entry.
    init(_ entry: HistoryEntry) {
        let isEnd = entry.action == .drainEnded || entry.action == .forceEnded
        let isSwitch =
            switch entry.action {
            case .drain, .undrain, .forceUp, .forceAuto, .drainEnded, .forceEnded: true
            case .rolloutStart, .rolloutShare, .rolloutPlaces, .rolloutCommit, .rolloutAbort, .rolloutBack,
                .rolloutSeen, .planWaived:
                false
            }
        self.init(
            time: Double(entry.time), kind: isSwitch ? .switch : .rollout,
            text: isEnd ? entry.deed : "\(entry.user) \(entry.deed)", datacenter: isSwitch ? entry.datacenter : nil)
    }
}
