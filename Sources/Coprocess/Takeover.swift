import Answering
import CLinux
import DNS
import Glibc
import PipeProtocol
import Platform
import State
import Synchronization

/// A new program in the place of this one: the process and its pipes stay, so that pdns does not notice (execve(2)).
public final class Takeover: Sendable {
    /// What the new program is to know of the dialogue that it goes on with.
    public struct Handoff: Sendable {
        let version: ABIVersion
        /// A lock that is let go of when the new program can answer; -1 if there is none.
        let lock: CInt
        /// A file of lines that a fault has left without an answer; -1 if there is none.
        let rest: CInt

        static let variable = "GEOPIPE_TAKEOVER"

        /// What the program before this one has left, if this one was started in its place.
        public static func take() -> Handoff? {
            guard let text = getenv(variable).map({ String(cString: $0) }) else { return nil }
            unsetenv(variable)
            let numbers = text.split(separator: ",").compactMap { Int($0) }
            guard numbers.count >= 2, let version = ABIVersion(numbers[0]) else { return nil }
            let lock = CInt(truncatingIfNeeded: numbers[1])
            let rest = numbers.count > 2 ? CInt(truncatingIfNeeded: numbers[2]) : -1
            // No program that this one starts is to hold them.
            for file in [lock, rest] where file >= 0 { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
            return Handoff(version: version, lock: lock, rest: rest)
        }

        /// Closes all files but the standard ones, the lock and what was left.
        public func closeOtherFiles() {
            var first: UInt32 = 3
            for file in [lock, rest].sorted() where file >= 3 {
                closeFiles(from: first, to: UInt32(file) - 1)
                first = UInt32(file) + 1
            }
            closeFiles(from: first, to: .max)
        }

        func leave() { setenv(Self.variable, "\(version.number),\(lock)", 1) }

        /// Lets the next process take over.
        func release() { if lock >= 0 { close(lock) } }
    }

    /// Two more than the lock's descriptor, when the program is to be replaced; below that, why it could not be: a negative errno.
    private let order = Atomic<Int>(0)
    /// The file that was found fit; -1 for the one that is at the path.
    private let file = Atomic<CInt>(-1)
    private let answering: pthread_t
    private let program: String
    private let arguments: [String]

    /// To be made by the thread that answers.
    ///
    /// - Parameter arguments: of this process, with the program that it was started as.
    public init?(arguments: [String]) {
        guard let program = arguments.first, program.contains("/") else { return nil }
        self.program = program
        self.arguments = arguments
        answering = pthread_self()
        // Does nothing but end a wait for input.
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(Self.nudge, &action, nil)
        setNudgeBlocked(false)
    }

    /// A nudge that comes when there is nobody yet to take it would end the process.
    private func setNudgeBlocked(_ isBlocked: Bool) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, Self.nudge)
        pthread_sigmask(isBlocked ? SIG_BLOCK : SIG_UNBLOCK, &signals, nil)
    }

    private static let nudge = SIGUSR1

    /// Has the program replaced between two questions, if the one on disk now is fit for it. Waits until then; not to be
    /// called by the thread that answers.
    ///
    /// - Parameters:
    ///   - state: where the lock is with which coprocesses take turns: loading is work.
    ///   - patience: how many milliseconds to wait for its turn, and for a dialogue.
    /// - Returns: why nothing came of it.
    public func begin(state: StateDirectory?, patience: Int = 60_000) -> String {
        let lock = state?.openLock("takeover.lock") ?? -1
        defer { if lock >= 0 { close(lock) } }
        if lock >= 0, let state, !state.hold(lock, patience: patience) {
            return
                "\(program) does not take over: others have held \(state.path)/takeover.lock for \(patience / 1_000) s"
        }
        // Whoever has not been greeted yet has no dialogue to go on with.
        let end = milliseconds() + patience
        while CrashRecord.version == nil, milliseconds() < end { usleep(20_000) }
        guard let version = CrashRecord.version else {
            return "\(program) does not take over: there is no dialogue yet"
        }
        do throws(Trial.Unfit) {
            file.store(try Trial(program, arguments, version: version).program, ordering: .relaxed)
        } catch {
            return "\(program) does not take over: \(error.reason)"
        }
        order.store(Int(lock) + 2, ordering: .releasing)
        while isDue {
            nudgeAnswering()
            usleep(20_000)
        }
        let file = file.load(ordering: .relaxed)
        if file >= 0 { close(file) }
        let reason = CInt(-order.load(ordering: .acquiring))
        return "\(program) does not take over: \(String(cString: strerror(reason)))"
    }

    /// Ends a wait for input.
    func nudgeAnswering() { pthread_kill(answering, Self.nudge) }

    /// Whether the thread that answers is to be replaced.
    @inline(__always)
    var isDue: Bool { order.load(ordering: .relaxed) > 0 }

    /// Replaces the program. Returns only if that fails.
    func replace(version: ABIVersion) {
        let lock = CInt(order.load(ordering: .acquiring) - 2)
        Handoff(version: version, lock: lock, rest: -1).leave()
        if lock >= 0 { _ = fcntl(lock, F_SETFD, 0) }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        setNudgeBlocked(true)
        // The very file that was found fit; the one on disk may be another by now.
        let file = file.load(ordering: .relaxed)
        if file >= 0 { execveat(file, "", &words, environ, CInt(at_empty_path)) }
        execv(program, &words)
        let reason = errno
        setNudgeBlocked(false)
        for word in words { free(word) }
        _ = Handoff.take()
        order.store(-Int(reason), ordering: .releasing)
    }
}

/// Closes a range of file descriptors.
public func closeFiles(from first: UInt32, to last: UInt32) {
    if first <= last { close_range(first, last, 0) }
}
