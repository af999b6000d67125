import Configuration
import DNS
import Glibc
import Platform

/// A rule that judges the value of one setting.
struct ValueRule {
    /// The setting. One of the pipe backend has its name for an instance without a name.
    var name: String
    var kind: Kind
    var verdict: @Sendable (_ value: Int, _ lint: SettingsLint) -> Verdict?

    enum Kind {
        /// A number; an empty value means 0.
        case number
        /// A number; an empty value means 1.
        case count
        /// A boolean, as 0 or 1.
        case boolean
    }

    /// The consequence of a value, as the end of a sentence, and the value to write instead.
    enum Verdict {
        case wrong(String, write: Int)
        case risky(String, write: Int)
        /// The value works, but another way may be better.
        case fine(String)
    }

    init(
        _ name: String, _ kind: Kind,
        _ verdict: @escaping @Sendable (_ value: Int, _ lint: SettingsLint) -> Verdict?
    ) {
        self.name = name
        self.kind = kind
        self.verdict = verdict
    }

    static let all: [Self] = [
        .init("zone-cache-refresh-interval", .number) { value, _ in
            value == 0
                ? nil : .wrong("pdns 4.6 and newer do not start: the pipe backend cannot list its zones", write: 0)
        },
        .init("edns-subnet-processing", .boolean) { value, lint in
            value == 1 || !lint.deployment.configuration.isGeographic
                ? nil
                : .wrong(
                    "pdns ignores the client subnets of resolvers, and every client seems to be where its resolver is",
                    write: 1)
        },
        .init("pipe-abi-version", .number) { value, lint in
            switch value {
            case ..<1, 6...: .wrong("geopipe refuses to talk to pdns, and nothing is answered", write: 5)
            case ..<3 where lint.deployment.configuration.isGeographic:
                .wrong(
                    "geopipe gets no client subnet and cannot limit an answer to some clients, so that pdns gives it to all",
                    write: 5)
            case ..<5: .risky("pdns passes no commands of pdnsutil on to geopipe", write: 5)
            default: nil
            }
        },
        .init("pipe-timeout", .number) { $1.verdict(onTimeout: $0) },
        .init("consistent-backends", .boolean) { value, _ in
            value == 0 ? nil : .risky("pdns asks geopipe everything twice", write: 0)
        },
        .init("cache-ttl", .number) { value, lint in
            guard value > 0, let lack = lint.deployment.configuration.varyingTypes else { return nil }
            return .wrong("pdns gives 'no such record' of one client to all for \(value) s: \(lack)", write: 0)
        },
        .init("query-cache-ttl", .number) { value, _ in
            value > 0
                ? nil
                : .risky("pdns asks geopipe twice or more for records that are the same for all clients", write: 20)
        },
        .init("max-cache-entries", .number) { value, _ in
            value > 0
                ? nil : .risky("pdns keeps nothing, and asks geopipe up to four times a question", write: 1_000_000)
        },
        .init("negquery-cache-ttl", .number) { value, _ in
            value <= 1
                ? nil
                : .risky(
                    "a coprocess that dies makes pdns answer 'no such name' to all clients for \(value) s", write: 1)
        },
        .init("distributor-threads", .count) { value, lint in
            switch value {
            case ..<1: .wrong("pdns does not start: it has no thread to ask geopipe", write: 1)
            case 1: nil
            default:
                .risky(
                    "pdns lets questions wait for a coprocess that is still starting, and ends when \(lint.number("max-queue-length")) wait, which more receiver-threads do not",
                    write: 1)
            }
        },
        .init("receiver-threads", .count) { $1.verdict(onReceivers: $0) },
        .init("dname-processing", .boolean) { value, lint in
            guard value == 0, let zone = lint.deployment.configuration.zone(with: .dname) else { return nil }
            return .wrong("pdns answers 'no such name' below the DNAME of zone \(zone.apex)", write: 1)
        },
        .init("query-logging", .boolean) { value, _ in
            value == 0
                ? nil
                : .risky("pdns writes a line into its log for every question that it asks geopipe", write: 0)
        },
        .init("views", .boolean) { value, _ in
            value == 0
                ? nil
                : .wrong("pdns does not start: views need the zone cache, which the pipe backend cannot fill", write: 0)
        },
        .init("resolve-across-zones", .boolean) { value, lint in
            let configuration = lint.deployment.configuration
            guard value == 0, configuration.zones.count > 1, let zone = configuration.zone(with: .cname) else {
                return nil
            }
            return .risky(
                "pdns does not follow a CNAME of zone \(zone.apex) into another zone, and resolvers have to ask again",
                write: 1)
        },
        .init("primary", .boolean) { $1.verdict(onNotifying: $0) },
        .init("master", .boolean) { $1.verdict(onNotifying: $0) },
    ]
}

extension SettingsLint {
    mutating func inspectValues() {
        for rule in ValueRule.all {
            let isOfPipe = rule.name.hasPrefix("pipe-")
            guard let prefix = isOfPipe ? pipe?.prefix : "" else { continue }
            let name = prefix + rule.name.dropFirst(isOfPipe ? "pipe".count : 0)
            let setting = settings[name]
            // `inspectNames` reports settings that this pdns does not know.
            guard let standard = server.settings[rule.name] else { continue }
            let text = setting?.value ?? standard
            guard
                let value = rule.kind == .boolean
                    ? parseBoolean(text, of: name) : parseNumber(text, rule.kind == .count ? 1 : 0)
            else {
                diagnose(
                    setting,
                    "\(name)=\(text) is not a number, and pdns does not start; write \(name)=\(standard)"
                )
                continue
            }
            let subject = "with \(name)=\(text)\(setting == nil ? ", the default," : "")"
            func remedy(_ value: Int) -> String {
                "\(name)=\(rule.kind != .boolean ? "\(value)" : value == 0 ? "no" : "yes")"
            }
            switch rule.verdict(value, self) {
            case .wrong(let consequence, let value):
                diagnose(setting, "\(subject) \(consequence); write \(remedy(value))")
            case .risky(let consequence, let value):
                diagnose(setting, "\(subject) \(consequence); write \(remedy(value))", severity: .warning)
            case .fine(let remark): diagnose(setting, "\(subject) \(remark)", severity: .note)
            case nil: break
            }
        }
    }

    /// Parses a boolean as pdns does: any value except `no` and `off` means yes. Warns of words such as `false`.
    private mutating func parseBoolean(_ text: String, of name: String) -> Int? {
        if ["false", "0", "no", "off", "disabled", "never"].contains(text.lowercased()), !["no", "off"].contains(text) {
            diagnose(settings[name], "pdns takes \(name)=\(text) for yes; write \(name)=no", isWarning: true)
        }
        return ["no", "off"].contains(text) ? 0 : 1
    }
}

/// Parses the number at the beginning of a text with `strtol`, as pdns does; `empty` for an empty text, `nil` without
/// a number.
func parseNumber(_ text: String, _ empty: Int = 0) -> Int? {
    guard !text.isEmpty else { return empty }
    var end: UnsafeMutablePointer<CChar>?
    return text.withCString { start in
        let number = strtol(start, &end, 0)
        return end.map { UnsafePointer($0) } == start ? nil : number
    }
}
