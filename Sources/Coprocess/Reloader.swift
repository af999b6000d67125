import Answering
import CLinux
import Compiler
import DNS
import Glibc
import Logging
import Platform
import State
import Synchronization

/// Keeps the served data up to date, in a low-priority thread that yields to the answering thread.
public final class Reloader: Sendable {
    private let supply: ServingMailbox
    private let sender: TelemetrySender
    private let log: Logger
    private let state: StateDirectory?
    /// The configuration's file.
    private let configuration: String
    /// The image file of `backend --image`; `nil` otherwise.
    private let imageFile: String?
    /// The follower, until the thread takes it in `start`.
    private let follower: Mutex<Box>
    /// When the process was started, in seconds since 1970.
    private let started = time(nil)
    /// A pipe. A byte in it requests a compilation, even if no file seems to have changed.
    private let wakeInput: CInt
    private let wakeOutput: CInt
    /// The compilers that the program before this one has started.
    private let orphans = InheritedChildren()
    /// Why the last takeover failed, and how many have.
    private let refusal = Mutex<CoprocessStatus.Refusal?>(nil)

    private let hasNoSnapshot = Atomic(false)

    /// Holds the follower, which is not copyable.
    private struct Box: ~Copyable {
        var follower: Follower?
    }

    /// - Parameters:
    ///   - supply: receives each new serving.
    ///   - request: what to compile.
    ///   - state: the state directory, if there is one.
    ///   - log: receives results and errors.
    public init(_ supply: ServingMailbox, _ request: CompileRequest, state: StateDirectory?, log: Logger) {
        configuration = request.configuration
        imageFile = request.image.map(absolutePath)
        var ends: [CInt] = [-1, -1]
        // Without the pipe only SIGHUP is lost: the thread polls anyway.
        pipe2(&ends, O_CLOEXEC | O_NONBLOCK)
        (wakeOutput, wakeInput) = (ends[0], ends[1])
        self.supply = supply
        self.state = state
        sender = TelemetrySender(supply.recorder, log: log)
        self.log = log
        follower = Mutex(Box(follower: Follower(request, state: state, log: log)))
    }

