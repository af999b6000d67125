import ArgumentParser
import Backend
import Configuration
import ServerSettings
import Zones

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what is wrong with a configuration, or that it is ok.",
        discussion: """
            Complaints are file:line:column: what is wrong; what would be right. Exits 1 if there are any but warnings.
            """)

    @Argument(help: "The configuration file.")
    var file = ConfigurationOptions.defaultFile

    @Option(
        name: .customLong("database"),
        help: "A MaxMind database to use in place of the configured ones. May be given several times.")
    var databases: [String] = []

    @Option(
        name: .customLong("pdns-conf"),
        help: "The pdns.conf of the pdns that is to start geopipe; says what will go wrong with its settings.")
    var serverSettings: String?

    @Option(
        name: .customLong("pdns-version"),
        help: ArgumentHelp(
            "The version of that pdns, such as 4.9.18. Without it, the installed pdns_server is asked.",
            valueName: "version"))
    var serverVersion: ServerVersion?

    func run() throws {
        do throws(ConfigurationError) {
            if let serverVersion { RecordDialect.speak(serverVersion.recordDialect) }
            let start = processTime()
            let configuration = try Configuration.load(file, databases: databases)
            let snapshot = try Snapshot(SnapshotPlan(configuration), warnsOfUnknownPlaces: true)
            let startTime = processTime() - start
            for warning in snapshot.warnings { print(warning.description) }
            if let serverSettings {
                let complaints = try complaints(
                    aboutServerSettings: serverSettings, of: serverVersion, serving: configuration, startTime: startTime
                )
                guard complaints.allSatisfy(\.isWarning) else { throw ConfigurationError(complaints) }
                for warning in complaints { print(warning.description) }
            }
            print("ok: \(configuration.summary)")
        } catch {
            print(error.description)
            throw ExitCode.wrong
        }
    }
}

extension Configuration {
    /// How much of what there is.
    fileprivate var summary: String {
        let names = zones.reduce(0) { $0 + $1.nameCount }
        return "\(count(zones.count, "zone")) with \(count(names, "name")), \(count(services.count, "service")), "
            + "\(count(maps.count, "map")), \(count(datacenters.count, "datacenter")), "
            + "\(count(databases.count, "database"))"
    }
}

private func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }
