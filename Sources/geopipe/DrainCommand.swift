import ArgumentParser
import Configuration
import State

struct DrainCommand: SwitchCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Send the clients of a datacenter elsewhere, immediately and until it is undrained.",
        discussion:
            "Waits up to two seconds until all coprocesses follow; exits 1 if none does, or if a safety rule of the configuration forbids it. Draining it again for the same service and places replaces the earlier drain."
    )

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Option(help: "Only for this service.")
    var service: String?

    @Option(help: "Only for clients in these places: NO,US-CA,continent:EU or regions of the configuration.")
    var places: String?

    @Option(
        help: ArgumentHelp(
            "Only for a part of the client networks, always the same ones: 1% to 100%.", valueName: "percent"))
    var share = Percentage(value: 100)

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End automatically after this time: 90s, 15m, 1h30m, 2d.", valueName: "time"))
    var duration: Seconds?

    @Option(help: ArgumentHelp("The reason, shown by status and history.", valueName: "text"))
    var reason = ""

    @Option(
        name: .customLong("override"),
        help: ArgumentHelp("Break this safety rule: in_use or capacity. Needs --reason.", valueName: "rule"))
    var overridden: [Configuration.Safety.Rule] = []

    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func validate() throws {
        if !overridden.isEmpty, reason.allSatisfy(\.isWhitespace) {
            throw ValidationError("--override needs a reason: add --reason \"WHY\"")
        }
    }

    func perform(by user: String, timeout: Int) throws(Refusal) -> SwitchOutcome {
        var change = try SwitchChange(options, datacenter, service: service, places: places, by: user)
        let (now, configuration, areas, clientPlaces, safety) = (
            change.now, change.configuration, change.areas, change.places, change.safety
        )
        let drain = Switch(
            datacenter: datacenter, service: service, areas: areas, share: share.value,
            until: duration.map { now + $0.value }, user: user, since: now, reason: reason)
        return try change.carryOut(timeout: timeout) { switches, outcome throws(Refusal) in
            let before = switches
            switches.set(drain)
            let breaches = safety?.breaches(from: before, to: switches) ?? []
            let refused = breaches.filter { !overridden.contains($0.rule) }
            guard refused.isEmpty else {
                let options = Set(refused.map { "--override \($0.rule.rawValue)" }).sorted().joined(separator: " ")
                let isOtherDrained = before.contains { $0.action == .drain && $0.datacenter != datacenter }
                let way = isOtherDrained ? "undrain another datacenter first, or " : ""
                throw Refusal(
                    message:
                        "\(refused.map(\.words).joined(separator: "; ")); nothing is changed; \(way)add \(options) --reason \"WHY\"",
                    code: .wrong)
            }
            outcome.lines = ["drained: \(drain.extent)\(untilWords(drain.until))"]
            outcome.lines += breaches.map { "overridden: \($0.words)" }
            let drained = switches.filter { $0.action == .drain && $0.share == 100 && $0.covers(areas) }
            outcome.stranded =
                configuration?.stranded(by: datacenter, service: service, areas: areas, places: clientPlaces) { name in
                    Set(drained.filter { $0.service == nil || $0.service == name }.map(\.datacenter))
                } ?? []
            return HistoryEntry(
                time: now, user: user, .drain, datacenter: datacenter, service: service, areas: areas,
                share: share.value, until: drain.until, overridden: breaches.map(\.rule.rawValue), reason: reason)
        }
    }
}

extension Configuration.Safety.Rule: ExpressibleByArgument {}
