import ArgumentParser
import Configuration
import DNS
import Glibc
import Inspection
import Platform

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say why a client gets what it gets: databases, rules, preference, choice, scope.",
        discussion: "Exits 1 if there is no such name.")

    @Argument(help: "The name to ask for.")
    var name: String

    @Argument(help: "The client's address, or its subnet such as 192.0.2.0/24.")
    var client: ClientArgument

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let explanation: Explanation
        do {
            let configuration: Configuration
            do throws(ConfigurationError) {
                configuration = try options.configuration()
            } catch {
                complain(error.description)
                throw ExitCode.unusable
            }
            explanation = try options.serving().explain(name, for: client.prefix, configuration)
        } catch let error as ExitCode {
            throw error
        } catch {
            complain("\(error)")
            throw ExitCode.wrong
        }
        print(json ? explanation.json.pretty : explanation.text)
        if !explanation.answer.exists { throw ExitCode.wrong }
    }
}

extension Explanation {
    /// The explanation in words, a paragraph a step.
    fileprivate var text: String {
        var lines = ["\(name) for the client \(client)", ""]
        lines += section("What the databases say", databases.map(\.line) + databases.compactMap(\.age))
        if let service {
            lines += section(
                "Rules of map \(service.map), for service \(service.service)",
                service.rules.enumerated().map { $0 == 0 ? "\($1.line)   <- wins" : $1.line })
            lines += section(
                "Preference",
                service.preference.enumerated().map { "\($0 + 1). " + $1.map(\.line).joined(separator: ", or ") })
            lines += section(
                "Chosen", [service.chosen.isEmpty ? "nothing" : service.chosen.joined(separator: ", ")] + service.notes)
        } else if answer.exists {
            lines += section("No service is at this name", ["its records are the same for every client"])
        }
        lines += section("Records", answer.exists ? answer.records : ["there is no such name"])
        if let service { lines += ["Scope: all clients in \(service.scope) are treated alike."] }
        while lines.last == "" { lines.removeLast() }
        return lines.joined(separator: "\n")
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        [title] + (lines.isEmpty ? ["  nothing"] : lines.map { "  \($0)" }) + [""]
    }
}

extension Explanation.DatabaseFinding {
    fileprivate var line: String {
        guard let network else { return "\(database): nothing" }
        var words: [String] = []
        if let continent {
            words.append("continent \(continent)" + (continentIsOfCountry == true ? " (of the country)" : ""))
        }
        if let country { words.append("country \(country)") }
        words += subdivisions.map { "subdivision \($0)" }
        if let city { words.append("city \(city)" + (geonameID.map { $0 > 0 ? " (\($0))" : "" } ?? "")) }
        if let latitude, let longitude { words.append("at \(latitude), \(longitude)") }
        if let autonomousSystem { words.append("AS\(autonomousSystem)") }
        return
            "\(database): \(network): \(words.isEmpty ? "nothing that rules can use" : words.joined(separator: ", "))"
    }

    /// When the database was built.
    fileprivate var age: String? {
        built.map { "\(database) was built \(momentWords($0, at: time(nil)))" }
    }
}

extension Explanation.Rule {
    fileprivate var line: String { "\(rule): \(destination)" }
}

extension Explanation.Candidate {
    fileprivate var line: String {
        datacenter + (weight > 1 ? " (weight \(weight))" : "") + (kilometres.map { " (\($0) km)" } ?? "")
            + states.map { " (\($0))" }.joined()
    }

    /// Why it is not available, or hardly.
    private var states: [String] {
        var states = isDrained ? ["drained"] : []
        if let health, health.up < health.addresses {
            let state = health.stateWords
            states.append("\(state.isEmpty ? "" : "\(state): ")\(health.up) of \(health.addresses) addresses up")
        }
        return states
    }
}
