import Answering
import ArgumentParser
import Configuration
import Geography
import Glibc
import Inspection
import Platform

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain how the answer for a client is chosen: databases, rules, preference list, choice, scope.",
        discussion: """
            Shows the rules and database records of the configuration. If it cannot be used, and with --image, \
            shows the contents of an image instead: the client's place and the preference list. Exits 1 if the name \
            does not exist.
            """)

    @Argument(help: "The name to ask for.", transform: domainName)
    var name: String

    @Argument(help: "The client's address, or its subnet such as 192.0.2.0/24.")
    var client: ClientArgument

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var inquiry: LocalQueryOptions

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        if inquiry.image == nil { options.noteRollout(client.prefix, resolver: inquiry.resolver?.address) }
        let explanation: Explanation
        let source: ConfigurationOptions.Source
        do {
            let serving: Serving
            (serving, source) = try options.serving(image: inquiry.image)
            let resolver = inquiry.resolver?.address
            explanation = try serving.explain(
                name, for: client.prefix, resolver: resolver, options.configuration(of: serving, source))
        } catch let error as ExitCode {
            throw error
        } catch {
            printError("\(error)")
            throw ExitCode.wrong
        }
        print(json ? explanation.json.pretty : explanation.lines(source).map(visibleFields).joined(separator: "\n"))
        if !explanation.answer.exists { throw ExitCode.wrong }
    }
}

extension ConfigurationOptions {
    /// Returns the configuration that an image was made from; `nil` if it is unusable or unknown.
    fileprivate func configuration(of serving: Serving, _ source: Source) -> Configuration? {
        switch source {
        case .file, .olderImage, .imageInTheirPlace: return nil
        case .imageInForce, .disk: break
        }
        guard let configuration = try? configuration() else { return nil }
        return serving.snapshot.agrees(with: configuration) ? configuration : nil
    }
}

extension Explanation {
    /// The explanation in words, a paragraph for each step.
    fileprivate func lines(_ source: ConfigurationOptions.Source) -> [String] {
        let now = time(nil)
        let compiled = "\(image.id), compiled \(momentWords(image.compiled, at: now))"
        let origin =
            switch source {
            case .imageInForce: "from the image in force, \(compiled)"
            case .imageInTheirPlace: "from the image in force, \(compiled), which does not match the files on disk"
            case .olderImage: "from the image in force, \(compiled); the files on disk differ, and cannot be used"
            case .disk: "from the files on disk, which are not in force"
            case .file(let file): "from image \(file), \(compiled)"
            }
        var lines = [
            "\(name) for the client \(client)" + (resolver.map { ", for which resolver \($0) asks" } ?? ""),
            origin, "",
        ]
        if service?.rules.isEmpty == false || !databases.isEmpty {
            lines += section("Database records", databases.map(\.line) + databases.compactMap(\.age))
            if resolver != nil { lines += section("Database records of the resolver", resolverDatabases.map(\.line)) }
        } else if service != nil {
            lines += section(
                "Where the image has the \(service?.isByResolver == true ? "resolver" : "client")",
                [
                    place?.words ?? "unknown: no database has it",
                    "an image contains the results of databases and rules, not the databases and rules themselves",
                ])
        }
        if let service {
            if service.isByResolver {
                lines += [
                    "The databases know nothing of the client that the rules use: the resolver's place counts.", "",
                ]
            }
            if !service.rules.isEmpty {
                lines += section(
                    "Rules of map \(service.map), for service \(service.service)",
                    service.rules.enumerated().map { $0 == 0 ? "\($1.line)   <- wins" : $1.line })
            }
            let about = service.rules.isEmpty ? " of map \(service.map), for service \(service.service)" : ""
            lines += section("Preference list\(about)", service.table)
            lines += section(
                "Chosen",
                [service.chosen.isEmpty ? "nothing" : service.chosen.joined(separator: ", ")] + service.choiceNotes)
        } else if answer.exists {
            lines += section("No service has this name", ["its records are the same for every client"])
        }
        lines += section("Records", answer.exists ? answer.records : ["there is no such name"])
        if let service {
            let length = service.scope.split(separator: "/").last ?? ""
            lines.append("Valid for all clients in \(service.scope) (EDNS scope prefix length \(length)).")
        }
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        [title] + (lines.isEmpty ? ["  nothing"] : lines.map { "  \($0)" }) + [""]
    }
}

extension Explanation.ServiceChoice {
    /// The preference list, one datacenter a line; datacenters of one tier have the same rank.
    fileprivate var table: [String] {
        guard !preference.isEmpty else { return [] }
        let hasWeights = preference.contains { $0.count > 1 }
        var rows = [["rank", "datacenter"] + (hasWeights ? ["weight"] : []) + ["distance", "state", "why"]]
        for (rank, tier) in preference.enumerated() {
            for candidate in tier {
                var why = candidate.notes
                if let health = candidate.health, health.up < health.addresses {
                    why.insert("\(health.up) of \(health.addresses) addresses up", at: 0)
                }
                let mark = chosen.contains(candidate.datacenter) ? " <- chosen" : ""
                rows.append(
                    ["\(rank + 1)", candidate.datacenter]
                        + (hasWeights ? [tier.count > 1 ? "\(candidate.weight)" : "-"] : [])
                        + [
                            candidate.kilometres.map { "\($0) km" } ?? "-", candidate.state + mark,
                            why.joined(separator: "; "),
                        ])
            }
        }
        return geopipe.table(rows)
    }
}

extension ClientPlace {
    fileprivate var words: String {
        var words: [String] = []
        if let continent { words.append("continent \(continent)") }
        if let country { words.append("country \(country)") }
        if let subdivision { words.append("subdivision \(subdivision)") }
        if let coordinates { words.append("near \(coordinates.latitude), \(coordinates.longitude)") }
        return words.isEmpty ? "unknown: no database has it" : words.joined(separator: ", ")
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
            "\(database): \(network): \(words.isEmpty ? "nothing that rules use" : words.joined(separator: ", "))"
    }

    /// The build time of the database.
    fileprivate var age: String? {
        built.map { "\(database) was built \(momentWords($0, at: time(nil)))" }
    }
}

extension Explanation.Rule {
    fileprivate var line: String { "\(rule): \(destination)" }
}

extension Explanation.Candidate {
    fileprivate var state: String {
        if isDrained { return "drained" }
        let state = health?.stateWords ?? ""
        return state.isEmpty ? "in use" : state
    }
}

/// Returns the text with control characters escaped as by `visible`, except the tabs between the fields of records.
private func visibleFields(_ text: String) -> String {
    text.split(separator: "\t", omittingEmptySubsequences: false).map { visible(String($0)) }.joined(separator: "\t")
}
