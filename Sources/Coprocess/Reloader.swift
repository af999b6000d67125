import Answering
import CLinux
import Compiler
import DNS
import Glibc
import Logging
import Platform
import State
import Synchronization

/// Keeps what is answered from up to date, in a thread of its own, which gives way to the one that answers.
public final class Reloader: Sendable {
    private let supply: ServingMailbox
    private let reporter: TelemetrySender
    private let log: Logger
    private let state: StateDirectory?
    /// The configuration's file.
    private let configuration: String
    /// The image's file, if that is served as it is.
    private let imageFile: String?
    /// Taken over by the thread once there is something to answer from.
    private let follower: Mutex<Box>
    /// When the process was started, in seconds since 1970.
    private let started = time(nil)
    /// A pipe; a byte in it makes the thread have everything compiled, whether anything seems to have changed or not.
    private let wakeInput: CInt
    private let wakeOutput: CInt
    /// The compilers that a takeover or a fault has left to this process.
    private let orphans = InheritedChildren()
    /// Why the last takeover came to nothing.
    private let refusal = Mutex<CoprocessStatus.Refusal?>(nil)

    private let isWithoutSnapshot = Atomic(false)

    /// Holds what cannot be copied.
    private struct Box: ~Copyable {
        var follower: Follower?
    }

    /// Milliseconds between two looks while nothing is told.
    private static let statusInterval = 1_000

    /// - Parameters:
    ///   - supply: gets what is made.
    ///   - request: what to compile.
    ///   - state: the state directory, if there is one.
    ///   - log: gets what came of it, and what is wrong with the state.
    public init(_ supply: ServingMailbox, _ request: CompileRequest, state: StateDirectory?, log: Logger) {
        configuration = request.configuration
        imageFile = request.image.map(absolutePath)
        var ends: [CInt] = [-1, -1]
        // Without it nothing is lost but signals: the thread looks now and then.
        pipe2(&ends, O_CLOEXEC | O_NONBLOCK)
        (wakeOutput, wakeInput) = (ends[0], ends[1])
        self.supply = supply
        self.state = state
        reporter = TelemetrySender(supply.recorder, log: log)
        self.log = log
        follower = Mutex(Box(follower: Follower(request, state: state, log: log)))
    }

