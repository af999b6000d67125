import ArgumentParser
import Configuration
import DNS
import Glibc
import PowerDNSLint
import Zones

/// Returns the problems that pdns will have with the settings in `file` when it serves `configuration`.
///
/// - Parameters:
///   - version: the version of pdns that reads `file`; `nil` to ask the installed one.
///   - startTime: the CPU time of reading the configuration and its databases.
func diagnostics(
    aboutServerSettings file: String, of version: ServerVersion?, serving configuration: Configuration,
    startTime: Duration
) throws(ConfigurationError) -> [Diagnostic] {
    SettingsLint.diagnostics(
        about: try PowerDNSConfiguration(
            contentsOf: file, for: version.map { KnownServer(version: $0) } ?? .found()),
        serving: Deployment(
            configuration: configuration, startTime: startTime, cores: max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        ) { arguments throws(Deployment.CommandError) in try configurationFile(ofBackend: arguments) })
}

extension ServerVersion: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }

    /// The record dialect of this pdns version.
    var recordDialect: RecordDialect { isSince(major: 5, minor: 1) ? .since5_1 : .upTo5_0 }
}

/// Returns the configuration that a backend with these arguments uses.
private func configurationFile(ofBackend arguments: [String]) throws(Deployment.CommandError) -> String {
    let command: any ParsableCommand
    do {
        command = try Geopipe.parseAsRoot(arguments)
    } catch {
        throw .init(message: Geopipe.message(for: error))
    }
    guard let backend = command as? BackendCommand else {
        throw .init(message: "this command does not start a backend")
    }
    return backend.options.file
}

/// Returns the CPU time of this process.
func processTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
