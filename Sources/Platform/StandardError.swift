import Glibc
import Synchronization

/// Writes a line to standard error. `StandardError` says what happens if it is a pipe that no process reads.
public func printError(_ message: String) { StandardError.write(message) }

/// Standard error. It may be a pipe that is full, because the log of pdns has stopped for example. A coprocess must not
/// wait for it, and a compiler not for long; a command waits.
public enum StandardError {
    /// The time in milliseconds that this process may still wait for standard error; negative for no limit.
    private static let timeLeft = Atomic<Int>(-1)
    /// The number of messages that were dropped since the last message that was written.
    private static let lost = Atomic<Int>(0)
    /// The name of this program, without its folder.
    private static let program = processArguments.first?.split(separator: "/").last ?? "geopipe"
    /// The size in bytes of a write that a writable pipe takes without blocking (PIPE_BUF).
    private static let chunk = 4_096

    /// Limits the total time that this process waits for standard error. Messages that do not fit into it are dropped
    /// and counted.
    ///
    /// - Parameter milliseconds: at least 0.
    public static func limitWait(milliseconds: Int) { timeLeft.store(milliseconds, ordering: .relaxed) }

    static func write(_ message: String) {
        var bytes = Array((message + "\n").utf8)[...]
        if timeLeft.load(ordering: .relaxed) < 0 {
            while !bytes.isEmpty {
                let count = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                bytes = bytes.dropFirst(count)
            }
            return
        }
        let lostBefore = lost.load(ordering: .relaxed)
        if lostBefore > 0 {
            let note = "\(program)[\(getpid())]: \(lostBefore) messages were lost, since nothing read standard error"
            guard isWritable() else {
                lost.add(1, ordering: .relaxed)
                return
            }
            lost.store(0, ordering: .relaxed)
            bytes = Array((note + "\n").utf8) + bytes
        }
        while !bytes.isEmpty {
            guard isWritable() else {
                lost.add(1, ordering: .relaxed)
                return
            }
            let part = bytes.prefix(chunk)
            let count = part.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Waits until standard error is writable; false if that takes longer than the time left.
    private static func isWritable() -> Bool {
        let start = nanoseconds()
        let left = timeLeft.load(ordering: .relaxed)
        var request = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        let isReady = poll(&request, 1, CInt(clamping: left)) > 0 && request.revents & Int16(POLLOUT) != 0
        if left > 0 { timeLeft.store(max(0, left - (nanoseconds() - start) / 1_000_000), ordering: .relaxed) }
        return isReady
    }
}
