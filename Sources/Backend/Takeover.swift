import CLinux
import Glibc
import PipeProtocol
import Synchronization

/// A new program in the place of this one: the process and its pipes stay, so that pdns does not notice (execve(2)).
public final class Takeover: Sendable {
    /// What the new program is to know of the dialogue that it goes on with.
    public struct Inheritance: Sendable {
        let version: ABIVersion
        /// A lock that is let go of when the new program can answer; -1 if there is none.
        let lock: CInt

        static let variable = "GEOPIPE_TAKEOVER"

        /// What the program before this one has left, if this one was started in its place.
        public static func take() -> Inheritance? {
            guard let text = getenv(variable).map({ String(cString: $0) }) else { return nil }
            unsetenv(variable)
            let numbers = text.split(separator: ",").compactMap { Int($0) }
            guard numbers.count == 2, let version = ABIVersion(numbers[0]) else { return nil }
            return Inheritance(version: version, lock: CInt(truncatingIfNeeded: numbers[1]))
        }

        /// Closes all files but the standard ones and the lock.
        public func closeOtherFiles() {
            guard lock >= 3 else { return closeFiles(from: 3, to: .max) }
            closeFiles(from: 3, to: UInt32(lock) - 1)
            closeFiles(from: UInt32(lock) + 1, to: .max)
        }

        func leave() { setenv(Self.variable, "\(version.number),\(lock)", 1) }

        /// Lets the next process take over.
        func release() { if lock >= 0 { close(lock) } }
    }

    /// Two more than the lock's descriptor, when the program is to be replaced; below that, why it could not be: a negative errno.
    private let order = Atomic<Int>(0)
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
    ///   - check: the arguments with which the program says by exit code 0 that it can start.
    ///   - state: where the lock is with which coprocesses take turns: loading is work.
    /// - Returns: why nothing came of it.
    public func begin(check: [String], state: StateDirectory?) -> String {
        let lock = state.map { open($0.path + "/takeover.lock", O_RDONLY | O_CREAT, 0o644) } ?? -1
        while lock >= 0, flock(lock, LOCK_EX) != 0, errno == EINTR {}
        defer { if lock >= 0 { close(lock) } }
        if let reason = refusal(check: check) { return "\(program) does not take over: \(reason)" }
        order.store(Int(lock) + 2, ordering: .releasing)
        while isDue {
            pthread_kill(answering, Self.nudge)
            usleep(20_000)
        }
        let reason = CInt(-order.load(ordering: .acquiring))
        return "\(program) does not take over: \(String(cString: strerror(reason)))"
    }

    /// Why the program on disk is not fit.
    private func refusal(check: [String]) -> String? {
        var process = pid_t()
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + check).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The dialogue is none of its business.
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        let result = posix_spawn(&process, program, &actions, nil, &words, environ)
        guard result == 0 else { return String(cString: strerror(result)) }
        var status: CInt = 0
        for _ in 0..<600 {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { return status == 0 ? nil : "'\(check.joined(separator: " "))' fails with it" }
            if ended < 0, errno != EINTR { return String(cString: strerror(errno)) }
            usleep(50_000)
        }
        kill(process, SIGKILL)
        waitpid(process, &status, 0)
        return "it does not end a check of the configuration within 30 s"
    }

    /// Whether the thread that answers is to be replaced.
    @inline(__always)
    var isDue: Bool { order.load(ordering: .relaxed) > 0 }

    /// Replaces the program. Returns only if that fails.
    func replace(version: ABIVersion) {
        let lock = CInt(order.load(ordering: .acquiring) - 2)
        Inheritance(version: version, lock: lock).leave()
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        setNudgeBlocked(true)
        execv(program, &words)
        let reason = errno
        setNudgeBlocked(false)
        for word in words { free(word) }
        _ = Inheritance.take()
        order.store(-Int(reason), ordering: .releasing)
    }
}

/// Closes a range of file descriptors.
public func closeFiles(from first: UInt32, to last: UInt32) {
    if first <= last { close_range(first, last, 0) }
}
