import Glibc
import Platform
import ServiceLifecycle
import State
import Synchronization

/// Runs a session for the configured state directory, and a new one whenever that changes.
struct Agent: Service {
    private let command: AgentCommand
    private let follower: ConfigurationFollower
    private let prober: Prober

    /// Milliseconds that the parts get to end.
    private static let endingTime = 800

    init(_ command: AgentCommand, _ follower: ConfigurationFollower) {
        self.command = command
        self.follower = follower
        prober = Prober(fileLimit: raiseFileLimit(), roots: getenv("SSL_CERT_FILE").map { String(cString: $0) })
    }

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await runSessions()
        } onGracefulShutdown: {
            CommandProbe.killAll()
            startThread {
                usleep(UInt32(Self.endingTime * 1_000))
                log.warning("not all parts ended within \(Self.endingTime) ms; ending without them")
                _exit(0)
            }
        }
    }

    private func runSessions() async throws {
        var session: StateSession?
        repeat {
            let current = session
            let choice = SessionChoice(command, follower, prober, current)
            // They end in the opposite order, one after another.
            let parts =
                (current?.parts ?? []) + [
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: choice, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup, serviceName: "configuration")
                ]
            try await ServiceGroup(configuration: ServiceGroupConfiguration(services: parts, logger: log)).run()
            current?.close()
            guard let next = choice.next else { return }
            session = await StateSession(
                next, prober, file: command.file, metrics: command.metrics, live: command.live,
                reload: { follower.reload })
        } while !Task.isShuttingDownGracefully
    }
}

/// Reads the configuration, and lets a session follow it. Ends when a session for another state directory must replace
/// it.
private final class SessionChoice: Service {
    private let command: AgentCommand
    private let follower: ConfigurationFollower
    private let prober: Prober
    /// The running session; `nil` before the first.
    private let session: StateSession?
    private let choice = Mutex<StateSession.Place?>(nil)

    init(_ command: AgentCommand, _ follower: ConfigurationFollower, _ prober: Prober, _ session: StateSession?) {
        self.command = command
        self.follower = follower
        self.prober = prober
        self.session = session
    }

    /// The place of the next session; `nil` for none.
    var next: StateSession.Place? { choice.withLock { $0 } }

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await self.follow() }
    }

    private func follow() async throws(StartFailure) {
        try await follower.run { subject throws(StartFailure) in
            prober.readRoots()
            guard let path = command.stateDirectory ?? subject.stateDirectory else {
                let diagnostic = "\(command.file) has state_directory: none; remove it to use /run/geopipe"
                guard session != nil else { throw StartFailure(code: .unusable, message: diagnostic) }
                log.error("\(diagnostic); what was loaded before stays in use")
                return true
            }
            if let session, session.has(path) {
                await session.follow(subject)
                return true
            }
            // The session runs commands of checks, also those of an image, which the folder's owner can write.
            if let owner = StateDirectory(path: path).foreignOwner {
                let diagnostic =
                    owner.folder == path
                    ? "the state directory \(path) belongs to user \(owner.user), and root does not run that user's commands; run geopipe-agent as that user"
                    : "\(owner.folder) belongs to user \(owner.user), who could replace the state directory \(path) in it, and root does not run that user's commands; give that folder to root (chown), or choose another state_directory"
                guard session != nil else { throw StartFailure(code: .unusable, message: diagnostic) }
                log.error("\(diagnostic); what was loaded before stays in use")
                return true
            }
            let fallback = session == nil ? "nothing is checked" : "what was loaded before stays in use"
            let lock: CInt?
            do throws(StateSession.Held) {
                lock = try await StateSession.lock(path, until: { follower.hasNews }) {
                    log.error("\($0); \(fallback) until that is corrected")
                }
            } catch {
                guard session != nil else { throw StartFailure(code: .wrong, message: error.description) }
                log.error("\(error.description); \(fallback)")
                return true
            }
            guard let lock else { return true }
            choice.withLock {
                $0 = StateSession.Place(directory: StateDirectory(path: path), lock: lock, subject: subject)
            }
            return false
        }
    }
}