    /// Has everything compiled whenever the process gets SIGHUP, and calls `takeOver` when it gets SIGUSR2, which returns why
    /// nothing came of it. Must be called before there are other threads.
    public func followSignals(takeOver: @escaping @Sendable () -> String?) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGHUP)
        sigaddset(&signals, SIGUSR2)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // What is ignored is not waited for.
        for number in [SIGHUP, SIGUSR2] { signal(number, SIG_DFL) }
        // A takeover takes its time, and SIGHUP is for the night in which it hangs: each has a thread of its own.
        whenever(SIGHUP) { [self] in write(wakeInput, "!", 1) }
        whenever(SIGUSR2) { [self] in
            guard let reason = takeOver() else { return }
            log.error("\(reason)")
            refusal.withLock { $0 = CoprocessStatus.Refusal(count: ($0?.count ?? 0) + 1, reason: reason) }
        }
    }

    /// Calls `body`, in a thread of its own, each time a signal comes that all threads have blocked.
    private func whenever(_ number: CInt, _ body: @escaping @Sendable () -> Void) {
        startThread {
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, number)
            var received: CInt = 0
            while sigwait(&signals, &received) == 0 { body() }
        }
    }

    /// Finds something to answer from, or has it made. What is found is verified by `start`: pdns waits for the greeting only, and a
    /// large image takes its time.
    ///
    /// - Returns: false if there is nothing, and the configuration cannot be used.
    public func prepare() -> Bool { follower.withLock { $0.follower!.prepare() } }

    /// Adopts the first to answer from, or waits for it, and begins to follow what it depends on.
    ///
    /// - Returns: `nil` if there is nothing.
    public func start() -> Serving? {
        let serving = follower.withLock { box in
            box.follower!.waitForFirst()
            return box.follower!.start()
        }
        isWithoutSnapshot.store(serving == nil, ordering: .relaxed)
        reporter.follow(serving?.snapshot, loaded: time(nil), state)
        reporter.start()
        startThread { [self] in
            // Of this thread alone, on Linux.
            _ = nice(19)
            var own = follower.withLock { $0.follower.take()! }
            keep(&own)
        }
        return serving
    }

    /// Whether there was to be something to answer from, and never was.
    public var hasNeverLoaded: Bool { isWithoutSnapshot.load(ordering: .relaxed) }

    /// Lets nothing be lost that was counted.
    ///
    /// - Parameter isEnd: whether the process ends. Else another program takes it over, and pdns waits.
    public func finish(isEnd: Bool) { reporter.finish(isEnd: isEnd) }

    private func keep(_ follower: inout Follower) {
        var status = CoprocessStatus(configuration: configuration)
        status.started = started
        status.imageFile = imageFile
        status.loaded = follower.snapshot == nil ? nil : time(nil)
        var told = ""
        var watch = RolloutWatch()
        reporter.follow(candidate: follower.rollouts.snapshot)
        while true {
            let news = follower.step()
            if news.isSnapshotNew, let snapshot = follower.snapshot {
                log.info("loaded \(configuration)")
                log.debug("serving another image", metadata: snapshot.metadata)
                isWithoutSnapshot.store(false, ordering: .relaxed)
                status.loaded = time(nil)
                reporter.follow(snapshot, loaded: status.loaded!, follower.state)
            }
            reporter.follow(candidate: follower.rollouts.snapshot)
            if let serving = news.serving { supply.deliver(serving) }
            status.image = follower.snapshot?.image.id
            status.databases = follower.snapshot?.databaseBuilds ?? []
            // It answers by these from the next question on.
            status.switches = follower.followedSwitches
            let store = follower.rolloutStore
            status.images = store?.name
            // One that serves a file knows of rollouts, and never follows one.
            status.rollout = follower.snapshot == nil || store == nil ? nil : follower.rollouts.followed
            status.rolloutTally = follower.rollouts.tally
            status.diagnostics = follower.diagnostics
            status.questions = supply.questions
            status.refusal = refusal.withLock { $0 }
            tell(status, follower.state, after: &told)
            watch.look(
                follower.rollouts.rollout, configuration, store, new: follower.rollouts.snapshot,
                switches: follower.switches, health: follower.health, printError)
            if wait(follower) { follower.order() }
            supply.discard()
            orphans.reap()
        }
    }

    /// Tells the status, if there is a place for it. Nothing is disturbed if that cannot be written.
    private func tell(_ status: CoprocessStatus, _ state: StateDirectory?, after told: inout String) {
        guard let state else { return }
        let text = "\(state.path)\n\(status.text)"
        if text == told, state.tellNothingNew(process: status.process) { return }
        do throws(StateDirectory.Failure) {
            try state.tell(status)
            told = text
        } catch {
            told = ""
        }
    }

    /// Waits until there may be something new; but not for ever, since some file systems tell nothing.
    ///
    /// - Returns: whether a compilation was ordered.
    private func wait(_ follower: borrowing Follower) -> Bool {
        var requests = ([wakeOutput] + follower.descriptors).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&requests, nfds_t(requests.count), CInt(follower.patience)) > 0 else { return false }
        // What is written in several steps tells of each: one look for all.
        if requests[0].revents == 0, requests.last?.revents == 0 { usleep(20_000) }
        guard requests[0].revents != 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 4096)
        while Glibc.read(wakeOutput, &bytes, bytes.count) > 0 {}
        return true
    }
}

extension Snapshot {
    /// What a line of the log says of an image.
    fileprivate var metadata: Logger.Metadata {
        [
            "image": .string(image.id), "bytes": .stringConvertible(image.bytes.count),
            "compiled": .string(dateAndTime(manifest.created)),
        ]
    }
}
