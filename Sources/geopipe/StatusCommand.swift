import Answering
import ArgumentParser
import Compiler
import Configuration
import DNS
import Glibc
import Platform
import State

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the datacenters, what is drained or down, and the coprocesses that run.",
        discussion:
            "Exits 1 if a coprocess has complaints, or nobody tells how the addresses are that are to be checked.")

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        do throws(Refusal) {
            let status = try Status(options)
            for line in lines(of: status) { print(line) }
            guard status.coprocesses.contains(where: { !$0.complaints.isEmpty }) || status.health?.isOld == true else {
                return
            }
        } catch {
            complain(error.message)
            throw error.code
        }
        throw ExitCode.wrong
    }

    /// What there is to show.
    func lines() throws(Refusal) -> [String] { lines(of: try Status(options)) }

    private func lines(of status: Status) -> [String] {
        json
            ? status.json.lines
            : status.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}

extension JSON {
    /// The lines of `pretty`.
    var lines: [String] { pretty.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
}

/// How things are with all that serves one configuration.
struct Status {
    var datacenters: [Datacenter]
    /// What is known of the addresses that are to be checked; absent if there are none.
    var health: Health?
    var coprocesses: [CoprocessStatus]
    /// The databases, in the order of the configuration.
    var databases: [Database]
    /// The image in force; absent if there is none.
    var image: Image?
    /// When this was so, in seconds since 1970.
    var time: Int
    /// What is wrong with the configuration as it is on disk now.
    var complaints: [String]
    /// Why the switches are not known, if they are not.
    var complaint: String?

    struct Image {
        /// The content id.
        var id: String
        /// When it was compiled, in seconds since 1970.
        var compiled: Int
        var bytes: Int
        /// The version of the program that compiled it.
        var program: String
        /// The zones that have errors: they are served with the content that they had before, or fail.
        var unusableZones: [(apex: String, keptSince: Int?)]
    }

    struct Datacenter {
        var name: String
        var switches: [Switch]
        /// By the name of a service, how its addresses here are that are checked.
        var health: [String: CheckedService.DatacenterHealth]
    }

    /// When a database was built, in seconds since 1970.
    struct Database {
        /// The absolute path of its file.
        var database: String
        /// Of the one that coprocesses answer from, of several the oldest; without any, of the one on disk. Absent if it does not
        /// say.
        var built: Int?
        /// Of the one on disk; absent if that cannot be used.
        var builtOnDisk: Int?
    }

    struct Health {
        /// When the agent told last, in seconds since 1970; absent if it never has.
        var told: Int?
        /// The process of the agent.
        var agent: Int?
        /// Whether that is so long ago that it cannot be well.
        var isOld: Bool
        /// Why what it told is not known, if it is not.
        var complaint: String?
        /// What is checked, with what is known of it.
        var checks: [Check]

        struct Check {
            /// What is asked.
            var target: String
            /// `unknown` counts as up.
            var state: String
            /// Since when, in seconds since 1970.
            var since: Int?
            var reason: String
        }

        /// Seconds after which an agent that is well has told again, several times over.
        private static let patience = 30

        /// - Parameter targets: what is to be checked; `nil` if the configuration does not say.
        init?(_ targets: [String]?, _ state: StateDirectory, at time: Int) {
            guard targets?.isEmpty != true else { return nil }
            var report: HealthReport?
            do throws(StateDirectory.Failure) {
                let found = try state.health()
                report = found.value
                complaint = found.complaint
            } catch {
                complaint = "\(error); coprocesses go by what they read before"
            }
            told = report?.time
            agent = report?.process
            isOld = report.map { abs(time - $0.time) > Self.patience } ?? true
            guard let targets = targets ?? report.map({ $0.states.keys.sorted() }), !targets.isEmpty else { return nil }
            checks = targets.map { target in
                let known = report?.states[target].flatMap { $0.isKnown(at: time) ? $0 : nil }
                return Check(
                    target: target,
                    state: known.map { $0.isUp ? "up" : "down" } ?? "unknown", since: known?.since,
                    reason: known?.reason ?? "")
            }
        }
    }

    /// Seconds after which a coprocess that is well has told again, several times over.
    private static let patience = 10

