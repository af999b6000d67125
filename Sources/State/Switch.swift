import Geography

/// What an operator has switched of a datacenter: it is drained, wholly or in part, or counts as up against its health.
public struct Switch: Hashable, Sendable {
    public var action: Action
    public var datacenter: String
    /// For this service alone; `nil` for all.
    public var service: String?
    /// For the clients in these areas alone; empty for all clients.
    public var areas: [Area]
    /// How many of 100 client networks are sent elsewhere, from 1; 100 if it is forced.
    public var share: Int
    /// When it ends by itself, in seconds since 1970.
    public var until: Int?
    /// Who switched it.
    public var who: String
    /// When, in seconds since 1970.
    public var since: Int
    /// Why; may be empty.
    public var reason: String

    public enum Action: String, Sendable {
        /// Clients are sent elsewhere.
        case drain
        /// Its addresses count as up, whatever the checks say.
        case force

        /// What the datacenter is.
        public var participle: String { self == .drain ? "drained" : "forced up" }
    }

    public init(
        _ action: Action = .drain, datacenter: String, service: String?, areas: [Area] = [], share: Int, until: Int?,
        who: String, since: Int, reason: String
    ) {
        self.action = action
        self.datacenter = datacenter
        self.service = service
        self.areas = areas
        self.share = share
        self.until = until
        self.who = who
        self.since = since
        self.reason = reason
    }

    /// What it is about, for people: `25% of oslo for service web in NO, SE`.
    public var extent: String {
        extentWords(datacenter, service: service, areas: areas, share: share)
    }

    /// What it does, for people.
    public var words: String {
        "\(action.participle): \(extent) by \(who)" + (reason.isEmpty ? "" : ": \(reason)")
    }

    /// Whether it is for all clients that are in these areas; if there are none, for all clients.
    public func covers(_ others: [Area]) -> Bool {
        areas.isEmpty || !others.isEmpty && others.allSatisfy { other in areas.contains { $0.covers(other) } }
    }

    /// Whether it counts at a time, in seconds since 1970.
    public func isInForce(at time: Int) -> Bool { until.map { time < $0 } ?? true }
}

/// What a switch is about, for people.
func extentWords(_ datacenter: String, service: String?, areas: [Area], share: Int) -> String {
    let part = share < 100 ? "\(share)% of " : ""
    return "\(part)\(datacenter)\(service.map { " for service \($0)" } ?? "")"
        + (areas.isEmpty ? "" : " in \(areaWords(areas))")
}

/// Areas for people: the first few of many.
public func areaWords(_ areas: [Area]) -> String {
    let shown = 8
    let rest = areas.count > shown ? " and \(areas.count - shown) more" : ""
    return areas.prefix(shown).map(\.description).joined(separator: ", ") + rest
}

/// The file that all switches are in.
enum SwitchFile {
    /// What has only drains of all clients is written as versions read it that know nothing else.
    private static let plainHeading = "geopipe switches 1"
    private static let heading = "geopipe switches 2"

    static func text(_ switches: [Switch]) -> String {
        let isPlain = switches.allSatisfy { $0.action == .drain && $0.areas.isEmpty }
        return StateFile.text(
            isPlain ? plainHeading : heading,
            switches.map { entry in
                let fields = [
                    entry.datacenter, entry.service ?? "", "\(entry.share)", entry.until.map { "\($0)" } ?? "",
                    entry.who, "\(entry.since)", entry.reason,
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
            else { throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is no switch") }
            switches.append(
                Switch(
                    action, datacenter: fields[0], service: fields[1].isEmpty ? nil : fields[1], areas: areas,
                    share: share, until: number(ofField: fields[3]), who: fields[4], since: since, reason: fields[6]))
        }
        return switches
    }
}

/// Reads a number, such as a time in seconds since 1970, of a field of a file; `nil` for anything but 0 to 2^40, with which one can
/// reckon.
func number(ofField field: String) -> Int? {
    guard let number = Int(field), 0...(1 << 40) ~= number else { return nil }
    return number
}

/// Areas as a field of a file.
func areaField(_ areas: [Area]) -> String { areas.map(\.description).joined(separator: ",") }

/// Reads what `areaField` writes; `nil` for anything else.
func areas(ofField field: String) -> [Area]? {
    let words = field.split(separator: ",", omittingEmptySubsequences: false)
    if words == [""] { return [] }
    let areas = words.compactMap { Area($0) }
    return areas.count == words.count ? areas : nil
}
