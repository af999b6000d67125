import Dispatch

/// Runs tasks in threads of its own. Blocking tests can occupy all threads of the default executor, so that tasks there
/// would have to wait until those tests have ended.
package final class DedicatedExecutor: TaskExecutor {
    package static let shared = DedicatedExecutor()

    private let queue = DispatchQueue(label: "tests", attributes: .concurrent)

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
