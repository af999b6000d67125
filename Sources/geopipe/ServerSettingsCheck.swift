import ArgumentParser
import Configuration
import DNS
import Glibc
import PowerDNSLint
import Zones

/// What will go wrong when pdns serves `configuration` with the settings in `file`.
///
/// - Parameters:
///   - version: that of the pdns that reads `file`; without, the one that is installed is asked.
///   - startTime: the CPU time that it took to read the configuration and its databases.
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

    /// That of the pdns which takes records in this form.
    var recordDialect: RecordDialect { isSince(major: 5, minor: 1) ? .since5_1 : .upTo5_0 }
}

/// The configuration of the backend that these arguments start.
private func configurationFile(ofBackend arguments: [String]) throws(Deployment.CommandError) -> String {
    let command: any ParsableCommand
    do {
        command = try Geopipe.parseAsRoot(arguments)
    } catch {
        throw .init(message: Geopipe.message(for: error))
    }
    guard let backend = command as? BackendCommand else { throw .init(message: "this starts no backend") }
    return backend.options.file
}

/// The CPU time that this process has taken.
func processTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
