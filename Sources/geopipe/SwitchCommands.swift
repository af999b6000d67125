import ArgumentParser
import Answering
import Configuration
import Glibc
import Platform
import State

/// A command that changes a switch of a datacenter.
protocol SwitchCommand: ParsableCommand {
    var output: SwitchOutput { get }

    /// - Parameters:
    ///   - who: the operator.
    ///   - timeout: the maximum wait for coprocesses, in milliseconds.
    func perform(by who: String, timeout: Int) throws(Refusal) -> SwitchOutcome
}

/// The output options of commands that change a switch.
struct SwitchOutput: ParsableArguments {
    @Flag(help: "Print JSON, for programs.")
    var json = false
}

extension SwitchCommand {
    func run() throws {
        do throws(Refusal) {
            let outcome = try perform(by: operatorName(), timeout: 2_000)
            for note in outcome.notes { printError(note) }
            if output.json { print(outcome.json.pretty) } else { for line in outcome.text { print(line) } }
            guard outcome.isWrong else { return }
        } catch {
            for line in error.notes + [error.message] { printError(line) }
            if output.json { print(SwitchOutcome(error).json.pretty) }
            throw error.code
        }
        throw ExitCode.wrong
    }
}

struct DrainCommand: SwitchCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Send the clients of a datacenter elsewhere, at once and until it is undrained.",
        discussion:
            "Waits up to two seconds until all coprocesses follow; exits 1 if none does, or if a safety rule of the configuration forbids it. Draining it again for the same places replaces the earlier drain."
    )

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Option(help: "Only for this service.")
    var service: String?

    @Option(help: "Only for clients in these places: NO,US-CA,continent:EU or regions of the configuration.")
    var places: String?

    @Option(help: "Only for a part of the client networks, always the same ones: 1% to 100%.")
    var share = Percentage(value: 100)

    @Option(name: .customLong("for"), help: "End automatically after this time: 90s, 15m, 1h30m, 2d.")
    var duration: Seconds?

    @Option(help: "Reason, shown by status and history.")
    var reason = ""

    @Option(name: .customLong("override"), help: "Break this safety rule: in_use or capacity. Needs --reason.")
    var overridden: [Configuration.Safety.Rule] = []

    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        if !overridden.isEmpty, reason.allSatisfy(\.isWhitespace) {
            throw ValidationError("--override needs a reason: add --reason \"WHY\"")
        }
    }

    func perform(by who: String, timeout: Int) throws(Refusal) -> SwitchOutcome {
        var change = try SwitchChange(options, datacenter, service: service, places: places, by: who)
        let (now, configuration, areas, clientPlaces, safety) = (
            change.now, change.configuration, change.areas, change.places, change.safety
        )
        let drain = Switch(
            datacenter: datacenter, service: service, areas: areas, share: share.value,
            until: duration.map { now + $0.value }, who: who, since: now, reason: reason)
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
                time: now, who: who, .drain, datacenter: datacenter, service: service, areas: areas,
                share: share.value, until: drain.until, overridden: breaches.map(\.rule.rawValue), reason: reason)
        }
    }
}

struct UndrainCommand: SwitchCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Send clients to a datacenter again.",
        discussion: "Exits 1 if it is still drained by a drain with a larger extent.")

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Option(help: "Only for this service; without it, for all services.")
    var service: String?

    @Option(help: "Only in these places; without it, everywhere.")
    var places: String?

    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func perform(by who: String, timeout: Int) throws(Refusal) -> SwitchOutcome {
        var change = try SwitchChange(options, datacenter, service: service, places: places, isEnd: true, by: who)
        let plan = change
        return try change.carryOut(timeout: timeout) { switches, outcome throws(Refusal) in
            plan.end(.drain, &switches, &outcome)
        }
    }
}

struct ForceCommand: SwitchCommand {
    static let configuration = CommandConfiguration(
        commandName: "force",
        abstract: "Count all addresses of a datacenter as up, whatever the checks say.",
        discussion: "For wrong checks. Drained datacenters stay drained.")

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Argument(help: "up, or auto to use the checks again.")
    var target: Target

    @Option(help: "Only for this service; without it, for all services.")
    var service: String?

    @Option(name: .customLong("for"), help: "End automatically after this time: 90s, 15m, 1h30m, 2d.")
    var duration: Seconds?

    @Option(help: "Reason, shown by status and history.")
    var reason = ""

    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    enum Target: String, ExpressibleByArgument, CaseIterable {
        case up, auto
    }

    func perform(by who: String, timeout: Int) throws(Refusal) -> SwitchOutcome {
        var change = try SwitchChange(options, datacenter, service: service, isEnd: target == .auto, by: who)
        let plan = change
        guard target == .up else {
            return try change.carryOut(timeout: timeout) { switches, outcome throws(Refusal) in
                plan.end(.force, &switches, &outcome)
            }
        }
        let force = Switch(
            .force, datacenter: datacenter, service: service, share: 100,
            until: duration.map { plan.now + $0.value }, who: who, since: plan.now, reason: reason)
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
                time: plan.now, who: who, .forceUp, datacenter: datacenter, service: service, until: force.until,
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

extension Configuration.Safety.Rule: ExpressibleByArgument {}

private func untilWords(_ until: Int?) -> String { until.map { ", until \(dateAndTime($0))" } ?? "" }

/// Returns the operator's name.
func operatorName() -> String {
    if let user = getenv("SUDO_USER") { return String(cString: user) }
    return getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
}

/// A percentage from 1 to 100.
struct Percentage: ExpressibleByArgument {
    let value: Int

    init(value: Int) { self.value = value }

    init?(argument: String) {
        guard let value = Int(argument.hasSuffix("%") ? String(argument.dropLast()) : argument), 1...100 ~= value else {
            return nil
        }
        self.value = value
    }

    var defaultValueDescription: String { "\(value)%" }
}

/// A duration in the syntax of the configuration.
struct Seconds: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        guard let seconds = parseSeconds(argument), seconds > 0 else { return nil }
        value = Int(seconds)
    }
}
