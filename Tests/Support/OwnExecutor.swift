import Dispatch

/// Runs tasks in threads of its own. Tasks of the usual kind wait until the tests that hold its threads have ended, all of them.
package final class OwnExecutor: TaskExecutor {
    package static let shared = OwnExecutor()

    private let queue = DispatchQueue(label: "tests", attributes: .concurrent)

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
