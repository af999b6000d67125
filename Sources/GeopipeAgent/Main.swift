import Answering
import ArgumentParser
import Configuration
import Glibc
import NIOCore
import Platform
import State

struct AgentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "geopipe-agent",
        abstract: "Check the addresses of geopipe's services, and tell the coprocesses which of them are up.",
        discussion: """
            Serves metrics for Prometheus as well. It runs until it gets SIGTERM, and reads the configuration again whenever that \
            changes or it gets SIGHUP. Exits 1 if the state directory has another agent, and 2 if there is no state directory.
            """,
        version: geopipeVersion)

    @Option(name: .customLong("config"), help: "The configuration file.")
    var file = "/etc/geopipe/geopipe.yaml"

    @Option(
        name: .customLong("state"),
        help: "The folder of the state, in place of the configuration's state_directory.")
    var stateDirectory: String?

    @Option(
        name: .customLong("metrics"),
        help: ArgumentHelp("Where metrics are served: an address and a port, or none.", valueName: "address:port"))
    var metrics = MetricsAddress.usual

    /// Checks until the task is cancelled.
    func work(_ follower: ConfigurationFollower) async throws(Refusal) {
        let prober = Prober(fileLimit: raiseFileLimit(), roots: getenv("SSL_CERT_FILE").map { String(cString: $0) })
        var session: Session?
        try await follower.run { subject throws(Refusal) in
            prober.readRoots()
            guard let path = stateDirectory ?? subject.stateDirectory else {
                let complaint = "\(file) has state_directory: none; take that out for /run/geopipe"
                guard session != nil else { throw Refusal(code: .unusable, message: complaint) }
                return complain("\(complaint); what was loaded before stays in use")
            }
            if let session, session.has(path) { return await session.follow(subject) }
            let fallback = session == nil ? "nothing is checked" : "what was loaded before stays in use"
            let lock: CInt?
            do throws(Session.Held) {
                lock = try await Session.lock(path, until: { follower.hasNews }) {
                    complain("\($0); \(fallback) until that is mended")
                }
            } catch {
                guard session != nil else { throw Refusal(code: .wrong, message: error.description) }
                return complain("\(error.description); \(fallback)")
            }
            guard let lock else { return }
            await session?.stop()
            session = await Session(
                StateDirectory(path: path), lock, subject, prober, metrics: metrics,
                reload: { follower.reload })
        }
        await session?.stop()
    }
}

/// Why the agent ends by itself.
struct Refusal: Error {
    var code: ExitCode
    var message: String
}

/// The exit codes, as those of geopipe.
extension ExitCode {
    static let wrong = ExitCode(1)
    static let unusable = ExitCode(2)
}

@main
enum Main {
    static func main() {
        // The main thread alone gets these; all others inherit that they do not.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // Who has stopped reading is found out by write, not by being killed.
        signal(SIGPIPE, SIG_IGN)
        _ = ProcessMetrics.start
        NIOSingletons.groupLoopCountSuggestion = 2
        let command: AgentCommand
        do {
            guard let parsed = try AgentCommand.parseAsRoot() as? AgentCommand else { throw CleanExit.helpRequest() }
            command = parsed
        } catch {
            guard AgentCommand.exitCode(for: error) == .validationFailure else { AgentCommand.exit(withError: error) }
            complain(AgentCommand.fullMessage(for: error))
            exit(ExitCode.unusable.rawValue)
        }
        let follower = ConfigurationFollower(command.file, stateDirectory: command.stateDirectory)
        // The main thread has no time for it.
        let work = Task.detached {
            do throws(Refusal) {
                try await command.work(follower)
                _exit(0)
            } catch {
                complain(error.message)
                _exit(error.code.rawValue)
            }
        }
        var received: CInt = 0
        repeat {
            guard sigwait(&signals, &received) == 0 else { continue }
            if received == SIGHUP { follower.order() }
        } while received != SIGTERM && received != SIGINT
        CommandProbe.killAll()
        work.cancel()
        // Whatever it waits for, nobody waits for longer.
        usleep(800_000)
        _exit(0)
    }
}
