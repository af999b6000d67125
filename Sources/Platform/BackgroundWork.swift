import Glibc

/// Work that another thread does while this thread goes on.
public final class BackgroundWork<Result: Sendable>: @unchecked Sendable {
    private let work: @Sendable () -> Result
    private let isDone: UnsafeMutablePointer<sem_t>
    private var isStarted = false
    /// The result. The thread writes it before it posts `isDone`; `wait` reads it after that.
    private var result: Result?

    /// Begins the work in a thread. If no thread can be started, or this process has a low priority, `wait` does the
    /// work: a second thread would take cores from the coprocesses that answer.
    public init(_ work: @escaping @Sendable () -> Result) {
        self.work = work
        isDone = .allocate(capacity: 1)
        sem_init(isDone, 0, 0)
        isStarted =
            coresToUse > 1
            && startThread { [self] in
                result = work()
                sem_post(isDone)
            }
    }

    deinit {
        sem_destroy(isDone)
        isDone.deallocate()
    }

    /// Waits until the work is done, and returns its result. Call it once.
    public func wait() -> Result {
        guard isStarted else { return work() }
        while sem_wait(isDone) != 0, errno == EINTR {}
        return result!
    }
}
