import ArgumentParser
import Configuration
import Glibc
import ServerSettings

/// What will go wrong when pdns serves `configuration` with the settings in `file`.
///
/// - Parameter startTime: the CPU time that it took to read the configuration and its databases.
func complaints(
    aboutServerSettings file: String, serving configuration: Configuration, startTime: Duration
) throws(ConfigurationError) -> [Complaint] {
    Inspection.complaints(
        about: try PowerDNSConfiguration(contentsOf: file),
        serving: Deployment(
            configuration: configuration, startTime: startTime, cores: max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        ) { arguments throws(Deployment.CommandError) in try configurationFile(ofBackend: arguments) })
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
