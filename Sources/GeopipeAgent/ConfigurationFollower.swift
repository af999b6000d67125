import Backend
import Configuration
import Synchronization

/// Reads the configuration whenever its file changes.
final class ConfigurationFollower: Sendable {
    private let file: String
    private let state = Mutex(State())

    private struct State {
        var isOrdered = true
        var isGood = false
        /// The file as it was read.
        var read: FileState?
    }

    /// Milliseconds between two looks at the file.
    private static let interval = Duration.milliseconds(500)

    init(_ file: String) { self.file = file }

    /// Whether what is on disk could be used when it was read last.
    var isGood: Bool { state.withLock { $0.isGood } }

    /// Whether it is to be read again: it has changed, or that was ordered.
    var hasNews: Bool {
        let now = FileState(file)
        return state.withLock { $0.isOrdered || $0.read != now }
    }

    /// Has it read once more, whether it seems to have changed or not.
    func order() { state.withLock { $0.isOrdered = true } }

    /// Gives each good configuration to `body`, until the task is cancelled or `body` has enough. What is wrong goes to stderr.
    /// As long as `body` works, nothing is read; what takes long has to look for `hasNews`.
    func run<Failure: Error>(_ body: (Configuration) async throws(Failure) -> Void) async throws(Failure) {
        var seen: FileState?
        var wasEverGood = false
        while !Task.isCancelled {
            let now = FileState(file)
            let isDue = state.withLock { state in
                // What changes from look to look is being written still.
                guard state.isOrdered || now != state.read && now == seen else { return false }
                state.isOrdered = false
                state.read = now
                return true
            }
            if isDue {
                let outcome = await inThread { [file] () -> Result<Configuration, ConfigurationError> in
                    do throws(ConfigurationError) {
                        return .success(try Configuration.load(file, hasZones: false))
                    } catch {
                        return .failure(error)
                    }
                }
                switch outcome {
                case .success(let configuration):
                    state.withLock { $0.isGood = true }
                    wasEverGood = true
                    let count = configuration.healthTargets.count
                    complain("loaded \(file): \(count) target\(count == 1 ? "" : "s") to check")
                    try await body(configuration)
                case .failure(let error):
                    state.withLock { $0.isGood = false }
                    complain(error.description)
                    complain(
                        wasEverGood
                            ? "what was loaded before stays in use"
                            : "nothing is checked until the configuration is mended")
                }
            }
            seen = now
            try? await Task.sleep(for: Self.interval)
        }
    }
}
