import Glibc
import Synchronization

/// Writes a line to stderr. See `StandardError` for what happens if nothing reads that.
public func complain(_ message: String) { StandardError.write(message) }

/// Standard error, which may be a pipe that nothing reads: pdns's log has stopped, say. A coprocess must not wait for it, nor a compiler
/// for long; a command waits.
public enum StandardError {
    /// Milliseconds that this process waits for it, all in all; negative for any time.
    private static let patience = Atomic<Int>(-1)
    private static let lost = Atomic<Int>(0)
    /// The name of this program, without its folder.
    private static let program = processArguments.first?.split(separator: "/").last ?? "geopipe"
    /// So many bytes fit into a pipe that takes any (PIPE_BUF).
    private static let chunk = 4_096

    /// Sets how long this process waits for standard error, all in all.
    ///
    /// - Parameter milliseconds: at least 0.
    public static func limitWait(milliseconds: Int) { patience.store(milliseconds, ordering: .relaxed) }

    static func write(_ message: String) {
        var bytes = Array((message + "\n").utf8)[...]
        if patience.load(ordering: .relaxed) < 0 {
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

    private static func isWritable() -> Bool {
        let start = nanoseconds()
        let left = patience.load(ordering: .relaxed)
        var request = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        let isReady = poll(&request, 1, CInt(clamping: left)) > 0 && request.revents & Int16(POLLOUT) != 0
        if left > 0 { patience.store(max(0, left - (nanoseconds() - start) / 1_000_000), ordering: .relaxed) }
        return isReady
    }
}
