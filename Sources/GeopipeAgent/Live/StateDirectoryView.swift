import Configuration
import Inspection
import Platform
import State

/// Reads a state directory repeatedly, and finds what has changed.
struct StateDirectoryView {
    private let file: String
    private let directory: StateDirectory
    var sites: [ConfigurationFollower.Site]
    private var scene = LiveScene()
    private var history: [HistoryEntry] = []
    private var historyState = FileState.unknown
    /// The reported history entries of the last hour.
    private var reported: Set<HistoryEntry> = []
    /// The image that was in force at the last reading.
    private var image: String?
    private var isFirst = true

    /// Seconds for which reported entries are remembered.
    private static let memory = 3_600

    /// - Parameters:
    ///   - file: the configuration's file.
    ///   - sites: the datacenters.
    init(_ file: String, _ directory: StateDirectory, sites: [ConfigurationFollower.Site]) {
        (self.file, self.directory, self.sites) = (file, directory, sites)
    }

    /// Reads the directory once.
    ///
    /// - Parameter now: seconds since 1970.
    /// - Returns: the scene, and the events since the last reading; at first, of the last hour.
    mutating func take(at now: Int) -> (scene: LiveScene, events: [LiveEvent]) {
        do throws(StateDirectory.Failure) {
            scene = LiveScene(try Status(of: file, overrides: [], in: directory, at: now), sites)
        } catch {
            scene.problems = [LiveScene.Problem(severity: "error", text: error.description)]
        }
        var events = changes(at: now)
        if let current = scene.image, current.id != image {
            if !isFirst || current.since > now - Self.memory {
                events.append(
                    LiveEvent(time: Double(current.since), kind: .reload, text: "image \(current.id) is in force"))
            }
            image = current.id
        }
        isFirst = false
        return (scene, events)
    }

    private mutating func changes(at now: Int) -> [LiveEvent] {
        let state = FileState(directory.historyFile)
        if state != historyState, let found = try? directory.history() {
            (history, historyState) = (found.entries, state)
        }
        let recent = history.withEnds(until: now).filter { $0.time > now - Self.memory }
        let new = recent.filter { !reported.contains($0) }
        reported = Set(recent)
        return new.map { LiveEvent($0) }
    }
}

extension LiveScene {
    /// Makes the scene from `geopipe status`.
    init(_ status: Status, _ sites: [ConfigurationFollower.Site]) {
        let known = Dictionary(sites.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        datacenters = status.datacenters.map { datacenter in
            Datacenter(
                name: datacenter.name, coordinates: known[datacenter.name]?.coordinates,
                state: datacenter.state.rawValue, capacity: known[datacenter.name]?.capacity)
        }
        image = status.image.map { Image(id: $0.id, compiled: $0.compiled, since: $0.since) }
        problems = status.problems.map { problem in
            Problem(
                severity: problem.severity.rawValue, text: problem.message + (problem.hint.map { "; \($0)" } ?? ""))
        }
        rollout = status.rollout.map { Rollout($0) }
    }
}

extension LiveScene.Rollout {
    fileprivate init(_ report: RolloutReport) {
        let rollout = report.rollout
        self.init(
            id: rollout.id, state: rollout.isRunning ? "" : rollout.progress.rawValue,
            share: nil, compared: report.tally.compared, differing: report.tally.differing)
        guard rollout.isRunning else { return }
        switch rollout.part {
        case .dark: (state, share) = ("dark", 0)
        case .share(let percent): (state, share) = ("share", percent)
        case .places: state = "places"
        }
    }
}
