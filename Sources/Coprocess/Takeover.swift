import Answering
import CLinux
import DNS
import Glibc
import PipeProtocol
import Platform
import State
import Synchronization

/// Replaces the program of this process with a new one: the process and its pipes stay, so that pdns does not notice
/// (execve(2)).
public final class Takeover: Sendable {
    /// The state that the new program needs to resume the dialogue.
    public struct Handoff: Sendable {
        let version: ABIVersion
        /// A lock to release when the new program can answer; -1 if there is none.
        let lock: CInt
        /// A file of lines that a fault left unanswered; -1 if there is none.
        let rest: CInt

        static let variable = "GEOPIPE_TAKEOVER"

        /// Returns the handoff of the program before this one; `nil` if this one did not replace another.
        public static func take() -> Handoff? {
            guard let text = getenv(variable).map({ String(cString: $0) }) else { return nil }
            unsetenv(variable)
            let numbers = text.split(separator: ",").compactMap { Int($0) }
            guard numbers.count >= 2, let version = ABIVersion(numbers[0]) else { return nil }
            let lock = CInt(truncatingIfNeeded: numbers[1])
            let rest = numbers.count > 2 ? CInt(truncatingIfNeeded: numbers[2]) : -1
            // Programs that this one starts must not inherit them.
            for file in [lock, rest] where file >= 0 { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
            return Handoff(version: version, lock: lock, rest: rest)
        }

        /// Closes all files except the standard ones, the lock and the file of unanswered lines.
        public func closeOtherFiles() {
            var first: UInt32 = 3
            for file in [lock, rest].sorted() where file >= 3 {
                closeFiles(from: first, to: UInt32(file) - 1)
                first = UInt32(file) + 1
            }
            closeFiles(from: first, to: .max)
        }

        func store() { setenv(Self.variable, "\(version.number),\(lock)", 1) }

        /// Lets the next process take over.
        func release() { if lock >= 0 { close(lock) } }
    }

    /// The lock's descriptor plus 2 if a replacement is due; 0 if not; a negative errno if it failed.
    private let order = Atomic<Int>(0)
    /// The file that passed the trial; -1 for the file at the path.
    private let file = Atomic<CInt>(-1)
    private let answering: pthread_t
    private let program: String
    private let arguments: [String]

    /// Prepares takeovers. Call it on the answering thread.
    ///
    /// - Parameter arguments: the arguments of this process, with the path of the program first.
    public init?(arguments: [String]) {
        guard let program = arguments.first, program.contains("/") else { return nil }
        self.program = program
        self.arguments = arguments
        answering = pthread_self()
        // The handler does nothing: the signal interrupts a wait for input.
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(Self.wakeSignal, &action, nil)
        setWakeSignalBlocked(false)
    }

    /// Blocks the wake-up signal during a replacement: before the new program has a handler, it would end the process.
    private func setWakeSignalBlocked(_ isBlocked: Bool) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, Self.wakeSignal)
        pthread_sigmask(isBlocked ? SIG_BLOCK : SIG_UNBLOCK, &signals, nil)
    }

    private static let wakeSignal = SIGUSR1

    /// Replaces the program between two questions, if the one on disk passes a trial. Waits until then; never call it
    /// on the answering thread.
    ///
    /// - Parameters:
    ///   - state: holds the lock with which coprocesses take turns, because loading takes CPU time.
    ///   - timeout: how long to wait for the lock, and for the handshake, in milliseconds.
    /// - Returns: the reason if the takeover failed. It does not return otherwise.
    public func begin(state: StateDirectory?, timeout: Int = 60_000) -> String {
        let lock = state?.openLock("takeover.lock") ?? -1
        defer { if lock >= 0 { close(lock) } }
        if lock >= 0, let state, !state.hold(lock, timeout: timeout) {
            return
                "\(program) does not take over: others have held \(state.path)/takeover.lock for \(timeout / 1_000) s"
        }
        // Before the handshake there is no dialogue to resume.
        let end = milliseconds() + timeout
        while CrashRecord.version == nil, milliseconds() < end { usleep(20_000) }
        guard let version = CrashRecord.version else {
            return "\(program) does not take over: there is no dialogue yet"
        }
        do throws(Trial.Failure) {
            file.store(try Trial(program, arguments, version: version).program, ordering: .relaxed)
        } catch {
            return "\(program) does not take over: \(error.reason)"
        }
        order.store(Int(lock) + 2, ordering: .releasing)
        while isDue {
            wakeAnsweringThread()
            usleep(20_000)
        }
        let file = file.load(ordering: .relaxed)
        if file >= 0 { close(file) }
        let reason = CInt(-order.load(ordering: .acquiring))
        return "\(program) does not take over: \(String(cString: strerror(reason)))"
    }

    /// Interrupts a wait for input.
    func wakeAnsweringThread() { pthread_kill(answering, Self.wakeSignal) }

    /// Whether the answering thread must call `replace`.
    @inline(__always)
    var isDue: Bool { order.load(ordering: .relaxed) > 0 }

    /// Replaces the program. Returns only if that fails.
    func replace(version: ABIVersion) {
        let lock = CInt(order.load(ordering: .acquiring) - 2)
        Handoff(version: version, lock: lock, rest: -1).store()
        if lock >= 0 { _ = fcntl(lock, F_SETFD, 0) }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        setWakeSignalBlocked(true)
        // Executes the file that passed the trial: the file on disk may be another one by now.
        let file = file.load(ordering: .relaxed)
        if file >= 0 { execveat(file, "", &words, environ, CInt(at_empty_path)) }
        execv(program, &words)
        let reason = errno
        setWakeSignalBlocked(false)
        for word in words { free(word) }
        _ = Handoff.take()
        order.store(-Int(reason), ordering: .releasing)
    }
}

/// Closes a range of file descriptors.
public func closeFiles(from first: UInt32, to last: UInt32) {
    if first <= last { close_range(first, last, 0) }
}
