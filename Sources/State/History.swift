import Geography
import Glibc
import Routing

/// An entry of the history: an operator's command, and when.
public struct HistoryEntry: Hashable, Sendable {
    /// In seconds since 1970.
    public var time: Int
    public var who: String
    public var action: Action
    /// The datacenter; for a rollout, its id.
    public var datacenter: String
    /// The only service that it applies to; `nil` for all services.
    public var service: String?
    /// The only areas whose clients it applies to; empty for all clients.
    public var areas: [Area]
    /// The percentage of client networks, 1...100.
    public var share: Int
    /// When it ends by itself, in seconds since 1970; `nil` for never.
    public var until: Int?
    /// The safety rules that were overridden.
    public var overridden: [String]
    /// The reason; may be empty.
    public var reason: String

    public enum Action: String, Sendable {
        case drain, undrain
        case forceUp = "force up"
        case forceAuto = "force auto"
        case rolloutStart = "rollout start"
        case rolloutShare = "rollout share"
        case rolloutPlaces = "rollout places"
        case rolloutCommit = "rollout commit"
        case rolloutAbort = "rollout abort"
        case rolloutBack = "rollout back"
        /// An operator has acknowledged an automatic abort.
        case rolloutSeen = "rollout seen"
        /// An operator has waived items of a plan.
        case planWaived = "plan waived"
        /// Ended by itself, at the time in the line of its start. It has no line of its own.
        case drainEnded = "drain ended"
        case forceEnded = "force ended"

        /// Whether it has a line in the file.
        var isWritten: Bool { self != .drainEnded && self != .forceEnded }
    }

    public init(
        time: Int, who: String, _ action: Action, datacenter: String, service: String? = nil, areas: [Area] = [],
        share: Int = 100, until: Int? = nil, overridden: [String] = [], reason: String = ""
    ) {
        self.time = time
        self.who = who
        self.action = action
        self.datacenter = datacenter
        self.service = service
        self.areas = areas
        self.share = share
        self.until = until
        self.overridden = overridden
        self.reason = reason
    }

    /// A description of the extent: `25% of oslo for service web in NO, SE`.
    public var extent: String { extentWords(datacenter, service: service, areas: areas, share: share) }

    /// The maximum length of a reason, in characters. Longer ones are cut.
    private static let textLimit = 1_000

    /// A line of the file: fields separated by tabs. The first is a checksum of the others.
    var line: String {
        let fields =
            ["\(time)", who, action.rawValue, datacenter, service ?? "", areaField(areas), "\(share)"]
            + [until.map { "\($0)" } ?? "", overridden.joined(separator: ","), String(reason.prefix(Self.textLimit))]
        let text = fields.map(StateFile.plain).joined(separator: "\t")
        return "\(String(identity(of: text), radix: 16))\t\(text)\n"
    }

    /// Reads what `line` wrote, without the newline; `nil` if it is truncated or malformed.
    init?(line: Substring) {
        let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == String(identity(of: parts[1]), radix: 16) else { return nil }
        let fields = parts[1].split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 10, let time = number(ofField: fields[0]), let action = Action(rawValue: fields[2]),
            action.isWritten, let areas = State.areas(ofField: fields[5]), let share = number(ofField: fields[6]),
            fields[7].isEmpty || number(ofField: fields[7]) != nil
        else { return nil }
        self.init(
            time: time, who: fields[1], action, datacenter: fields[3],
            service: fields[4].isEmpty ? nil : fields[4], areas: areas, share: share, until: number(ofField: fields[7]),
            overridden: fields[8].split(separator: ",").map(String.init), reason: fields[9])
    }
}

extension HistoryEntry {
    /// Makes the entry of the start of a switch.
    init(_ entry: Switch) {
        self.init(
            time: entry.since, who: entry.who, entry.action == .drain ? .drain : .forceUp,
            datacenter: entry.datacenter, service: entry.service, areas: entry.areas, share: entry.share,
            until: entry.until, reason: entry.reason)
    }

    /// Makes the entry of a switch that has ended by itself.
    fileprivate init(endOf entry: Switch, at time: Int) {
        self.init(entry)
        action = entry.action == .drain ? .drainEnded : .forceEnded
        self.time = time
        until = nil
    }

    /// Applies its effect to switches.
    fileprivate func apply(to switches: inout [Switch]) {
        switch action {
        case .drain, .forceUp:
            switches.set(
                Switch(
                    action == .drain ? .drain : .force, datacenter: datacenter, service: service, areas: areas,
                    share: share, until: until, who: who, since: time, reason: reason))
        case .undrain: _ = switches.end(.drain, of: datacenter, service: service, areas: areas)
        case .forceAuto: _ = switches.end(.force, of: datacenter, service: service, areas: areas)
        default: break
        }
    }
}

