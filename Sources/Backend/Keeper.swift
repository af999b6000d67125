import CLinux
import Configuration
import Glibc
import Synchronization

/// Keeps what is answered from up to date: makes a new snapshot whenever something changes that the last was made from, and
/// follows the switches. It has a thread of its own, which gives way to those that answer.
public final class Keeper: Sendable {
    private let supply: Supply
    private let reporter: Reporter
    private let load: @Sendable () -> Outcome
    private let complain: @Sendable (String) -> Void
    /// The configuration's file.
    private let configuration: String
    /// A pipe; a byte in it makes the thread look at once, whether anything seems to have changed or not.
    private let wakeInput: CInt
    private let wakeOutput: CInt
    /// Why the last takeover came to nothing.
    private let refusal = Mutex<CoprocessStatus.Refusal?>(nil)

    /// What came of loading.
    public struct Outcome: Sendable {
        /// `nil` if the configuration cannot be used.
        public var snapshot: Snapshot?
        /// All that was read, or would have been.
        public var files: Set<String>
        public var state: StateDirectory?
        /// What is wrong, if it cannot be used.
        public var complaints: [String] = []
        /// In how many seconds it is to be loaded once more, whether anything changes or not.
        public var retryIn: Int?
        /// False for the last good configuration, which is not what is on disk.
        public var isCurrent = true

        public init(snapshot: Snapshot?, files: Set<String>, state: StateDirectory?) {
            self.snapshot = snapshot
            self.files = files
            self.state = state
        }
    }

    /// Milliseconds without any news from a folder, after which what happens there is taken to be over.
    private static let quiet: CInt = 100
    /// Milliseconds between two looks at switches of which nobody tells that they have changed.
    private static let interval: CInt = 1_000
    /// Milliseconds between two looks at all files of which nobody tells that they have changed.
    private static let fileInterval: CInt = 5_000
    /// Milliseconds between two looks at the copies of what was loaded.
    private static let copyInterval = 10_000
    /// So many loads in a row are dropped because files changed meanwhile.
    private static let droppedLoads = 10

    /// - Parameters:
    ///   - supply: gets what is made.
    ///   - configuration: the configuration's file, as it was named.
    ///   - load: reads everything anew, and says what is wrong.
    ///   - complain: says what came of a load, and what is wrong with the state.
    public init(
        _ supply: Supply, configuration: String, load: @escaping @Sendable () -> Outcome,
        complain: @escaping @Sendable (String) -> Void
    ) {
        self.configuration = configuration
        var ends: [CInt] = [-1, -1]
        // Without it nothing is lost but signals: somebody looks now and then.
        pipe(&ends)
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (wakeOutput, wakeInput) = (ends[0], ends[1])
        self.supply = supply
        reporter = Reporter(supply.recorder, complain: complain)
        self.load = load
        self.complain = complain
    }

