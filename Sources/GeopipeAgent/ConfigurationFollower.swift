import Answering
import Configuration
import Geography
import Glibc
import Platform
import State
import Synchronization
import UnixSignals

/// Reads the configuration when its file changes; if it has errors, also when another of its files changes.
final class ConfigurationFollower: Sendable {
    private let file: String
    /// The state directory of the command line, if it names one.
    private let stateDirectory: String?
    private let state = Mutex(State())

    private struct State {
        var isOrdered = true
        /// Whether a valid configuration or an image is in use.
        var isInUse = false
        var reload = Reload()
        /// The other files of an invalid configuration, in which an error may be corrected.
        var others: Set<String> = []
        /// The states of the files when they were read.
        var read: [String: FileState] = [:]
    }

    /// The interval between two checks of the files.
    private static let interval = Duration.milliseconds(500)

    /// - Parameters:
    ///   - file: the configuration's file.
    ///   - stateDirectory: the state directory, instead of the configuration's.
    init(_ file: String, stateDirectory: String? = nil) {
        self.file = file
        self.stateDirectory = stateDirectory
    }

    /// The outcome of the last reading.
    struct Reload: Sendable {
        /// Whether the configuration was valid.
        var isSuccessful = false
        /// When a valid configuration was last read, in seconds since 1970.
        var lastSuccess: Int?
    }

    var reload: Reload { state.withLock { $0.reload } }

    /// Whether to read it again, because it has changed or a reload was requested.
    var hasNews: Bool {
        let now = look()
        return state.withLock { $0.isOrdered || $0.read != now }
    }

    /// Returns the current states of the files.
    private func look() -> [String: FileState] {
        let files = state.withLock(\.others).union([file])
        return Dictionary(uniqueKeysWithValues: files.map { ($0, FileState($0)) })
    }

    /// Requests another reading, whether the file has changed or not.
    func order() { state.withLock { $0.isOrdered = true } }

    /// Requests another reading at each SIGHUP, until the task is cancelled.
    func followSignal() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            log.info("got SIGHUP: reading the configuration again")
            order()
        }
    }

    /// The configuration of a session: the targets to check, and the state directory.
    struct Subject: Sendable {
        var targets: [HealthTarget]
        /// The program to run when addresses go down or come up.
        var notify: NotifyCommand?
        /// The agents that vote; `nil` for none. An image does not contain them.
        var vantagePoints: VantagePoints?
        var stateDirectory: String?
        var sites: [Site] = []
    }

    /// A datacenter, as shown to viewers.
    struct Site: Sendable {
        var name: String
        var coordinates: Coordinates?
        var capacity: Double?
    }

    /// Returns the targets of the image in force, and its creation time in seconds since 1970.
    private func inForce() -> (subject: Subject, time: Int)? {
        guard let path = stateDirectory ?? Configuration.stateDirectory(ofFile: file),
            let snapshot = ImageStore.anyCurrent(of: file, in: StateDirectory(path: path))
        else { return nil }
        return (
            Subject(
                targets: snapshot.healthTargets, notify: snapshot.notify, stateDirectory: path, sites: snapshot.sites),
            snapshot.manifest.created
        )
    }

    /// Passes each valid configuration to `body`, and at first the image in force if there is no valid one, until the
    /// task is cancelled or `body` returns false. Logs errors. Reads nothing while `body` works; a long `body` must
    /// check `hasNews`.
    func run<Failure: Error>(_ body: (Subject) async throws(Failure) -> Bool) async throws(Failure) {
        var seen: [String: FileState] = [:]
        while !Task.isCancelled {
            let now = look()
            let isDue = state.withLock { state in
                // A file that changes between two checks is still being written.
                guard state.isOrdered || now != state.read && now == seen else { return false }
                state.isOrdered = false
                state.read = now
                return true
            }
            if isDue {
                let (start, startTime) = (time(nil), monotonicTime())
                let outcome = await inThread { [file] () -> Result<Configuration, ConfigurationError> in
                    do throws(ConfigurationError) {
                        return .success(try Configuration.load(file, hasZones: false))
                    } catch {
                        return .failure(error)
                    }
                }
                switch outcome {
                case .success(let configuration):
                    state.withLock { state in
                        state.reload = Reload(isSuccessful: true, lastSuccess: time(nil))
                        state.others = []
                        state.read = now.filter { $0.key == file }
                        state.isInUse = true
                    }
                    let targets = configuration.healthTargets
                    log.info("loaded \(file): \(targets.count) target\(targets.count == 1 ? "" : "s") to check")
                    log.debug("read the configuration", metadata: ["ms": "\(millisecondsSince(startTime))"])
                    let subject = Subject(
                        targets: targets, notify: configuration.notify, vantagePoints: configuration.vantagePoints,
                        stateDirectory: configuration.stateDirectory,
                        sites: configuration.datacenters.map {
                            Site(name: $0.name, coordinates: $0.location, capacity: $0.capacity)
                        })
                    guard try await body(subject) else { return }
                case .failure(let error):
                    state.withLock { state in
                        state.reload.isSuccessful = false
                        state.others = error.files
                        for other in error.files where now[other] == nil {
                            state.read[other] = FileState(other, unlessChangedSince: start)
                        }
                        state.read = state.read.filter { $0.key == file || error.files.contains($0.key) }
                    }
                    log.error("\(error.description)")
                    if state.withLock(\.isInUse) {
                        log.warning("what was loaded before stays in use")
                    } else if let (subject, time) = await inThread({ [self] in inForce() }) {
                        state.withLock { $0.isInUse = true }
                        log.warning("using the image in force, of \(dateAndTime(time))")
                        guard try await body(subject) else { return }
                    } else {
                        log.error("nothing is checked until the configuration is corrected")
                    }
                }
            }
            seen = now
            try? await Task.sleep(for: Self.interval)
        }
    }
}

extension Snapshot {
    /// The datacenters of an image, which does not contain their capacities.
    fileprivate var sites: [ConfigurationFollower.Site] {
        withExtendedLifetime(self) {
            datacenterNames.enumerated().map { number, name in
                .init(name: name, coordinates: maps.first?.lists.location(of: number)?.coordinates)
            }
        }
    }
}
