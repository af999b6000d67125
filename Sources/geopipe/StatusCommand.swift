import ArgumentParser
import Backend
import Configuration
import Foundation

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the datacenters, what is drained, and the coprocesses that run.",
        discussion: "Exits 1 if a coprocess has complaints.")

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        do throws(Refusal) {
            let status = try Status(options)
            for line in lines(of: status) { print(line) }
            guard status.coprocesses.contains(where: { !$0.complaints.isEmpty }) else { return }
        } catch {
            complain(error.message)
            throw error.code
        }
        throw ExitCode.wrong
    }

    /// What there is to show.
    func lines() throws(Refusal) -> [String] { lines(of: try Status(options)) }

    private func lines(of status: Status) -> [String] {
        guard json else { return status.text.components(separatedBy: "\n") }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = (try? encoder.encode(status)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.components(separatedBy: "\n")
    }
}

/// How things are with all that serves one configuration.
struct Status: Encodable {
    var datacenters: [Datacenter]
    var coprocesses: [CoprocessStatus]
    /// When this was so, in seconds since 1970.
    var time: Int
    /// What is wrong with the configuration as it is on disk now.
    var complaints: [String]
    /// Why the switches are not known, if they are not.
    var complaint: String?

    struct Datacenter: Encodable {
        var name: String
        var switches: [Switch]
    }

    init(_ options: ConfigurationOptions) throws(Refusal) {
        let state = try options.requiredState()
        let now = Int(Date().timeIntervalSince1970)
        time = now
        var switches: [Switch] = []
        do throws(StateDirectory.Failure) {
            switches = try state.switches().filter { $0.isInForce(at: now) }
        } catch {
            complaint = "\(error); coprocesses go by what they read before"
        }
        var names: [String] = []
        do throws(ConfigurationError) {
            names = try options.loadedPlan().configuration.datacenters.map(\.name)
            complaints = []
        } catch {
            complaints = error.complaints.map(\.description)
        }
        // Those that only switches know of any more.
        for entry in switches where !names.contains(entry.datacenter) { names.append(entry.datacenter) }
        datacenters = names.map { name in
            Datacenter(name: name, switches: switches.filter { $0.datacenter == name })
        }
        let file = realPath(options.file)
        coprocesses = state.coprocesses().filter { realPath($0.configuration) == file }
    }

    /// For people.
    var text: String {
        var lines = ["Datacenters"]
        let width = datacenters.map(\.name.count).max() ?? 0
        for datacenter in datacenters {
            let name = datacenter.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let states = datacenter.switches.map { "drained \($0.words(at: time))" }
            lines.append("  \(name)  \(states.isEmpty ? "in use" : states.joined(separator: "; "))")
        }
        if let complaint { lines.append("  \(complaint)") }
        if !complaints.isEmpty { lines += ["", "Configuration"] + complaints.map { "  \($0)" } }
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

    private func age(_ since: Int) -> String { words(ofSeconds: time - since) }
}

extension Switch {
    /// What it does, for people who know the datacenter.
    fileprivate func words(at time: Int) -> String {
        var parts = [share == 100 ? "wholly" : "for \(share)% of the client networks"]
        if let service { parts.append("service \(service)") }
        parts.append("since \(geopipe.words(ofSeconds: time - since)) by \(who)")
        if let until { parts.append("for \(geopipe.words(ofSeconds: until - time)) more") }
        if !reason.isEmpty { parts.append(reason) }
        return parts.joined(separator: ", ")
    }
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

private func realPath(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path }
