import Configuration
import Glibc
import Synchronization

/// Keeps a reload from losing by accident all networks of a file whose generator failed, or the rules that
/// need an optional database which is away for a moment while it is replaced.
public final class ReloadGuard: Sendable {
    private let state = Mutex(State())

    private struct State {
        /// By path, how many networks the files had in what was loaded last.
        var networks: [String: Int] = [:]
        /// The optional databases that were there.
        var optionalDatabases: Set<String> = []
        /// Since when optional databases are missing that were there.
        var missing: [String: Int] = [:]
    }

    /// Why something is not loaded.
    public struct Objection {
        public var complaints: [Complaint]
        /// In how many seconds there will be none, if that is only a matter of time.
        public var retryIn: Int?
    }

    /// Seconds for which what runs is kept while an optional database is missing.
    public static let patience = 60

    public init() {}

    /// Notes what is loaded.
    public func accept(_ plan: SnapshotPlan) {
        state.withLock { state in
            let files = plan.configuration.networksFiles
            state.networks = Dictionary(files.map { ($0.path, $0.count) }, uniquingKeysWith: max)
            state.optionalDatabases = plan.optionalDatabases.present
            state.missing = [:]
        }
    }

    /// Why a plan is not to take the place of what was accepted last; `nil` if it may.
    ///
    /// - Parameter now: in seconds, on any clock.
    public func objection(to plan: SnapshotPlan, at now: Int) -> Objection? {
        state.withLock { state in
            let configuration = plan.configuration
            var complaints: [Complaint] = []
            for file in configuration.networksFiles where file.count == 0 && !file.mayBeEmpty {
                guard let before = state.networks[file.path], before > 0 else { continue }
                complaints.append(
                    Complaint(
                        file: configuration.file, position: file.position,
                        message:
                            "\(file.path) has no networks any more, and had \(before); put them back, or write networks_file: { path: \(file.name), may_be_empty: true } if there are to be none"
                    ))
            }
            let lost = plan.optionalDatabases.missing.filter(state.optionalDatabases.contains)
            state.missing = Dictionary(uniqueKeysWithValues: lost.map { ($0, state.missing[$0] ?? now) })
            let left = lost.map { Self.patience - (now - state.missing[$0]!) }.max() ?? 0
            if left > 0 {
                for database in configuration.databases where lost.contains(database.path) {
                    complaints.append(
                        Complaint(
                            file: configuration.file, position: database.position,
                            message:
                                "the optional database \(database.path) is gone; nothing is loaded for \(left) s, unless it comes back"
                        ))
                }
            }
            guard !complaints.isEmpty else { return nil }
            return Objection(complaints: complaints, retryIn: left > 0 ? left : nil)
        }
    }
}
