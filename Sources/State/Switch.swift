import Geography

/// A switch that an operator has set: a datacenter is drained, in full or in part, or forced up regardless of its
/// health.
public struct Switch: Hashable, Sendable {
    public var action: Action
    public var datacenter: String
    /// The only service that it applies to; `nil` for all services.
    public var service: String?
    /// The only areas whose clients it applies to; empty for all clients.
    public var areas: [Area]
    /// The percentage of client networks that are sent elsewhere, 1...100; 100 for `force`.
    public var share: Int
    /// When it ends by itself, in seconds since 1970; `nil` for never.
    public var until: Int?
    /// The operator who set it.
    public var user: String
    /// When it was set, in seconds since 1970.
    public var since: Int
    /// The reason; may be empty.
    public var reason: String

    public enum Action: String, Sendable {
        /// Clients are sent to other datacenters.
        case drain
        /// Its addresses count as up, regardless of checks.
        case force

        /// The resulting state of the datacenter, in words.
        public var participle: String { self == .drain ? "drained" : "forced up" }
    }

    public init(
        _ action: Action = .drain, datacenter: String, service: String?, areas: [Area] = [], share: Int, until: Int?,
        user: String, since: Int, reason: String
    ) {
        self.action = action
        self.datacenter = datacenter
        self.service = service
        self.areas = areas
        self.share = share
        self.until = until
        self.user = user
        self.since = since
        self.reason = reason
    }

    /// A description of the extent: `25% of oslo for service web in NO, SE`.
    public var extent: String {
        extentWords(datacenter, service: service, areas: areas, share: share)
    }

    /// A description of the switch.
    public var words: String {
        "\(action.participle): \(extent) by \(user)" + (reason.isEmpty ? "" : ": \(reason)")
    }

    /// Returns whether it applies to all clients in these areas; if `others` is empty, to all clients.
    public func covers(_ others: [Area]) -> Bool {
        areas.isEmpty || !others.isEmpty && others.allSatisfy { other in areas.contains { $0.covers(other) } }
    }

    /// Returns whether it is in force at a time, in seconds since 1970.
    public func isInForce(at time: Int) -> Bool { until.map { time < $0 } ?? true }
}

/// Returns a description of a switch's extent.
func extentWords(_ datacenter: String, service: String?, areas: [Area], share: Int) -> String {
    let part = share < 100 ? "\(share)% of " : ""
    return "\(part)\(datacenter)\(service.map { " for service \($0)" } ?? "")"
        + (areas.isEmpty ? "" : " in \(areaWords(areas))")
}

/// Returns the areas in words: the first few, and the number of the others.
public func areaWords(_ areas: [Area]) -> String {
    let shown = 8
    let rest = areas.count > shown ? " and \(areas.count - shown) more" : ""
    return areas.prefix(shown).map(\.description).joined(separator: ", ") + rest
}

/// The format of the switch file.
enum SwitchFile {
    /// The heading of a file that has only drains of all clients, which earlier versions can read.
    private static let plainHeading = "geopipe switches 1"
    private static let heading = "geopipe switches 2"

    static func text(_ switches: [Switch]) -> String {
        let isPlain = switches.allSatisfy { $0.action == .drain && $0.areas.isEmpty }
        return StateFile.text(
            isPlain ? plainHeading : heading,
            switches.map { entry in
                let fields = [
                    entry.datacenter, entry.service ?? "", "\(entry.share)", entry.until.map { "\($0)" } ?? "",
                    entry.user, "\(entry.since)", entry.reason,
                ]
                return isPlain ? fields : fields + [entry.action.rawValue, areaField(entry.areas)]
            })
    }

    static func switches(_ text: String) throws(StateFile.Untrusted) -> [Switch] {
        var switches: [Switch] = []
        let isPlain = !text.hasPrefix(heading + "\n")
        for fields in try StateFile.lines(text, isPlain ? plainHeading : heading) {
            guard fields.count == (isPlain ? 7 : 9), let share = Int(fields[2]), 1...100 ~= share,
                let since = number(ofField: fields[5]), fields[3].isEmpty || number(ofField: fields[3]) != nil,
                let action = isPlain ? .drain : Switch.Action(rawValue: fields[7]),
                let areas = isPlain ? [] : areas(ofField: fields[8])
            else { throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is not a switch") }
            switches.append(
                Switch(
                    action, datacenter: fields[0], service: fields[1].isEmpty ? nil : fields[1], areas: areas,
                    share: share, until: number(ofField: fields[3]), user: fields[4], since: since, reason: fields[6]))
        }
        return switches
    }
}

/// Reads a number, such as a time in seconds since 1970, from a field of a file. `nil` for anything except 0...2^40,
/// a range in which sums do not overflow.
func number(ofField field: String) -> Int? {
    guard let number = Int(field), 0...(1 << 40) ~= number else { return nil }
    return number
}

/// Returns areas as a field of a file.
func areaField(_ areas: [Area]) -> String { areas.map(\.description).joined(separator: ",") }

/// Reads what `areaField` writes; `nil` for anything else.
func areas(ofField field: String) -> [Area]? {
    let words = field.split(separator: ",", omittingEmptySubsequences: false)
    if words == [""] { return [] }
    let areas = words.compactMap { Area($0) }
    return areas.count == words.count ? areas : nil
}
