import Geography
import Routing

/// An entry of the history: an operator's command, and when.
public struct HistoryEntry: Hashable, Sendable {
    /// In seconds since 1970.
    public var time: Int
    public var user: String
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
        time: Int, user: String, _ action: Action, datacenter: String, service: String? = nil, areas: [Area] = [],
        share: Int = 100, until: Int? = nil, overridden: [String] = [], reason: String = ""
    ) {
        self.time = time
        self.user = user
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
            ["\(time)", user, action.rawValue, datacenter, service ?? "", areaField(areas), "\(share)"]
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
            time: time, user: fields[1], action, datacenter: fields[3],
            service: fields[4].isEmpty ? nil : fields[4], areas: areas, share: share, until: number(ofField: fields[7]),
            overridden: fields[8].split(separator: ",").map(String.init), reason: fields[9])
    }
}

extension HistoryEntry {
    /// Makes the entry of the start of a switch.
    init(_ entry: Switch) {
        self.init(
            time: entry.since, user: entry.user, entry.action == .drain ? .drain : .forceUp,
            datacenter: entry.datacenter, service: entry.service, areas: entry.areas, share: entry.share,
            until: entry.until, reason: entry.reason)
    }

    /// Makes the entry of a switch that has ended by itself.
    init(endOf entry: Switch, at time: Int) {
        self.init(entry)
        action = entry.action == .drain ? .drainEnded : .forceEnded
        self.time = time
        until = nil
    }

    /// Applies its effect to switches.
    func apply(to switches: inout [Switch]) {
        switch action {
        case .drain, .forceUp:
            switches.set(
                Switch(
                    action == .drain ? .drain : .force, datacenter: datacenter, service: service, areas: areas,
                    share: share, until: until, user: user, since: time, reason: reason))
        case .undrain: _ = switches.end(.drain, of: datacenter, service: service, areas: areas)
        case .forceAuto: _ = switches.end(.force, of: datacenter, service: service, areas: areas)
        default: break
        }
    }
}
