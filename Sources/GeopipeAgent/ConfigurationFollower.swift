import Answering
import Configuration
import Geography
import Glibc
import Platform
import State
import Synchronization
import UnixSignals

/// Reads the configuration whenever its file changes; as long as it has errors, whenever any of its files does.
final class ConfigurationFollower: Sendable {
    private let file: String
    /// Where somebody says that the state is.
    private let stateDirectory: String?
    private let state = Mutex(State())

    private struct State {
        var isOrdered = true
        /// Whether there was one that could be used, or an image.
        var isInUse = false
        var reload = Reload()
        /// Where it is to be mended, if it has to be.
        var others: Set<String> = []
        /// The files as they were read.
        var read: [String: FileState] = [:]
    }

    /// Milliseconds between two looks at the files.
    private static let interval = Duration.milliseconds(500)

    /// - Parameters:
    ///   - file: the configuration's file.
    ///   - stateDirectory: in place of the configuration's.
    init(_ file: String, stateDirectory: String? = nil) {
        self.file = file
        self.stateDirectory = stateDirectory
    }

    /// What became of reading it.
    struct Reload: Sendable {
        /// Whether it could be used when it was read last.
        var isSuccessful = false
        /// When one was read last that could be used, in seconds since 1970.
        var lastSuccess: Int?
    }

    var reload: Reload { state.withLock { $0.reload } }

    /// Whether it is to be read again: it has changed, or that was ordered.
    var hasNews: Bool {
        let now = look()
        return state.withLock { $0.isOrdered || $0.read != now }
    }

    /// The files as they are.
    private func look() -> [String: FileState] {
        let files = state.withLock(\.others).union([file])
        return Dictionary(uniqueKeysWithValues: files.map { ($0, FileState($0)) })
    }

    /// Has it read once more, whether it seems to have changed or not.
    func order() { state.withLock { $0.isOrdered = true } }

    /// Has it read once more at each SIGHUP, until the task is cancelled.
    func followSignal() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            log.info("got SIGHUP: reading the configuration again")
            order()
        }
    }

    /// What is to be checked, and where that is told.
    struct Subject: Sendable {
        var targets: [HealthTarget]
        /// What to run when addresses go down or come up.
        var notify: NotifyCommand?
        /// The agents that have a say in what is down; `nil` for none. An image does not have them.
        var vantagePoints: VantagePoints?
        /// `nil` for none.
        var stateDirectory: String?
        var sites: [Site] = []
    }

    /// A datacenter, as far as people who watch see it.
    struct Site: Sendable {
        var name: String
        var coordinates: Coordinates?
        /// `nil` if none is configured.
        var capacity: Double?
    }

    /// What the image in force says, and when it was made, in seconds since 1970.
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

    /// Gives what each good configuration says to `body`, and at first what the image in force says if there is none, until the task is
    /// cancelled or `body` returns false. What is wrong goes to the log. As long as `body` works, nothing is read; what takes
    /// long has to look for `hasNews`.
    func run<Failure: Error>(_ body: (Subject) async throws(Failure) -> Bool) async throws(Failure) {
        var seen: [String: FileState] = [:]
        while !Task.isCancelled {
            let now = look()
            let isDue = state.withLock { state in
                // What changes from look to look is being written still.
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
                        log.error("nothing is checked until the configuration is mended")
                    }
                }
            }
            seen = now
            try? await Task.sleep(for: Self.interval)
        }
    }
}

extension Snapshot {
    /// Its datacenters. An image does not say which capacities are configured.
    fileprivate var sites: [ConfigurationFollower.Site] {
        withExtendedLifetime(self) {
            datacenterNames.enumerated().map { number, name in
                .init(name: name, coordinates: maps.first?.lists.location(of: number)?.coordinates)
            }
        }
    }
}
