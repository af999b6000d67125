import Answering
import ArgumentParser
import Compiler
import Configuration
import Glibc
import Platform
import State
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

    /// The inputs of a compilation.
    var request: CompileRequest {
        CompileRequest(configuration: file, databases: databases, stateDirectory: stateDirectory)
    }

    /// Where the state is; `nil` for `state_directory: none`.
    func state() -> StateDirectory? {
        (stateDirectory ?? Configuration.stateDirectory(ofFile: file)).map(StateDirectory.init)
    }

    /// Where the images are; `nil` if there is no state directory.
    func imageStore() -> ImageStore? {
        state().map { ImageStore(of: file, overrides: databases, in: $0) }
    }

    /// The configuration without its zones, for what an image does not say.
    func configuration() throws(ConfigurationError) -> Configuration {
        try Configuration.load(file, databases: databases, hasZones: false, advises: false)
    }

    /// What knows the serials of the zones, for a process that does not serve them.
    var serials: (_ stateDirectory: String?) -> any ZoneSerials {
        { configured in
            SerialLedger(
                of: file, in: (stateDirectory ?? configured).map(StateDirectory.init), keepsChanges: false)
        }
    }

    /// What answers are made from, as it is on disk: the image in force if it was made of that, and else one of this process alone. If
    /// what is on disk cannot be used, the image in force. What is wrong goes to stderr.
    func snapshot() throws(ExitCode) -> Snapshot {
        let store = imageStore()
        let inForce = store?.current().snapshot
        if let inForce, inForce.isCurrent { return inForce }
        let outcome = Compilation(request, previous: inForce, previousReport: store?.report()).run(keepsSerials: false)
        for diagnostic in outcome.diagnostics { complain(diagnostic.description) }
        if let image = outcome.image {
            do { return try Snapshot(image) } catch { complain("\(error)") }
        } else if let inForce {
            complain("using the image in force, of \(dateAndTime(inForce.manifest.created))")
            return inForce
        }
        throw ExitCode.unusable
    }

    /// All that answers are made from; what is wrong goes to stderr.
    func serving() throws(ExitCode) -> Serving {
        let snapshot = try snapshot()
        let state = state()
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
        return Serving(snapshot, switches: switches, health: health, at: time(nil))
    }
}
