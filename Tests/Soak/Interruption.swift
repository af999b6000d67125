import Glibc
import Synchronization

/// Ctrl-C: the run ends after the current step, and is judged so far. A second one ends it at once.
enum Interruption {
    private static let count = Atomic<Int>(0)

    static var isThere: Bool { count.load(ordering: .relaxed) > 0 }

    /// Installs a handler. Ignoring the signal would be inherited by started programs.
    static func follow() {
        count.store(0, ordering: .relaxed)
        // Writing to a killed coprocess must not end this process.
        signal(SIGPIPE) { _ in }
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in
                if Interruption.count.add(1, ordering: .relaxed).newValue > 1 { _exit(130) }
            }
        }
    }
}

/// Waits for some milliseconds, or until Ctrl-C.
func rest(_ milliseconds: Int) {
    let end = now() + UInt64(milliseconds) * 1_000_000
    while case let time = now(), time < end, !Interruption.isThere {
        usleep(UInt32(min(50_000, (end - time) / 1_000 + 1)))
    }
}
