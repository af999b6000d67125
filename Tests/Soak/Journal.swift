import Glibc
import Synchronization

/// Why the run cannot continue.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Returns nanoseconds on the monotonic clock.
func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The journal of the run: its steps and their results, in order.
final class Journal: Sendable {
    private struct State {
        var recent: [String] = []
        var violations = 0
        var notes: [String: Int] = [:]
    }

    /// The maximum number of printed violations; all are counted.
    private static let told = 100

    private let state = Mutex(State())
    private let start = now()
    private let isVerbose: Bool
    /// Whether the run has been judged: violations during the shutdown do not count.
    private let isClosed = Atomic<Bool>(false)

    init(isVerbose: Bool) { self.isVerbose = isVerbose }

    var violations: Int { state.withLock(\.violations) }

    /// The number of steps.
    var acts: Int { state.withLock { $0.notes.values.reduce(0, +) } }

    /// The number of steps of each kind.
    var notes: [String: Int] { state.withLock(\.notes) }

    /// Records the next step.
    func note(_ kind: String, _ detail: String = "") {
        let line = "\(time) \(kind)\(detail.isEmpty ? "" : " \(detail)")"
        state.withLock { state in
            state.notes[kind, default: 0] += 1
            state.recent = state.recent.suffix(4) + [line]
        }
        if isVerbose, !isClosed.load(ordering: .relaxed) { tell(line) }
    }

    /// Records a violation.
    func violation(_ words: String) {
        guard !isClosed.load(ordering: .relaxed) else { return }
        let words = words.split(separator: "\n").joined(separator: " / ")
        state.withLock { state in
            state.violations += 1
            guard state.violations <= Self.told else { return }
            tell("\(time) VIOLATION: \(words)\n    done before: \(state.recent.joined(separator: "; "))")
        }
    }

    func close() { isClosed.store(true, ordering: .relaxed) }

    func tell(_ line: String) {
        ProgressLine.clear()
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
