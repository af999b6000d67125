import DNS

/// A datacenter that an operator has switched off, wholly or in part.
public struct Switch: Hashable, Sendable {
    public var datacenter: String
    /// For this service alone; `nil` for all.
    public var service: String?
    /// How many of 100 client networks are sent elsewhere, from 1.
    public var share: Int
    /// When it ends by itself, in seconds since 1970.
    public var until: Int?
    /// Who switched it.
    public var who: String
    /// When, in seconds since 1970.
    public var since: Int
    /// Why; may be empty.
    public var reason: String

    public init(
        datacenter: String, service: String?, share: Int, until: Int?, who: String, since: Int, reason: String
    ) {
        self.datacenter = datacenter
        self.service = service
        self.share = share
        self.until = until
        self.who = who
        self.since = since
        self.reason = reason
    }

    /// What it does, for people.
    public var words: String {
        let part = share < 100 ? "\(share)% of " : ""
        return "\(part)\(datacenter)\(service.map { " for service \($0)" } ?? "") by \(who)"
            + (reason.isEmpty ? "" : ": \(reason)")
    }

    /// Whether it counts at a time, in seconds since 1970.
    public func isInForce(at time: Int) -> Bool { until.map { time < $0 } ?? true }
}

/// The file that all switches are in.
enum SwitchFile {
    private static let heading = "geopipe switches 1"

    static func text(_ switches: [Switch]) -> String {
        StateFile.text(
            heading,
            switches.map { entry in
                [
                    entry.datacenter, entry.service ?? "", "\(entry.share)", entry.until.map { "\($0)" } ?? "",
                    entry.who, "\(entry.since)", entry.reason,
                ]
            })
    }

    static func switches(_ text: String) throws(StateFile.Untrusted) -> [Switch] {
        var switches: [Switch] = []
        for fields in try StateFile.lines(text, heading) {
            guard fields.count == 7, let share = Int(fields[2]), 1...100 ~= share, let since = Int(fields[5]),
                fields[3].isEmpty || Int(fields[3]) != nil
            else { throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is no switch") }
            switches.append(
                Switch(
                    datacenter: fields[0], service: fields[1].isEmpty ? nil : fields[1], share: share,
                    until: Int(fields[3]), who: fields[4], since: since, reason: fields[6]))
        }
        return switches
    }
}