extension [HistoryEntry] {
    /// Returns the entries, and in between the ends of switches that have ended by themselves until a time in seconds
    /// since 1970.
    public func withEnds(until time: Int) -> [HistoryEntry] {
        var switches: [Switch] = []
        var entries: [HistoryEntry] = []
        func expire(at time: Int) {
            for entry in switches.expire(at: time) {
                entries.append(HistoryEntry(endOf: entry, at: Swift.max(entry.until ?? time, entry.since)))
            }
        }
        for entry in self {
            expire(at: entry.time)
            entries.append(entry)
            entry.apply(to: &switches)
        }
        expire(at: time)
        return entries
    }

    /// Returns the switches that result from the entries, and are in force at a time in seconds since 1970.
    func switches(at time: Int) -> [Switch] {
        var switches: [Switch] = []
        for entry in self {
            // A command does not end or replace a switch that has ended by itself.
            _ = switches.expire(at: entry.time)
            entry.apply(to: &switches)
        }
        _ = switches.expire(at: time)
        return switches
    }
}

extension StateDirectory {
    /// The path of the history.
    public var historyFile: String { path + "/history" }

    /// The size in bytes above which the older half of the history is dropped.
    static let historyLimit = 1 << 20

    /// Returns the entries, the oldest first, and the number of malformed lines.
    public func history() throws(Failure) -> (entries: [HistoryEntry], unreadable: Int) {
        entries(of: try read(historyFile) ?? "")
    }

    private func entries(of text: String) -> (entries: [HistoryEntry], unreadable: Int) {
        let lines = text.split(separator: "\n")
        let entries = lines.compactMap { HistoryEntry(line: $0) }
        return (entries, lines.count - entries.count)
    }

    /// Returns the switches in force at a time in seconds since 1970, rebuilt from the history; `nil` if the history
    /// is missing or incomplete.
    func switchesOfHistory(at time: Int) -> [Switch]? {
        guard let history = try? history(), history.unreadable == 0, !history.entries.isEmpty else { return nil }
        return history.entries.switches(at: time)
    }

    /// Returns entries that end all switches in force by the history, after their files were removed.
    ///
    /// Without these entries the switches would return when they are next rebuilt from the history.
    ///
    /// - Parameter who: the operator in these entries; `nil` for the operator of each switch.
    func removedSwitches(by who: String?) -> [HistoryEntry] {
        let now = time(nil)
        let switches = (try? history())?.entries.switches(at: now) ?? []
        return switches.map { entry in
            HistoryEntry(
                time: now, who: who ?? entry.who, entry.action == .drain ? .undrain : .forceAuto,
                datacenter: entry.datacenter, service: entry.service, areas: entry.areas, share: entry.share,
                reason: "the switch files were removed")
        }
    }

    /// Adds entries to the history. The caller must hold the lock of the switches.
    func record(_ entries: [HistoryEntry]) throws(Failure) {
        guard !entries.isEmpty else { return }
        let lines = entries.map(\.line)
        guard lines.allSatisfy({ HistoryEntry(line: $0.dropLast()) != nil }) else {
            throw Failure(description: "cannot write \(historyFile): the line could not be read again")
        }
        try asOwner { () throws(Failure) in try append(lines.joined()) }
    }

    private func append(_ lines: String) throws(Failure) {
        let flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let descriptor = open(historyFile, flags, 0o644)
        guard descriptor >= 0 else { throw Failure("write", historyFile) }
        defer { close(descriptor) }
        // Operators read it, so the umask must not restrict it.
        fchmod(descriptor, 0o644)
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw Failure("write", historyFile) }
        if end > Self.historyLimit {
            let all = (try read(historyFile) ?? "").utf8
            // The first line may be cut.
            let whole = all.suffix(Self.historyLimit / 2).drop { $0 != UInt8(ascii: "\n") }.dropFirst()
            // Switches of the dropped half may still be in force, so their lines are written again.
            let dropped = entries(of: String(decoding: all.dropLast(whole.count), as: UTF8.self)).entries
            let begun = dropped.switches(at: dropped.last?.time ?? 0).map { HistoryEntry($0).line }.joined()
            return try write(begun + String(decoding: whole, as: UTF8.self) + lines, to: historyFile)
        }
        // A line that a full disk has cut must not join the next one.
        var last: UInt8 = 0
        let isTorn = end > 0 && pread(descriptor, &last, 1, end - 1) == 1 && last != UInt8(ascii: "\n")
        try writeAll((isTorn ? "\n" : "") + lines, to: descriptor, historyFile)
        fsync(descriptor)
    }
}
