import Glibc
import Synchronization

/// The number of a process that is restarted, shared between threads.
final class RunningProcess: Sendable {
    private let value = Atomic<pid_t>(0)

    /// `nil` while it does not run.
    var number: pid_t? {
        get {
            let number = value.load(ordering: .relaxed)
            return number > 0 ? number : nil
        }
        set { value.store(newValue ?? 0, ordering: .relaxed) }
    }
}