    /// Loads whenever the process gets SIGHUP, and calls `takeOver` when it gets SIGUSR2, which returns why nothing came of it.
    /// Must be called before there are other threads.
    public func followSignals(takeOver: @escaping @Sendable () -> String?) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGHUP)
        sigaddset(&signals, SIGUSR2)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // Nobody waits for what is ignored.
        for number in [SIGHUP, SIGUSR2] { signal(number, SIG_DFL) }
        startThread { [self, signals] in
            var signals = signals
            var received: CInt = 0
            while sigwait(&signals, &received) == 0 {
                if received == SIGHUP {
                    write(wakeInput, "!", 1)
                } else if let reason = takeOver() {
                    complain(reason)
                    refusal.withLock { $0 = CoprocessStatus.Refusal(count: ($0?.count ?? 0) + 1, reason: reason) }
                }
            }
        }
    }

    /// Makes the first to answer from, and begins to watch.
    ///
    /// - Parameters:
    ///   - state: where the state probably is. What is lost while something is loaded is known from before.
    ///   - start: when loading is begun, in seconds since 1970.
    ///   - load: loads.
    /// - Returns: `nil` if the configuration cannot be used, and nothing is to be answered yet.
    public func start(state: StateDirectory?, since start: Int, load: () -> Outcome) -> Serving? {
        var switches = (try? state?.switches())?.value ?? []
        var health = (try? state?.health())?.value
        let outcome = load()
        if outcome.state?.path != state?.path { (switches, health) = ([], nil) }
        if let state = outcome.state {
            read(&switches, state)
            read(&health, state)
        }
        reporter.follow(outcome.snapshot, loaded: time(nil), outcome.state)
        reporter.start()
        startThread { [self, switches, health] in
            // Of this thread alone, on Linux.
            _ = nice(5)
            keep(outcome, switches, health, since: start)
        }
        return outcome.snapshot.map { Serving($0, switches: switches, health: health, at: time(nil)) }
    }

    /// Lets nothing be lost that was counted.
    ///
    /// - Parameter isEnd: whether the process ends. Else another program takes it over, and pdns waits.
    public func finish(isEnd: Bool) { reporter.finish(isEnd: isEnd) }

    private func keep(_ outcome: Outcome, _ switches: [Switch], _ health: HealthReport?, since start: Int) {
        var (state, snapshot) = (outcome.state, outcome.snapshot)
        var switches = switches
        var health = health
        // What is served as drained and as down.
        var inForce = switches.filter { $0.isInForce(at: time(nil)) }
        var down = Set(health?.down(at: time(nil)).keys ?? [:].keys)
        var files = FileWatch()
        files.watch(outcome.files, readSince: start)
        var stateFiles = FileWatch()
        stateFiles.watch(state?.sharedFiles ?? [], readSince: start)
        var mustFollow = false
        var status = CoprocessStatus(configuration: configuration)
        status.started = start
        status.loaded = snapshot == nil ? nil : time(nil)
        status.databases = snapshot?.databaseBuilds ?? []
        status.complaints = outcome.complaints
        // When something is loaded though nothing has changed.
        var retry = outcome.retryIn.map { milliseconds() + 1_000 * $0 }
        // Whether what is served is what was on disk at the last look, and whether copies of it are wanted.
        var isCurrent = outcome.isCurrent && outcome.snapshot != nil
        var keepsLastGood = isCurrent
        var lastCopies = 0
        var hasCopies = true
        var news = News(isOrder: false, isFromFolder: false)
        var lastLook = 0
        // Whether something has changed since it was read, and how many loads in a row something changed in.
        var hasChanged = false
        var droppedLoads = 0
        /// Follows what others leave in the state directory, and what ends by itself, and delivers what comes of it.
        ///
        /// - Parameter hasSnapshot: whether there is a newer snapshot to deliver anyway.
        func followState(hasSnapshot: Bool) {
            var hasNews = hasSnapshot
            let now = time(nil)
            if let state {
                let changes = mustFollow ? state.sharedFiles : stateFiles.changes()
                if changes.contains(state.switchFile) { read(&switches, state) }
                if changes.contains(state.healthFile) { read(&health, state) }
            } else {
                switches = []
                health = nil
            }
            mustFollow = false
            // What has ended may be in force again when somebody sets the clock.
            let nowInForce = switches.filter { $0.isInForce(at: now) }
            let nowDown = Set(health?.down(at: now).keys ?? [:].keys)
            if nowInForce != inForce || nowDown != down { hasNews = true }
            (inForce, down) = (nowInForce, nowDown)
            if hasNews, let snapshot { supply.deliver(Serving(snapshot, switches: switches, health: health, at: now)) }
        }
        var lastTold = 0
        func tellStatus() {
            status.questions = supply.questions
            status.refusal = refusal.withLock { $0 }
            tell(status, state)
            lastTold = milliseconds()
        }
        while true {
            var hasNews = false
            let patience = droppedLoads > 0 ? Self.quiet : hasChanged ? Self.interval : Self.fileInterval
            let isDue = milliseconds() - lastLook >= Int(patience)
            var isChanging = false
            if news.isFromFolder || isDue {
                isChanging = files.hasChanged()
                hasChanged = hasChanged || isChanging
                lastLook = milliseconds()
            }
            if let due = retry, milliseconds() >= due {
                retry = nil
                hasChanged = true
                lastLook = 0
            }
            // A file that changes and nobody tells is being written still: it may be half of itself.
            if news.isOrder || hasChanged && (news.isFromFolder || isDue && !isChanging) {
                let start = time(nil)
                var outcome = loadAside {
                    followState(hasSnapshot: false)
                    supply.discard()
                    if milliseconds() - lastTold >= Int(Self.interval) { tellStatus() }
                }
                files.watch(outcome.files.union(outcome.snapshot == nil ? files.paths : []), readSince: start)
                // What changes while it is read may be read half old and half new; but what never rests must not keep out
                // all else for ever.
                hasChanged = files.hasChanged()
                retry = outcome.retryIn.map { milliseconds() + 1_000 * $0 }
                droppedLoads = hasChanged ? droppedLoads + 1 : 0
                if outcome.snapshot == nil { complain("what was loaded before stays in use") }
                if 1...Self.droppedLoads ~= droppedLoads { outcome.snapshot = nil } else { droppedLoads = 0 }
                status.complaints = outcome.complaints
                isCurrent = outcome.snapshot != nil
                if let newer = outcome.snapshot {
                    complain("loaded \(configuration)")
                    let loaded = time(nil)
                    status.loaded = loaded
                    status.databases = newer.databaseBuilds
                    keepsLastGood = true
                    // What is known of one folder says nothing about another.
                    if outcome.state?.path != state?.path { (switches, health) = ([], nil) }
                    (snapshot, state) = (newer, outcome.state)
                    reporter.follow(newer, loaded: loaded, state)
                    stateFiles.watch(state?.sharedFiles ?? [], readSince: start)
                    mustFollow = true
                    hasNews = true
                }
                malloc_trim(0)
            }
            followState(hasSnapshot: hasNews)
            // Somebody may have taken the copies away.
            if isCurrent, !hasChanged, milliseconds() - lastCopies >= Self.copyInterval { keepsLastGood = true }
            if keepsLastGood {
                if let state {
                    state.remember(for: configuration)
                    let complaint = keep(files.states, state)
                    // Once is enough, until there are copies again.
                    if let complaint, hasCopies { complain(complaint) }
                    hasCopies = complaint == nil
                } else {
                    StateDirectory.forget(for: configuration)
                }
                keepsLastGood = false
                lastCopies = milliseconds()
            }
            tellStatus()
            news = waitForNews(files, stateFiles, patience: droppedLoads > 0 ? Self.quiet : Self.interval)
            supply.discard()
        }
    }

    /// Loads in a thread of its own, and calls `meanwhile` again and again until that is done: drains do not wait for it.
    private func loadAside(_ meanwhile: () -> Void) -> Outcome {
        final class Result: Sendable {
            let outcome = Mutex<Outcome?>(nil)
        }
        let result = Result()
        FaultGuard.prepareLoad()
        let isLoading = startThread { [load] in
            FaultGuard.beginLoad()
            let outcome = load()
            result.outcome.withLock { $0 = outcome }
        }
        guard isLoading else { return load() }
        while true {
            if let outcome = result.outcome.withLock(\.self) { return outcome }
            if FaultGuard.hasLoadFailed {
                let complaint =
                    "\(configuration): a fault of geopipe's own in loading it; report that, with what was changed last"
                complain(complaint)
                var outcome = Outcome(snapshot: nil, files: [], state: nil)
                outcome.complaints = [complaint]
                return outcome
            }
            usleep(20_000)
            meanwhile()
        }
    }

    /// Copies what was loaded for coprocesses that start when it is no longer good.
    ///
    /// - Returns: why that is not possible.
    private func keep(_ files: [String: FileState], _ state: StateDirectory) -> String? {
        do throws(StateDirectory.Failure) {
            try LastGood(of: configuration, in: state).keep(files)
            return nil
        } catch {
            return "\(error); a coprocess that starts while the configuration is broken will not answer"
        }
    }

    /// Tells the status, if there is a place for it. Nobody is disturbed if that cannot be written.
    private func tell(_ status: CoprocessStatus, _ state: StateDirectory?) {
        do throws(StateDirectory.Failure) { try state?.tell(status) } catch {}
    }

    /// Reads the switches; what cannot be trusted changes nothing.
    private func read(_ switches: inout [Switch], _ state: StateDirectory) {
        do throws(StateDirectory.Failure) {
            let found = try state.switches()
            if let complaint = found.complaint { complain(complaint) }
            // What is gone was not taken back: whoever does that leaves a file.
            if let value = found.value { switches = value }
        } catch {
            complain("\(error); the switches stay as they are")
        }
    }

    /// Reads the health; what cannot be trusted changes nothing, and nothing is forgotten because it is not spoken of.
    private func read(_ health: inout HealthReport?, _ state: StateDirectory) {
        do throws(StateDirectory.Failure) {
            let found = try state.health()
            if let complaint = found.complaint { complain(complaint) }
            guard var newer = found.value else { return }
            if let health { newer.complete(from: health) }
            health = newer
        } catch {
            complain("\(error); the health of all addresses stays as it is")
        }
    }

    /// Why the thread looks.
    private struct News {
        /// Somebody demands a load.
        var isOrder: Bool
        /// Something happens in a folder that leads to a file.
        var isFromFolder: Bool
    }

    /// Waits until there may be something new; but not for ever, since some file systems tell nothing.
    ///
    /// - Parameter patience: milliseconds without any news.
    private func waitForNews(_ files: borrowing FileWatch, _ stateFiles: borrowing FileWatch, patience: CInt) -> News {
        var news = News(isOrder: false, isFromFolder: false)
        let start = milliseconds()
        var end = start + Int(patience)
        // A file that never rests must not keep the thread from looking.
        let last = start + 2 * Int(Self.interval)
        while case let left = min(end, last) - milliseconds(), left > 0 {
            var requests = [wakeOutput, files.descriptor, stateFiles.descriptor].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&requests, nfds_t(requests.count), CInt(left)) > 0 else { continue }
            if requests[0].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 4096)
                while Glibc.read(wakeOutput, &bytes, bytes.count) > 0 {}
                return News(isOrder: true, isFromFolder: true)
            }
            let isFromFolder = files.takeNews()
            if stateFiles.takeNews() || isFromFolder { end = milliseconds() + Int(Self.quiet) }
            news.isFromFolder = news.isFromFolder || isFromFolder
        }
        return news
    }
}
