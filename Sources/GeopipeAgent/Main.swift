import ArgumentParser
import Configuration
import Glibc
import Journal
import Logging
import NIOCore
import Platform
import ServiceLifecycle

struct AgentCommand: ParsableCommand, Sendable {
    static let configuration = CommandConfiguration(
        commandName: "geopipe-agent",
        abstract: "Check the addresses of geopipe's services, and report to the coprocesses which of them are up.",
        discussion: """
            Also serves metrics for Prometheus. Runs until SIGTERM, and reads the configuration again when it \
            changes and at SIGHUP. Exits 1 if a part fails or the state directory has another agent, and 2 if there is \
            no state directory.
            """,
        version: geopipeVersion, subcommands: [ReplayCommand.self])

    @OptionGroup var configuration: ConfigurationOption

    var file: String { configuration.file ?? "/etc/geopipe/geopipe.yaml" }

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "The state directory, instead of the configuration's state_directory.", valueName: "folder"))
    var stateDirectory: String?

    @Option(
        name: .customLong("metrics"),
        help: ArgumentHelp("Where to serve metrics: an address and a port, or none.", valueName: "address:port"))
    var metrics = ListenAddress.usualMetrics

    @OptionGroup var live: LiveOptions

    @OptionGroup var logs: LogOptions
}

/// The configuration option. It is a group, because ArgumentParser gives an option that a command and its subcommand
/// share only to the command, unless both use the same group.
struct ConfigurationOption: ParsableArguments, Sendable {
    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "The configuration file. (default: /etc/geopipe/geopipe.yaml; none for a replay)", valueName: "file"))
    var file: String?
}

/// The reason why the agent ends by itself.
struct StartFailure: Error {
    var code: ExitCode
    var message: String
}

/// The exit codes, equal to those of geopipe.
extension ExitCode {
    static let wrong = ExitCode(1)
    static let unusable = ExitCode(2)
}

let log = Logger(label: "geopipe-agent")

@main
enum Main {
    static func main() async {
        // Until the signal is watched, there is nothing to reload.
        let isHangUpIgnored =
            unsafeBitCast(signal(SIGHUP, SIG_IGN), to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        // A closed connection must make write fail, not kill the process.
        signal(SIGPIPE, SIG_IGN)
        // So must a file size limit.
        signal(SIGXFSZ, SIG_IGN)
        _ = ProcessMetrics.start
        NIOSingletons.groupLoopCountSuggestion = 2
        let arguments = Array(processArguments.dropFirst())
        if let unknown = AgentCommand.unknownCommand(in: arguments) {
            printError(
                "unknown command '\(visible(unknown.command))'\(suggestion(for: unknown.word, among: unknown.known))")
            exit(ExitCode.unusable.rawValue)
        }
        do {
            switch try AgentCommand.parseAsRoot(arguments) {
            case let command as AgentCommand:
                begin(command.logs)
                await end { try await run(command) }
            case let command as ReplayCommand:
                begin(command.logs)
                // A replay ends with its terminal, unless nohup started it. One that geopipe started ends with geopipe: it
                // must then remove its folder, which SIGHUP would prevent.
                let endsAtHangUp = !isHangUpIgnored && command.lifeline == nil
                if endsAtHangUp { signal(SIGHUP, SIG_DFL) }
                await end { try await command.play(endsAtHangUp: endsAtHangUp) }
            // The help of this command or of a subcommand.
            case var command: try command.run()
            }
        } catch {
            guard AgentCommand.exitCode(for: error) == .validationFailure else { AgentCommand.exit(withError: error) }
            printError(AgentCommand.fullMessage(for: error))
            exit(ExitCode.unusable.rawValue)
        }
    }

    private static func begin(_ logs: LogOptions) {
        LoggingSystem.bootstrap { _ in StandardErrorLog(.dated, level: logs.level) }
        // Checks continue while nothing reads the log.
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

    /// Ends the process when `body` returns.
    private static func end(_ body: @Sendable () async throws -> Void) async -> Never {
        do {
            try await body()
            // Threads may hang in system calls, so do not wait for them.
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

/// Makes a part of the agent. If it throws or ends before it is cancelled, all other parts end, too.
///
/// - Parameters:
///   - name: its name in the log.
///   - body: runs until it is cancelled.
func part(
    _ name: String, _ body: @escaping @Sendable () async throws -> Void
) -> ServiceGroupConfiguration.ServiceConfiguration {
    ServiceGroupConfiguration.ServiceConfiguration(
        service: ClosureService { try await cancelWhenGracefulShutdown(body) },
        failureTerminationBehavior: .gracefullyShutdownGroup, serviceName: name)
}