    /// Requests a compilation on SIGHUP. Calls `takeOver` on SIGUSR2, which returns the reason if it fails. Call it
    /// before there are other threads.
    public func followSignals(takeOver: @escaping @Sendable () -> String?) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGHUP)
        sigaddset(&signals, SIGUSR2)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // `sigwait` does not return ignored signals.
        for number in [SIGHUP, SIGUSR2] { signal(number, SIG_DFL) }
        // Each signal has its own thread, so that SIGHUP works while a takeover hangs.
        whenever(SIGHUP) { [self] in write(wakeInput, "!", 1) }
        whenever(SIGUSR2) { [self] in
            guard let reason = takeOver() else { return }
            log.error("\(reason)")
            refusal.withLock { $0 = CoprocessStatus.Refusal(count: ($0?.count ?? 0) + 1, reason: reason) }
        }
    }

    /// Starts a thread that calls `body` on each signal `number`, which all threads must have blocked.
    private func whenever(_ number: CInt, _ body: @escaping @Sendable () -> Void) {
        startThread {
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, number)
            var received: CInt = 0
            while sigwait(&signals, &received) == 0 { body() }
        }
    }

    /// Finds an image, or starts to compile one. `start` verifies the image later, since pdns waits only for the
    /// greeting, and a large image takes long.
    ///
    /// - Returns: false if there is no image, and the configuration is unusable.
    public func prepare() -> Bool { follower.withLock { $0.follower!.prepare() } }

    /// Adopts the first image, or waits for it, and starts the thread that follows changes.
    ///
    /// - Returns: the first serving; `nil` if there is no image.
    public func start() -> Serving? {
        var status = CoprocessStatus(configuration: configuration)
        status.started = started
        status.imageFile = imageFile
        let (serving, first) = follower.withLock { box in
            box.follower!.waitForFirst()
            let serving = box.follower!.start()
            status.loaded = box.follower!.snapshot == nil ? nil : time(nil)
            complete(&status, box.follower!)
            // Before the first answer, so that commands find every process that answers.
            return (serving, written(status, box.follower!.state, after: nil))
        }
        hasNoSnapshot.store(serving == nil, ordering: .relaxed)
        sender.follow(serving?.snapshot, loaded: time(nil), state)
        sender.start()
        startThread { [self, status] in
            // On Linux, `nice` affects only the calling thread. With 19, a switch takes seconds on a machine without idle time.
            _ = nice(10)
            var own = follower.withLock { $0.follower.take()! }
            run(&own, status, reported: first)
        }
        return serving
    }

    /// Whether no image was ever loaded.
    public var hasNeverLoaded: Bool { hasNoSnapshot.load(ordering: .relaxed) }

    /// Sends the counts that are not sent yet.
    ///
    /// - Parameter isEnd: whether the process ends. Otherwise another program replaces this one while pdns waits, so
    ///   it takes little time.
    public func finish(isEnd: Bool) { sender.finish(isEnd: isEnd) }

    private func run(_ follower: inout Follower, _ first: CoprocessStatus, reported: String?) {
        var (status, reported) = (first, reported)
        var watch = RolloutWatch()
        sender.follow(candidate: follower.rollouts.snapshot)
        while true {
            let result = follower.step()
            if result.isSnapshotNew, let snapshot = follower.snapshot {
                log.info("loaded \(configuration)")
                log.debug("serving another image", metadata: snapshot.metadata)
                hasNoSnapshot.store(false, ordering: .relaxed)
                status.loaded = time(nil)
                sender.follow(snapshot, loaded: status.loaded!, follower.state)
            }
            sender.follow(candidate: follower.rollouts.snapshot)
            if let serving = result.serving { supply.deliver(serving) }
            // The session uses this serving from the next question on.
            complete(&status, follower)
            reported = written(status, follower.state, after: reported)
            watch.check(
                follower.rollouts.rollout, configuration, follower.rolloutStore, new: follower.rollouts.snapshot,
                switches: follower.switches.all, health: follower.health.report, printError)
            if wait(follower) { follower.requestCompilation() }
            supply.discard()
            orphans.reap()
        }
    }

    /// Updates what the follower and the session know.
    private func complete(_ status: inout CoprocessStatus, _ follower: borrowing Follower) {
        status.image = follower.snapshot?.image.id
        status.databases = follower.snapshot?.databaseBuilds ?? []
        status.switches = follower.followedSwitches
        let store = follower.rolloutStore
        status.images = store?.name
        // A coprocess with `backend --image` never follows a rollout.
        status.rollout = follower.snapshot == nil || store == nil ? nil : follower.rollouts.followed
        status.rolloutTally = follower.rollouts.tally
        status.diagnostics = follower.diagnostics
        status.questions = supply.questions
        status.refusal = refusal.withLock { $0 }
    }

    /// Writes the status to the state directory, if there is one and the status is another than before.
    ///
    /// - Returns: what is written there; `nil` if nothing could be, which is then tried again with the next status.
    private func written(_ status: CoprocessStatus, _ state: StateDirectory?, after before: String?) -> String? {
        guard let state else { return nil }
        let text = "\(state.path)\n\(status.text)"
        if text == before, state.tellNothingNew(process: status.process) { return text }
        do throws(StateDirectory.Failure) {
            try state.tell(status)
            return text
        } catch {
            return nil
        }
    }

    /// Waits until a step may be due. The wait is limited, since inotify does not report changes on some file
    /// systems.
    ///
    /// - Returns: whether a compilation was requested.
    private func wait(_ follower: borrowing Follower) -> Bool {
        var requests = ([wakeOutput] + follower.descriptors).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&requests, nfds_t(requests.count), CInt(follower.timeout)) > 0 else { return false }
        // A change in several steps causes several events: wait a little, and check once.
        if requests[0].revents == 0, requests.last?.revents == 0 { usleep(20_000) }
        guard requests[0].revents != 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 4096)
        while Glibc.read(wakeOutput, &bytes, bytes.count) > 0 {}
        return true
    }
}

extension Snapshot {
    /// The metadata of an image for log lines.
    fileprivate var metadata: Logger.Metadata {
        [
            "image": .string(image.id), "bytes": .stringConvertible(image.bytes.count),
            "compiled": .string(dateAndTime(manifest.created)),
        ]
    }
}