    init(_ options: ConfigurationOptions) throws(Refusal) {
        let state = try options.requiredState()
        let now = Glibc.time(nil)
        time = now
        var switches: [Switch] = []
        do throws(StateDirectory.Failure) {
            let found = try state.switches()
            switches = found.value?.filter { $0.isInForce(at: now) } ?? []
            complaint = found.complaint
        } catch {
            complaint = "\(error); coprocesses go by what they read before"
        }
        var names: [String] = []
        var services: [Configuration.Service] = []
        var builds: [DatabaseBuild] = []
        do throws(ConfigurationError) {
            let plan = try SnapshotPlan(try options.configuration())
            let configuration = plan.configuration
            builds = plan.databaseBuilds
            names = configuration.datacenters.map(\.name)
            services = configuration.services
            health = Health(configuration.healthTargets.map(\.identity), state, at: now)
            complaints = []
        } catch {
            complaints = error.complaints.map(\.description)
            health = Health(nil, state, at: now)
        }
        let down = Set(health?.checks.filter { $0.state == "down" }.map(\.target) ?? [])
        let forces = switches.filter { $0.action == .force }
        let checked = services.compactMap { service in
            CheckedService(service).map { checked in
                let own = forces.filter { ($0.service ?? service.name) == service.name }
                let forced = Set(own.compactMap { names.firstIndex(of: $0.datacenter) })
                let health = checked.datacenters(forced: forced, down.contains).enumerated()
                return (service.name, health.map { checked.checks($0.offset) ? $0.element : nil })
            }
        }
        // Those that only switches know of any more.
        for entry in switches where !names.contains(entry.datacenter) { names.append(entry.datacenter) }
        datacenters = names.enumerated().map { number, name in
            let health = checked.compactMap { service, datacenters in
                number < datacenters.count ? datacenters[number].map { (service, $0) } : nil
            }
            return Datacenter(
                name: name, switches: switches.filter { $0.datacenter == name },
                health: Dictionary(uniqueKeysWithValues: health))
        }
        let store = options.imageStore()
        if let snapshot = store?.current().snapshot {
            let manifest = snapshot.manifest
            image = Image(
                id: snapshot.image.id, compiled: manifest.created, bytes: snapshot.image.bytes.count,
                program: manifest.program,
                unusableZones: manifest.unusableZones.map { ($0.apex, $0.keptSince) })
        }
        for complaint in store?.report()?.complaints ?? [] where !complaints.contains(complaint) {
            complaints.append(complaint)
        }
        coprocesses = state.coprocesses(of: options.file)
        databases = Self.databases(onDisk: builds, told: coprocesses.flatMap(\.databases))
        for index in coprocesses.indices where now - coprocesses[index].told > Self.patience {
            let silence = words(ofSeconds: now - coprocesses[index].told)
            coprocesses[index].complaints.append("silent for \(silence): it follows nothing any more")
        }
    }

    private static func databases(onDisk: [DatabaseBuild], told: [DatabaseBuild]) -> [Database] {
        var paths: [String] = []
        for build in onDisk + told where !paths.contains(build.database) { paths.append(build.database) }
        return paths.map { path in
            let disk = onDisk.first { $0.database == path }?.built
            let inUse = told.filter { $0.database == path }.compactMap(\.built).min()
            return Database(database: path, built: inUse ?? disk, builtOnDisk: disk)
        }
    }

    /// For programs. What there is none of is absent.
    var json: JSON {
        .object([
            "datacenters": .list(datacenters.map(\.json)), "health": health?.json,
            "coprocesses": .list(coprocesses.map(\.json)), "databases": .list(databases.map(\.json)),
            "image": image?.json, "time": .integer(time), "complaints": .list(complaints.map(JSON.text)),
            "complaint": complaint.map(JSON.text),
        ])
    }

