import CLinux
import Configuration
import Glibc

/// Makes a new snapshot whenever something changes that the last was made from. It has a thread of its own, which gives way
/// to those that answer.
public final class Keeper: Sendable {
    private let supply: Supply
    private let load: @Sendable () -> Outcome
    /// A pipe; a byte in it makes the thread look at once, whether anything seems to have changed or not.
    private let wakeInput: CInt
    private let wakeOutput: CInt

    /// What came of loading.
    public struct Outcome: Sendable {
        /// `nil` if the configuration cannot be used.
        public var snapshot: Snapshot?
        /// All that was read, or would have been.
        public var files: Set<String>

        public init(snapshot: Snapshot?, files: Set<String>) {
            self.snapshot = snapshot
            self.files = files
        }
    }

    /// Milliseconds without any news from a folder, after which what happens there is taken to be over.
    private static let quiet: CInt = 100
    /// Milliseconds between two looks at files of which nobody tells that they have changed.
    private static let interval: CInt = 2_000

    /// - Parameters:
    ///   - supply: gets the snapshots.
    ///   - load: reads everything anew, and says what is wrong.
    public init(_ supply: Supply, load: @escaping @Sendable () -> Outcome) {
        var ends: [CInt] = [-1, -1]
        // Without it nothing is lost but signals: somebody looks now and then.
        pipe(&ends)
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (wakeOutput, wakeInput) = (ends[0], ends[1])
        self.supply = supply
        self.load = load
    }

    /// Loads whenever the process gets this signal. Must be called before there are other threads.
    public func loadOn(_ signal: CInt) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, signal)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        startThread { [self, signals] in
            var signals = signals
            var received: CInt = 0
            while sigwait(&signals, &received) == 0 { write(wakeInput, "!", 1) }
        }
    }

    /// Begins to watch.
    ///
    /// - Parameters:
    ///   - files: what was read for the first snapshot.
    ///   - start: when that was begun, in seconds since 1970.
    public func start(files: Set<String>, since start: Int) {
        startThread { [self] in
            // Of this thread alone, on Linux.
            _ = nice(10)
            keep(files, since: start)
        }
    }

    private func keep(_ files: Set<String>, since start: Int) {
        var watch = FileWatch()
        watch.watch(files)
        // Files that changed while the first snapshot was made look no different now.
        var mustLoad = watch.hasFile(changedSince: start)
        while true {
            if mustLoad || watch.hasChanged() {
                let outcome = load()
                // What changes while it is read is another change.
                watch.watch(outcome.files.union(outcome.snapshot == nil ? watch.paths : []))
                if let snapshot = outcome.snapshot { supply.deliver(snapshot) }
                malloc_trim(0)
            }
            mustLoad = waitForNews(from: watch)
            supply.discard()
        }
    }

    /// Waits until there may be something new; but not for ever, since some file systems tell nothing.
    ///
    /// - Returns: whether somebody demands a load.
    private func waitForNews(from watch: borrowing FileWatch) -> Bool {
        var patience = Self.interval
        // A folder that never rests must not keep the thread from looking.
        for _ in 0..<20 {
            var requests = [
                pollfd(fd: wakeOutput, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&requests, 2, patience) > 0 else { return false }
            if requests[0].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 64)
                while read(wakeOutput, &bytes, bytes.count) > 0 {}
                return true
            }
            watch.drain()
            patience = Self.quiet
        }
        return false
    }
}

/// Runs `body` in a thread of its own.
func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(Body(body)).toOpaque()
    let result = pthread_create(
        &thread, nil,
        { argument in
            Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
            return nil
        }, argument)
    if result == 0 { pthread_detach(thread) }
}
