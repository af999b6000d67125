import Glibc
import Logging
import Platform

/// A log handler that writes to standard error, by `StandardError`.
///
/// If standard error goes to the journal, each line begins with its priority (sd-daemon(3)), which the journal removes,
/// so that `journalctl -p warning` finds warnings and worse.
public struct StandardErrorLog: LogHandler {
    /// The prefix of a message.
    public enum Style: Sendable {
        /// Nothing.
        case plain
        /// The program and its process id, as in `geopipe[7]: `.
        case named(String)
        /// The time and the level, unless the journal records both.
        case dated
    }

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let style: Style

    public init(_ style: Style, level: Logger.Level) {
        self.style = style
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let own = event.metadata ?? [:]
        let words = metadata.merging(own) { $1 }.sorted { $0.key < $1.key }.map {
            " \($0.key)=\(quoted("\($0.value)"))"
        }
        let text = event.message.description + words.joined()
        let start = Self.start(style, event.level)
        // The journal makes an entry of each line, so each line needs the priority.
        printError(text.split(separator: "\n").map { start + $0 }.joined(separator: "\n"))
    }

    private static func start(_ style: Style, _ level: Logger.Level) -> String {
        let priority = isJournal ? "<\(level.priority)>" : ""
        return switch style {
        case .plain: priority
        case .named(let name): "\(priority)\(name)[\(getpid())]: "
        case .dated: isJournal ? priority : "\(dateTimeAndOffset(time(nil))) \(level): "
        }
    }

    /// Whether standard error goes to the journal (systemd.exec(5), `$JOURNAL_STREAM`).
    private static let isJournal = {
        var status = stat()
        guard let stream = getenv("JOURNAL_STREAM"), fstat(STDERR_FILENO, &status) == 0 else { return false }
        return String(cString: stream) == "\(status.st_dev):\(status.st_ino)"
    }()
}

/// Returns a metadata value, in quotation marks if it contains spaces.
private func quoted(_ value: String) -> String { value.contains(" ") ? "\"\(value)\"" : value }

extension Logger.Level {
    /// The priority of syslog(3).
    fileprivate var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
