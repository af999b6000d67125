import ArgumentParser
import Glibc
import Journal
import Logging
import NIOCore
import Platform
import ServiceLifecycle

struct AgentCommand: ParsableCommand, Sendable {
    static let configuration = CommandConfiguration(
        commandName: "geopipe-agent",
        abstract: "Check the addresses of geopipe's services, and tell the coprocesses which of them are up.",
        discussion: """
            Serves metrics for Prometheus as well. It runs until it gets SIGTERM, and reads the configuration again whenever that \
            changes or it gets SIGHUP. Exits 1 if a part of it fails or the state directory has another agent, and 2 if there is \
            no state directory.
            """,
        version: geopipeVersion, subcommands: [ReplayCommand.self])

    @OptionGroup var configuration: ConfigurationOption

    /// The configuration file.
    var file: String { configuration.file ?? "/etc/geopipe/geopipe.yaml" }

    @Option(
        name: .customLong("state"),
        help: "The state directory, instead of the configuration's state_directory.")
    var stateDirectory: String?

    @Option(
        name: .customLong("metrics"),
        help: ArgumentHelp("Where metrics are served: an address and a port, or none.", valueName: "address:port"))
    var metrics = ListenAddress.usualMetrics

    @OptionGroup var live: LiveOptions

    @OptionGroup var logs: LogOptions
}

/// Which configuration. It is a group, because an option that a command and its subcommand both have is found by the command alone
/// unless they share it so.
struct ConfigurationOption: ParsableArguments, Sendable {
    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "The configuration file. (default: /etc/geopipe/geopipe.yaml; none for a replay)", valueName: "config"))
    var file: String?
}

/// Why the agent ends by itself.
struct StartFailure: Error {
    var code: ExitCode
    var message: String
}

/// The exit codes, as those of geopipe.
extension ExitCode {
    static let wrong = ExitCode(1)
    static let unusable = ExitCode(2)
}

/// The log of the agent.
let log = Logger(label: "geopipe-agent")

@main
enum Main {
    static func main() async {
        // Before it is waited for there is nothing to read again.
        let isHangUpIgnored =
            unsafeBitCast(signal(SIGHUP, SIG_IGN), to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        // Who has stopped reading is found out by write, not by being killed.
        signal(SIGPIPE, SIG_IGN)
        _ = ProcessMetrics.start
        NIOSingletons.groupLoopCountSuggestion = 2
        do {
            switch try AgentCommand.parseAsRoot() {
            case let command as AgentCommand:
                begin(command.logs)
                await end { try await run(command) }
            case let command as ReplayCommand:
                begin(command.logs)
                // It ends with its terminal, unless nohup has started it.
                if !isHangUpIgnored { signal(SIGHUP, SIG_DFL) }
                await end { try await command.play(endsAtHangUp: !isHangUpIgnored) }
            default: throw CleanExit.helpRequest()
            }
        } catch {
            guard AgentCommand.exitCode(for: error) == .validationFailure else { AgentCommand.exit(withError: error) }
            printError(AgentCommand.fullMessage(for: error))
            exit(ExitCode.unusable.rawValue)
        }
    }

    private static func begin(_ logs: LogOptions) {
        LoggingSystem.bootstrap { _ in StandardErrorLog(.dated, level: logs.level) }
        // Checks go on while nothing reads the log.
        StandardError.limitWait(milliseconds: 10_000)
    }

    private static func run(_ command: AgentCommand) async throws {
        let follower = ConfigurationFollower(command.file, stateDirectory: command.stateDirectory)
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: Agent(command, follower), successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup, serviceName: "agent"),
                    part("reload") { await follower.followSignal() },
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
        ).run()
    }

    /// Ends the process when `body` does.
    private static func end(_ body: @Sendable () async throws -> Void) async -> Never {
        do {
            try await body()
            // Threads may hang in the system, and are not waited for.
            _exit(0)
        } catch let refusal as StartFailure {
            log.critical("\(refusal.message)")
            _exit(refusal.code.rawValue)
        } catch {
            log.critical("a part of the agent has failed: \(error)")
            _exit(ExitCode.wrong.rawValue)
        }
    }
}

/// A part of the agent. If it throws or ends before it is cancelled, all other parts are ended, too.
///
/// - Parameters:
///   - name: for the log.
///   - body: runs until it is cancelled.
func part(
    _ name: String, _ body: @escaping @Sendable () async throws -> Void
) -> ServiceGroupConfiguration.ServiceConfiguration {
    ServiceGroupConfiguration.ServiceConfiguration(
        service: ClosureService { try await cancelWhenGracefulShutdown(body) },
        failureTerminationBehavior: .gracefullyShutdownGroup, serviceName: name)
}
