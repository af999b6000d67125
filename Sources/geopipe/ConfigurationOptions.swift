import ArgumentParser
import Backend
import Configuration

/// Where the configuration is, for all commands alike.
struct ConfigurationOptions: ParsableArguments {
    /// Where the configuration is if nobody says.
    static let defaultFile = "/etc/geopipe/geopipe.yaml"

    @Option(name: .customLong("config"), help: "The configuration file.")
    var file = Self.defaultFile

    @Option(
        name: .customLong("database"),
        help: "A MaxMind database to use in place of the configured ones. May be given several times.")
    var databases: [String] = []

    /// A configuration that can be used; what is wrong goes to stderr.
    ///
    /// - Parameter sharesZones: whether other processes are to find the zones that were made of files.
    func plan(sharesZones: Bool = false) throws(ExitCode) -> SnapshotPlan {
        try reported { () throws(ConfigurationError) in
            try SnapshotPlan(Configuration.load(file, databases: databases, sharesZones: sharesZones))
        }
    }

    /// All that answers are made from; what is wrong goes to stderr.
    func snapshot() throws(ExitCode) -> Snapshot { try snapshot(of: try plan()) }

    /// All that answers are made from; what is wrong goes to stderr.
    func snapshot(of plan: SnapshotPlan) throws(ExitCode) -> Snapshot {
        let snapshot = try reported { () throws(ConfigurationError) in try Snapshot(plan) }
        for warning in snapshot.warnings { complain(warning.description) }
        return snapshot
    }

    private func reported<Value>(_ body: () throws(ConfigurationError) -> Value) throws(ExitCode) -> Value {
        do throws(ConfigurationError) {
            return try body()
        } catch {
            complain(error.description)
            throw ExitCode.unusable
        }
    }
}
