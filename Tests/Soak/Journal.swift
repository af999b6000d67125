import Glibc
import Synchronization

/// Why the run cannot go on.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Nanoseconds on a clock that nobody sets.
func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// What happens, in order: what was done, and what came of it.
final class Journal: Sendable {
    private struct State {
        var recent: [String] = []
        var violations = 0
        var notes: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let start = now()
    private let isVerbose: Bool

    init(isVerbose: Bool) { self.isVerbose = isVerbose }

    var violations: Int { state.withLock(\.violations) }

    /// How often each kind of thing was done.
    var notes: [String: Int] { state.withLock(\.notes) }

    /// Notes what is about to be done.
    func note(_ kind: String, _ detail: String = "") {
        let line = "\(time) \(kind)\(detail.isEmpty ? "" : " \(detail)")"
        state.withLock { state in
            state.notes[kind, default: 0] += 1
            state.recent = state.recent.suffix(4) + [line]
        }
        if isVerbose { tell(line) }
    }

    /// Something is wrong that nothing excuses.
    func violation(_ words: String) {
        let words = words.split(separator: "\n").joined(separator: " / ")
        state.withLock { state in
            state.violations += 1
            tell("\(time) VIOLATION: \(words)\n    done before: \(state.recent.joined(separator: "; "))")
        }
    }

    func tell(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress!, $0.count) }
    }

    /// Seconds since the start.
    private var time: String {
        let milliseconds = (now() - start) / 1_000_000
        let fraction = milliseconds % 1_000
        return "\(milliseconds / 1_000).\(fraction < 100 ? "0" : "")\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