    /// For people.
    var text: String {
        var lines = ["Datacenters"]
        let width = datacenters.map(\.name.count).max() ?? 0
        for datacenter in datacenters {
            let name = datacenter.name + String(repeating: " ", count: width - datacenter.name.count)
            let states = datacenter.switches.map { $0.words(at: time) } + datacenter.healthWords
            lines.append("  \(name)  \(states.isEmpty ? "in use" : states.joined(separator: "; "))")
        }
        if let complaint { lines.append("  \(complaint)") }
        if !complaints.isEmpty { lines += ["", "Configuration"] + complaints.map { "  \($0)" } }
        if let health { lines += ["", "Health"] + healthLines(health) }
        if let image { lines += ["", "Image"] + image.lines(at: time).map { "  \($0)" } }
        if !databases.isEmpty { lines += ["", "Databases"] + databases.map { "  \(line($0))" } }
        lines += ["", "Coprocesses"]
        if coprocesses.isEmpty { lines.append("  none runs") }
        for coprocess in coprocesses {
            let loaded = coprocess.loaded.map { "loaded \(age($0)) ago" } ?? "nothing loaded"
            lines.append(
                "  \(coprocess.process)  up \(age(coprocess.started)), \(coprocess.questions) questions, \(loaded), version \(coprocess.version)"
            )
            lines += coprocess.complaints.map { "    \($0)" }
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ database: Database) -> String {
        let built = database.built.map { buildWords($0, at: time) } ?? "built at a time that it does not say"
        guard let disk = database.builtOnDisk, disk != database.built else { return "\(database.database)  \(built)" }
        return "\(database.database)  \(built); the one on disk, \(buildWords(disk, at: time)), is not in use"
    }

    private func healthLines(_ health: Health) -> [String] {
        var lines: [String] = []
        if let complaint = health.complaint {
            lines.append(complaint)
        } else if let told = health.told, let agent = health.agent {
            lines.append("told \(age(told)) ago by agent \(agent)")
            if health.isOld {
                lines.append("it does not run, or is stuck; what it told last counts for a day")
            }
        } else {
            lines.append("never told; geopipe-agent does not run, and all addresses count as up")
        }
        let counts = ["up", "down", "unknown"].compactMap { state in
            let count = health.checks.count { $0.state == state }
            return count > 0 ? "\(count) \(state)" : nil
        }
        lines.append("addresses: \(counts.joined(separator: ", "))")
        for check in health.checks where check.state == "down" {
            lines.append("down\(check.since.map { " for \(age($0))" } ?? "")  \(check.target): \(check.reason)")
        }
        return lines.map { "  \($0)" }
    }

    private func age(_ since: Int) -> String { words(ofSeconds: time - since) }
}

extension Status.Database {
    fileprivate var json: JSON {
        .object([
            "database": .text(database), "built": built.map(JSON.integer),
            "builtOnDisk": builtOnDisk.map(JSON.integer),
        ])
    }
}

extension Status.Image {
    fileprivate var json: JSON {
        .object([
            "id": .text(id), "compiled": .integer(compiled), "bytes": .integer(bytes), "program": .text(program),
            "unusableZones": .list(
                unusableZones.map {
                    .object(["zone": .text($0.apex), "keptSince": $0.keptSince.map(JSON.integer)])
                }),
        ])
    }

    fileprivate func lines(at time: Int) -> [String] {
        ["\(id), compiled \(dateAndTime(compiled)), \(bytes / 1_000) kB"]
            + unusableZones.map { zone, keptSince in
                keptSince.map { "\(zone) has errors and keeps its content of \(dateAndTime($0))" }
                    ?? "\(zone) has errors and no earlier content: SERVFAIL"
            }
    }
}

extension Status.Health {
    fileprivate var json: JSON {
        .object([
            "told": told.map(JSON.integer), "agent": agent.map(JSON.integer), "isOld": .truth(isOld),
            "complaint": complaint.map(JSON.text), "checks": .list(checks.map(\.json)),
        ])
    }
}

extension Status.Health.Check {
    fileprivate var json: JSON {
        .object([
            "target": .text(target), "state": .text(state), "since": since.map(JSON.integer), "reason": .text(reason),
        ])
    }
}

extension Status.Datacenter {
    fileprivate var json: JSON {
        let health = health.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value.json) }
        return .object([
            "name": .text(name), "switches": .list(switches.map(\.json)), "health": .object(health),
        ])
    }

    /// What is down of it, for people.
    fileprivate var healthWords: [String] {
        health.sorted { $0.key < $1.key }.filter { $0.value.up < $0.value.addresses }.map { service, health in
            let count = "\(health.up) of \(health.addresses) addresses up"
            let state = health.stateWords
            return state.isEmpty ? "\(count) for service \(service)" : "\(state) for service \(service), \(count)"
        }
    }
}

extension Switch {
    /// What it does, for people who know the datacenter.
    fileprivate func words(at time: Int) -> String {
        var parts = [
            action == .force
                ? "forced up" : share == 100 ? "drained wholly" : "drained for \(share)% of the client networks"
        ]
        if !areas.isEmpty { parts.append("in \(areaWords(areas))") }
        if let service { parts.append("service \(service)") }
        parts.append("since \(geopipe.words(ofSeconds: time - since)) by \(who)")
        if let until { parts.append("for \(geopipe.words(ofSeconds: until - time)) more") }
        if !reason.isEmpty { parts.append(reason) }
        return parts.joined(separator: ", ")
    }
}

/// When a database was built, and how long ago that is.
func buildWords(_ built: Int, at time: Int) -> String {
    "built \(dateAndTime(built)), \(words(ofSeconds: time - built)) ago"
}

/// A time in the largest unit that leaves two digits or so.
private func words(ofSeconds seconds: Int) -> String {
    switch seconds {
    case ..<120: "\(max(0, seconds)) s"
    case ..<7_200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3600) h"
    default: "\(seconds / 86_400) d"
    }
}
