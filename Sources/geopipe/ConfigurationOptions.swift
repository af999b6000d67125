import ArgumentParser
import Backend
import Configuration
import Glibc
import Zones

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

    @Option(
        name: .customLong("state"),
        help: "The folder of the state, in place of the configuration's state_directory.")
    var stateDirectory: String?

    /// A configuration that can be used.
    ///
    /// - Parameter sharesZones: whether other processes are to find the zones that were made of files.
    func loadedPlan(sharesZones: Bool = false) throws(ConfigurationError) -> SnapshotPlan {
        try SnapshotPlan(
            Configuration.load(
                file, databases: databases, sharesZones: sharesZones, advises: false,
                serials: serials(keepsChanges: sharesZones)))
    }

    /// What knows the serials of the zones.
    ///
    /// - Parameter keepsChanges: whether this process serves the zones.
    func serials(keepsChanges: Bool) -> (_ stateDirectory: String?) -> any ZoneSerials {
        { configured in
            SerialLedger(
                of: file, in: (stateDirectory ?? configured).map(StateDirectory.init), keepsChanges: keepsChanges)
        }
    }

    /// The last configuration that could be used, if it is kept anywhere.
    ///
    /// - Returns: the plan, and since when it was used, in seconds since 1970.
    func lastGoodPlan() -> (plan: SnapshotPlan, time: Int)? {
        guard let state = state(),
            let (configuration, time) = LastGood(of: file, in: state).configuration(databases: databases)
        else { return nil }
        return (try? SnapshotPlan(configuration)).map { ($0, time) }
    }

    /// A configuration that can be used; what is wrong goes to stderr.
    func plan(sharesZones: Bool = false) throws(ExitCode) -> SnapshotPlan {
        try reported { () throws(ConfigurationError) in try loadedPlan(sharesZones: sharesZones) }
    }

    /// Where the state is, if anywhere, even if the configuration has errors.
    func state() -> StateDirectory? {
        StateDirectory.of(file, at: stateDirectory)
    }

    /// Where the state is, if anywhere.
    func state(_ configuration: Configuration) -> StateDirectory? {
        (stateDirectory ?? configuration.stateDirectory).map(StateDirectory.init)
    }

    /// All that answers are made from; what is wrong goes to stderr.
    func serving(of plan: SnapshotPlan) throws(ExitCode) -> Serving {
        let state = state(plan.configuration)
        var switches: [Switch] = []
        var health: HealthReport?
        do throws(StateDirectory.Failure) {
            let found = try state?.switches()
            switches = found?.value ?? []
            if let complaint = found?.complaint { complain(complaint) }
        } catch {
            complain("\(error); as if there were none")
        }
        do throws(StateDirectory.Failure) {
            let found = try state?.health()
            health = found?.value
            if let complaint = found?.complaint { complain(complaint) }
        } catch {
            complain("\(error); as if all addresses were up")
        }
        return Serving(try snapshot(of: plan), switches: switches, health: health, at: time(nil))
    }

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
