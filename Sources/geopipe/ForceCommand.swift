import Answering
import ArgumentParser
import Configuration
import State

struct ForceCommand: SwitchCommand {
    static let configuration = CommandConfiguration(
        commandName: "force",
        abstract: "Count all addresses of a datacenter as up, whatever the checks say.",
        discussion: "Use it while a check is wrong. A drained datacenter stays drained.")

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Argument(help: ArgumentHelp("up, or auto to use the checks again.", valueName: "up|auto"))
    var setting: Setting

    @Option(help: "Only for this service; without it, for all services.")
    var service: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End automatically after this time: 90s, 15m, 1h30m, 2d.", valueName: "time"))
    var duration: Seconds?

    @Option(help: ArgumentHelp("The reason, shown by status and history.", valueName: "text"))
    var reason = ""

    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    enum Setting: String, ExpressibleByArgument, CaseIterable {
        case up, auto
    }

    func perform(by user: String, timeout: Int) throws(Refusal) -> SwitchOutcome {
        var change = try SwitchChange(options, datacenter, service: service, isEnd: setting == .auto, by: user)
        let plan = change
        guard setting == .up else {
            return try change.carryOut(timeout: timeout) { switches, outcome throws(Refusal) in
                plan.end(.force, &switches, &outcome)
            }
        }
        let force = Switch(
            .force, datacenter: datacenter, service: service, share: 100,
            until: duration.map { plan.now + $0.value }, user: user, since: plan.now, reason: reason)
        return try change.carryOut(timeout: timeout) { switches, outcome throws(Refusal) in
            switches.set(force)
            outcome.lines = ["forced up: \(force.extent)\(untilWords(force.until))"]
            if let configuration = plan.configuration, !configuration.checks(datacenter, service: service) {
                outcome.lines.append("none of its addresses is checked: they count as up anyway")
            }
            for entry in switches
            where entry.action == .drain && entry.datacenter == datacenter
                && (service == nil || entry.service == nil || entry.service == service)
            {
                outcome.lines.append(
                    "\(entry.extent) is still drained; to end that: geopipe undrain \(datacenter)")
            }
            return HistoryEntry(
                time: plan.now, user: user, .forceUp, datacenter: datacenter, service: service, until: force.until,
                reason: reason)
        }
    }
}

extension Configuration {
    /// Returns whether an address of a datacenter is checked, for one service or any.
    fileprivate func checks(_ datacenter: String, service: String?) -> Bool {
        guard let number = datacenters.firstIndex(where: { $0.name == datacenter }) else { return false }
        return services.contains {
            (service ?? $0.name) == $0.name && CheckedService($0)?.checks(number) == true
        }
    }
}
