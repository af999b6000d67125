import Glibc

/// Work that a thread of its own does while this one does something else.
public final class BackgroundWork<Result: Sendable>: @unchecked Sendable {
    private let work: @Sendable () -> Result
    private let isDone: UnsafeMutablePointer<sem_t>
    private var isStarted = false
    /// Written by the thread before `isDone` is posted, and read after that.
    private var result: Result?

    /// Begins the work. If there cannot be a thread, or this process gives way to others, `wait` does it: a second thread would
    /// take from the processes that answer the core that they have.
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

    /// Waits until the work is done. To be called once.
    public func wait() -> Result {
        guard isStarted else { return work() }
        while sem_wait(isDone) != 0, errno == EINTR {}
        return result!
    }
}
