import Glibc
import Synchronization

/// Ctrl-C: the run ends after what is being done, and is judged as far as it came. A second one ends it at once.
enum Interruption {
    private static let count = Atomic<Int>(0)

    static var isThere: Bool { count.load(ordering: .relaxed) > 0 }

    /// Has this process take notice. A handler, as programs that are started inherit what is ignored.
    static func follow() {
        count.store(0, ordering: .relaxed)
        // The pipe to a coprocess that was killed.
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
