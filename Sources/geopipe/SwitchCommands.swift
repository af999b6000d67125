import ArgumentParser
import Backend
import Glibc

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

    @Option(name: .customLong("for"), help: "End by itself after this time: 90s, 15m, 2h, 1d.")
    var duration: Seconds?

    @Option(help: "Why, for those who look at the status.")
    var reason = ""

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try options.changeSwitches(about: datacenter, service) { switches, now in
            switches.append(
                Switch(
                    datacenter: datacenter, service: service, share: share.value,
                    until: duration.map { now + $0.value },
                    who: operatorName(), since: now, reason: reason))
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

    func run() throws { try options.changeSwitches(about: datacenter, service, isEnd: true) { _, _ in } }
}

extension ConfigurationOptions {
    /// Takes out the switches of a datacenter, and has `body` add others.
    ///
    /// - Parameters:
    ///   - service: only those for this service; without one, all if `isEnd`, and else those for all services.
    fileprivate func changeSwitches(
        about datacenter: String, _ service: String?, isEnd: Bool = false,
        _ body: (inout [Switch], _ now: Int) -> Void
    ) throws {
        let configuration = try plan().configuration
        guard configuration.datacenters.contains(where: { $0.name == datacenter }) else {
            complain("there is no datacenter \(datacenter) in \(file)")
            throw ExitCode.wrong
        }
        guard service == nil || configuration.services.contains(where: { $0.name == service }) else {
            complain("there is no service \(service!) in \(file)")
            throw ExitCode.wrong
        }
        guard let state = state(configuration) else {
            complain("\(file) has no state_directory; add state_directory: /run/geopipe, or use --state")
            throw ExitCode.unusable
        }
        do throws(StateDirectory.Failure) {
            let now = time(nil)
            let complaint = try state.change { switches in
                switches.removeAll { entry in
                    !entry.isInForce(at: now)
                        || entry.datacenter == datacenter && (entry.service == service || isEnd && service == nil)
                }
                body(&switches, now)
            }
            if let complaint { complain(complaint) }
        } catch {
            complain("\(error)")
            throw ExitCode.unusable
        }
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
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        let number = argument.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int32(number), count > 0 else { return nil }
        let unit = argument.dropFirst(number.count)
        guard unit.isEmpty || unit.count == 1 && units[unit.first!] != nil else { return nil }
        value = Int(count) * (unit.first.flatMap { units[$0] } ?? 1)
    }
}
