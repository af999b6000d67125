import Platform
import State

extension Status {
    /// A problem that needs an operator.
    public struct Problem: Sendable {
        public var severity: Severity
        public var kind: Kind
        /// What is wrong, in words.
        public var message: String
        /// What to do; absent if that is in the message or obvious.
        public var hint: String?

        public enum Severity: String, Sendable {
            /// Needs an operator now: `geopipe status` exits 1.
            case error
            /// Needs an operator at some time.
            case warning
        }

        /// The kind of a problem, for programs.
        public enum Kind: String, Sendable {
            /// The configuration, a zone file or a database on disk has errors.
            case configuration
            /// A zone is served with older content, or not at all.
            case zone
            case image
            /// The switch file cannot be read.
            case switches
            /// The rollout was aborted automatically, or is not in force everywhere.
            case rollout
            /// The agent's report cannot be read, or is old.
            case healthReport = "health_report"
            /// Agents of other servers cannot be read.
            case vantage
            case coprocess
            /// All addresses of a service are down.
            case service
            /// A service has less than its quorum up in a datacenter.
            case datacenter
            /// Some addresses are down, but the quorum is up.
            case addresses
            case database
        }
    }
}

extension Status {
    /// Returns the message that the files of a rollout are gone, with its last step in the history.
    public static func lostWords(_ last: HistoryEntry) -> String {
        "the files of the rollout \(last.datacenter) are gone; \(last.user) took its last step at \(dateAndTime(last.time)), and it was not ended: all clients get the image in force"
    }
}
