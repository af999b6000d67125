import Answering
import ArgumentParser
import Compiler
import Configuration
import DNS
import Platform
import PowerDNSLint
import State

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validate a configuration.",
        discussion: """
            Prints file:line:column: what is wrong; what to write instead, with the line itself on a terminal. Exits 1 if there are \
            errors, and 0 if there are none, or only warnings and notes.
            """)

    @Argument(help: "The configuration file.")
    var file = ConfigurationOptions.defaultFile

    @Option(
        name: .customLong("database"),
        help: ArgumentHelp(
            "A MaxMind database to use instead of the configured ones. May be repeated.", valueName: "file"))
    var databases: [String] = []

    @Option(
        name: .customLong("pdns-conf"),
        help: ArgumentHelp(
            "The pdns.conf of the pdns that starts geopipe; checks its settings, too.", valueName: "file"))
    var serverSettings: String?

    @Option(
        name: .customLong("pdns-version"),
        help: ArgumentHelp(
            "The version of that pdns, such as 4.9.18. Without it, the installed pdns_server is asked.",
            valueName: "version"))
    var serverVersion: ServerVersion?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    func run() throws {
        let (diagnostics, summary) = diagnose()
        let errors = diagnostics.count(of: .error)
        let warnings = diagnostics.count(of: .warning)
        if json {
            print(diagnostics.json.pretty)
        } else {
            var printer = DiagnosticPrinter()
            printer.print(diagnostics)
            let counts = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map { count($0.0, $0.1) }
            if errors > 0 {
                printer.printEnd(counts.joined(separator: ", "), isError: true)
            } else {
                printer.printEnd((["ok: \(summary ?? "")"] + counts).joined(separator: "; "), isError: false)
            }
        }
        if errors > 0 { throw ExitCode.wrong }
    }

    /// Returns all diagnostics, in the order of the files, and a summary of a usable configuration.
    private func diagnose() -> (diagnostics: [Diagnostic], summary: String?) {
        var found: [Diagnostic] = []
        do throws(ConfigurationError) {
            if let serverVersion { RecordDialect.speak(serverVersion.recordDialect) }
            let start = processTime()
            let configuration = try Configuration.load(file, databases: databases) { stateDirectory in
                SerialStore(of: file, in: stateDirectory.map(StateDirectory.init), keepsChanges: false)
            }
            found = configuration.warnings + configuration.advice
            let (_, warnings) = try Snapshot.compiled(SnapshotPlan(configuration), warnsOfUnknownPlaces: true)
            let startTime = processTime() - start
            found = DiagnosticList(warnings + configuration.advice).sorted(main: file)
            if let serverSettings {
                found += DiagnosticList(
                    try diagnostics(
                        aboutServerSettings: serverSettings, of: serverVersion, serving: configuration,
                        startTime: startTime)
                ).sorted(main: serverSettings)
            }
            return (found, configuration.summary)
        } catch {
            // Diagnostics of pdns's settings follow those of the configuration.
            let about = DiagnosticList(error.diagnostics + error.warnings + found)
            return (about.sorted(main: file), nil)
        }
    }
}

extension Configuration {
    /// The number of its zones, names, services and so on.
    fileprivate var summary: String {
        let names = zones.reduce(0) { $0 + $1.nameCount }
        return "\(count(zones.count, "zone")) with \(count(names, "name")), \(count(services.count, "service")), "
            + "\(count(maps.count, "map")), \(count(datacenters.count, "datacenter")), "
            + "\(count(databases.count, "database"))"
    }
}

private func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }
