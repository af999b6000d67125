import ArgumentParser
import Glibc
import Inspection
import Platform
import State

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show problems, what is drained or down, and the running coprocesses.",
        discussion: """
            Problems come first. Exits 1 if there are errors among them, 0 if there are none or only warnings, \
            and 2 if the status is unknown.
            """)

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @Flag(help: "Fill the terminal and update it once a second, until Ctrl-C.")
    var watch = false

    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func run() throws {
        do throws(Refusal) {
            if watch { return try watchStatus() }
            let status = try status()
            print(json ? status.json.pretty : status.lines(Terminal.standardOutput).joined(separator: "\n"))
            guard status.problems.contains(where: { $0.severity == .error }) else { return }
        } catch {
            printError(visible(error.message))
            throw error.code
        }
        throw ExitCode.wrong
    }

    /// Returns the lines to print, for pdnsutil.
    func lines() throws(Refusal) -> [String] {
        if watch { throw Self.noTerminal }
        let status = try status()
        return json ? status.json.lines : status.lines(Terminal())
    }

    private func status() throws(Refusal) -> Status {
        let state = try options.requiredState()
        do throws(StateDirectory.Failure) {
            return try Status(of: options.file, overrides: options.databases, in: state, at: Glibc.time(nil))
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    private static let noTerminal = Refusal(
        message: "status --watch needs a terminal; elsewhere run geopipe status repeatedly, or status --json",
        code: .unusable)

    private func watchStatus() throws(Refusal) {
        if json { throw Refusal(message: "--watch and --json exclude each other; give one", code: .unusable) }
        let terminal = Terminal.standardOutput
        guard terminal.canBeDrawn else { throw Self.noTerminal }
        Screen().watch {
            do throws(Refusal) {
                return try status().lines(terminal)
            } catch {
                return [terminal.styled(visible(error.message), .error)]
            }
        }
    }
}

extension JSON {
    var lines: [String] { pretty.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
}

extension Status {
    /// Returns the status for a person.
    func lines(_ terminal: Terminal) -> [String] {
        var lines = problems.isEmpty ? [terminal.styled("No problems", .success)] : ["Problems"]
        for problem in problems {
            let word =
                problem.severity == .error ? terminal.styled("error", .error) : terminal.styled("warning", .warning)
            let gap = problem.severity == .error ? "    " : "  "
            lines.append("  \(word)\(gap)\(visible(problem.message + (problem.hint.map { "; \($0)" } ?? "")))")
        }
        func section(_ title: String, _ content: [String]) {
            if !content.isEmpty { lines += ["", title] + content.map { "  " + visible($0) } }
        }
        if let rollout { section("Rollout", [rollout.rollout.headline]) }
        if let otherRollout {
            section("Rollout of \(visible(otherRollout.configuration))", [otherRollout.headline])
        }
        section("Datacenters", table(datacenters.map { [$0.name, words($0)] }))
        section("Services", serviceLines)
        if let health { section("Health", healthLines(health)) }
        if let image {
            section("Image", ["\(image.id), compiled \(moment(image.compiled)), \(image.bytes / 1_000) kB"])
        }
        section("Databases", databases.map(line))
        section("Coprocesses", coprocessLines)
        return lines
    }

    private func words(_ datacenter: Datacenter) -> String {
        let shares = services.flatMap { service in
            service.datacenters.filter { $0.name == datacenter.name }.compactMap { site in
                site.share.map { "\($0.words) for service \(service.name)" }
            }
        }
        let states = datacenter.words(at: time) + shares
        return states.isEmpty ? "in use" : states.joined(separator: "; ")
    }

    private var serviceLines: [String] {
        // Of many services, only those in an unusual state.
        let few = 20
        let shown = services.count <= few ? services : services.filter(\.isUnusual)
        func words(_ service: Service, _ isMeant: (Service.Site) -> Bool) -> String {
            let sites = service.datacenters.filter(isMeant).map { site in
                let health = site.health.flatMap { $0.up < $0.addresses || $0.isUp == false ? $0 : nil }
                let states = [
                    health.map { "\($0.up) of \($0.addresses) up" },
                    site.state == .partlyDrained ? "partly drained" : nil,
                    site.share.map { "\($0.percent)% of its share" },
                ].compactMap(\.self)
                return site.name + (states.isEmpty ? "" : " (\(states.joined(separator: ", ")))")
            }
            return sites.isEmpty ? "-" : sites.joined(separator: ", ")
        }
        var lines: [String] = []
        if !shown.isEmpty {
            lines = table(
                [["service", "in use", "drained", "down"]]
                    + shown.map { service in
                        [
                            service.name, words(service) { $0.state == .inUse || $0.state == .partlyDrained },
                            words(service) { $0.state == .drained }, words(service) { $0.state == .down },
                        ]
                    })
        }
        let spread = services.filter { service in
            service.spreads && service.datacenters.contains { $0.state != .inUse || $0.share != nil }
        }
        if !spread.isEmpty {
            let names = spread.prefix(few).map(\.name).joined(separator: ", ")
            let rest = spread.count > few ? " and \(spread.count - few) more" : ""
            lines.append(
                "clients of unavailable datacenters are spread, where the map says then: spread: \(names)\(rest)")
        }
        if shown.count < services.count {
            lines.append(
                "\(services.count - shown.count) of \(services.count) services have all their datacenters in use")
        }
        return lines
    }

    private func healthLines(_ health: Health) -> [String] {
        var lines: [String] = []
        if let reportedAt = health.reportedAt, let agent = health.agent {
            lines.append("reported \(moment(reportedAt)) by agent \(agent)")
        } else {
            lines.append("no report of geopipe-agent; all addresses count as up")
        }
        let counts = ["up", "down", "unknown"].compactMap { state in
            let count = health.checks.count { $0.state == state }
            return count > 0 ? "\(count) \(state)" : nil
        }
        lines.append("addresses: \(counts.joined(separator: ", "))")
        if let vantage = health.vantage { lines.append(line(vantage)) }
        for check in health.checks {
            if let weight = check.weight { lines.append("up \(weight)%  \(check.target): \(check.reason)") }
        }
        for check in health.checks where check.state == "down" {
            lines.append("down since \(check.since.map(moment) ?? "unknown")  \(check.target): \(check.reason)")
        }
        return lines
    }

    private func line(_ standing: VantageStanding) -> String {
        let others = standing.others
        let fresh = others.count { $0.state == .fresh }
        let way =
            switch standing.way {
            case .gathering: "just started, own checks decide"
            case .quorum: "most votes decide"
            case .cutOff: "cut off, own checks decide"
            }
        let overruled =
            standing.overruled > 0
            ? "; \(standing.overruled) address\(standing.overruled == 1 ? "" : "es") otherwise than the checks here say"
            : ""
        return "vantage points: \(fresh) of \(others.count) others have a vote; \(way)\(overruled)"
    }

    private func line(_ database: Database) -> String {
        let built = database.built.map { "built \(moment($0))" } ?? "build time unknown"
        guard let disk = database.builtOnDisk, disk != database.built else { return "\(database.database)  \(built)" }
        return "\(database.database)  \(built); the one on disk, built \(moment(disk)), is not in use"
    }

    private var coprocessLines: [String] {
        guard !coprocesses.isEmpty else { return ["none running"] }
        return table(
            [["pid", "version", "up", "questions", "image", "loaded"]]
                + coprocesses.map { coprocess in
                    [
                        "\(coprocess.process)", coprocess.version, durationWords(time - coprocess.started),
                        "\(coprocess.questions)", coprocess.image ?? "-", coprocess.loaded.map(moment) ?? "-",
                    ]
                })
    }

    private func moment(_ seconds: Int) -> String { momentWords(seconds, at: time) }
}

extension Status.Service {
    /// Whether one of its datacenters or addresses is not in use.
    fileprivate var isUnusual: Bool {
        datacenters.contains {
            $0.state != .inUse || $0.share != nil || $0.health.map { $0.up < $0.addresses } ?? false
        }
    }
}

extension Status.Datacenter {
    fileprivate func words(at time: Int) -> [String] {
        let down = health.sorted { $0.key < $1.key }.filter { $0.value.up < $0.value.addresses }.map {
            service, health in
            let count = "\(health.up) of \(health.addresses) addresses up"
            let state = health.stateWords
            return state.isEmpty ? "\(count) for service \(service)" : "\(state) for service \(service), \(count)"
        }
        return (drains + forced).map { $0.words(at: time) } + down
    }
}

extension Status.Service.Share {
    /// As `40% of its share until 2026-11-30 12:31:05 +01:00 (its addresses say 80%)`.
    fileprivate var words: String {
        "\(percent)% of its share" + (growsUntil.map { " until \(dateTimeAndOffset($0))" } ?? "")
            + (reported.map { " (its addresses say \($0)%)" } ?? "")
    }
}

extension Switch {
    /// Describes its effect, for a list of one datacenter's switches.
    fileprivate func words(at time: Int) -> String {
        action.participle + (share == 100 ? "" : " for \(share)% of the client networks")
            + (service.map { " for service \($0)" } ?? "") + (areas.isEmpty ? "" : " in \(areaWords(areas))")
            + ", since \(momentWords(since, at: time)) by \(user)"
            + (until.map { ", until \(dateTimeAndOffset($0)) (in \(durationWords($0 - time)))" } ?? "")
            + (reason.isEmpty ? "" : ": \(reason)")
    }
}

/// Returns a time and its distance, as `2026-11-23 09:34:00 +01:00 (3 min ago)`.
///
/// - Parameters:
///   - seconds: seconds since 1970.
///   - now: seconds since 1970.
func momentWords(_ seconds: Int, at now: Int) -> String {
    let distance = seconds > now ? "in \(durationWords(seconds - now))" : "\(durationWords(now - seconds)) ago"
    return "\(dateTimeAndOffset(seconds)) (\(distance))"
}
