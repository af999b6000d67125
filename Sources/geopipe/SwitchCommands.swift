import ArgumentParser
import Configuration
import Glibc
import Platform
import State

struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Send the clients of a datacenter elsewhere, at once and until it is undrained.",
        discussion: "All coprocesses follow within a second. A second drain of the same takes the place of the first.")

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Option(help: "Only for this service.")
    var service: String?

    @Option(help: "Only for a part of the client networks, always the same ones: 1% to 100%.")
    var share = Percentage(value: 100)

    @Option(name: .customLong("for"), help: "End by itself after this time: 90s, 15m, 1h30m, 2d.")
    var duration: Seconds?

    @Option(help: "Why, for those who look at the status.")
    var reason = ""

    @OptionGroup var options: ConfigurationOptions

    func run() throws { try report(perform) }

    /// - Parameter who: does it.
    func perform(by who: String) throws(Refusal) -> SwitchOutcome {
        try options.changeSwitches(about: datacenter, service) { switches, now in
            switches.append(
                Switch(
                    datacenter: datacenter, service: service, share: share.value,
                    until: duration.map { now + $0.value }, who: who, since: now, reason: reason))
        }
    }
}

struct UndrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Send clients to a datacenter again.")

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Option(help: "Only for this service; without, for all that it was drained for.")
    var service: String?

    @OptionGroup var options: ConfigurationOptions

    func run() throws { try report(perform) }

    /// - Parameter who: does it.
    func perform(by who: String) throws(Refusal) -> SwitchOutcome {
        try options.changeSwitches(about: datacenter, service, isEnd: true) { _, _ in }
    }
}

extension ConfigurationOptions {
    /// Takes out the switches of a datacenter, and has `body` add others.
    ///
    /// - Parameters:
    ///   - service: only those for this service; without one, all if `isEnd`, and else those for all services.
    fileprivate func changeSwitches(
        about datacenter: String, _ service: String?, isEnd: Bool = false,
        _ body: (inout [Switch], _ now: Int) -> Void
    ) throws(Refusal) -> SwitchOutcome {
        var outcome = SwitchOutcome()
        var configuration: Configuration?
        var unknown: String?
        do throws(ConfigurationError) {
            let loaded = try self.configuration()
            configuration = loaded
            if !loaded.datacenters.contains(where: { $0.name == datacenter }) {
                unknown = "there is no datacenter \(datacenter) in \(file)"
            } else if let service, !loaded.services.contains(where: { $0.name == service }) {
                unknown = "there is no service \(service) in \(file)"
            }
        } catch {
            // What is in use is what was loaded before, and that has to be switched now.
            outcome.notes.append("\(file) has errors; taking it that there is a datacenter \(datacenter)")
        }
        if let unknown { throw Refusal(message: unknown, code: .wrong) }
        let state = try requiredState()
        do throws(StateDirectory.Failure) {
            let now = time(nil)
            var drained: Set<String> = []
            let complaint = try state.change { switches in
                switches.removeAll { entry in
                    !entry.isInForce(at: now)
                        || entry.datacenter == datacenter && (entry.service == service || isEnd && service == nil)
                }
                body(&switches, now)
                // What is drained wholly, of those for all services and for this one.
                drained = Set(
                    switches.filter { $0.share == 100 && ($0.service == nil || $0.service == service) }.map(
                        \.datacenter))
            }
            if let complaint { outcome.notes.append(complaint) }
            if !isEnd, let configuration {
                outcome.lines = configuration.stranded(by: datacenter, service: service, besides: drained)
            }
            return outcome
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    /// Where the state is, even if the configuration has errors.
    func requiredState() throws(Refusal) -> StateDirectory {
        if let state = state() { return state }
        throw Refusal(
            message: "\(file) has state_directory: none; take that out for /run/geopipe, or use --state",
            code: .unusable)
    }
}

/// What came of a command.
struct SwitchOutcome {
    /// What is wrong beside, for standard error.
    var notes: [String] = []
    /// What the operator should know, for standard output.
    var lines: [String] = []

    var all: [String] { notes + lines }
}

/// Why a command was not carried out.
struct Refusal: Error {
    var message: String
    var code: ExitCode
}

/// Carries a command out for whoever runs this, and prints what came of it.
private func report(_ perform: (_ who: String) throws(Refusal) -> SwitchOutcome) throws {
    do throws(Refusal) {
        let outcome = try perform(operatorName())
        for note in outcome.notes { complain(note) }
        for line in outcome.lines { print(line) }
    } catch {
        complain(error.message)
        throw error.code
    }
}

/// Who runs this, for people.
private func operatorName() -> String {
    if let user = getenv("SUDO_USER") { return String(cString: user) }
    return getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
}

/// A part in percent, from 1 to 100.
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

/// A time as the configuration has it.
struct Seconds: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        guard let seconds = parseSeconds(argument), seconds > 0 else { return nil }
        value = Int(seconds)
    }
}
