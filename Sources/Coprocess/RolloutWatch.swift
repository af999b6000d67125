import Answering
import Glibc
import Platform
import State

/// Aborts a rollout that fails its conditions. The coprocess that holds `rollout.lock` does this for all.
struct RolloutWatch: ~Copyable {
    /// The descriptor of the lock; -1 if this process does not hold it.
    private var lock: CInt = -1
    /// In milliseconds on the monotonic clock.
    private var lastCheck = 0
    /// The state of the new image's file when it was last found valid, or could not be restored.
    private var seen: FileState?
    /// Whether the last attempt to restore the image failed.
    private var hasFailed = false

    /// The minimum time between two checks, in milliseconds.
    private static let interval = 1_000

    deinit { if lock >= 0 { close(lock) } }

    /// Checks once whether there is a reason to abort, and aborts the rollout if there is.
    ///
    /// - Parameters:
    ///   - configuration: the configuration that the coprocess serves.
    ///   - new: the new image; `nil` if it is not mapped.
    ///   - printError: logs why it was aborted, or why that failed.
    mutating func check(
        _ rollout: Rollout?, _ configuration: String, _ store: ImageStore?, new: Snapshot?, switches: [Switch],
        health: HealthReport?, _ printError: (String) -> Void
    ) {
        guard let rollout, rollout.isRunning, let new, let store else {
            if lock >= 0 { close(lock) }
            lock = -1
            return
        }
        guard milliseconds() - lastCheck >= Self.interval else { return }
        lastCheck = milliseconds()
        let state = store.state
        guard hold(state) else { return }
        keepImage(of: rollout, new, store, printError)
        let now = time(nil)
        let tally = state.coprocesses(of: configuration).compactMap(\.rolloutTally).reduce(into: RolloutTotals(), +=)
        guard
            let reason = rollout.reasonToAbort(
                tally, new: new, down: Set(health?.down(at: now).keys ?? [:].keys),
                switches: switches.filter { $0.isInForce(at: now) })
        else { return }
        do throws(StateDirectory.Failure) {
            guard try state.abort(rollout, because: reason, by: "geopipe[\(getpid())]", at: now) else { return }
            store.removeCandidate(of: rollout.id)
            printError("aborted the rollout \(rollout.id): \(reason)")
        } catch {
            printError("cannot abort the rollout \(rollout.id), although \(reason): \(error)")
        }
    }

    /// Restores the file of the new image if it is gone or damaged. Without it, coprocesses that start would answer
    /// from another image than those that run.
    private mutating func keepImage(
        of rollout: Rollout, _ new: Snapshot, _ store: ImageStore, _ printError: (String) -> Void
    ) {
        // The whole file is read once, and again after it has changed.
        let file = store.candidateFile(of: rollout.id)
        let state = FileState(file)
        guard state != seen || state == .nothing else { return }
        seen = state
        do throws(StateDirectory.Failure) {
            guard try store.restoreCandidate(new.image, of: rollout.id) else { return }
            seen = FileState(file)
            hasFailed = false
            printError("the image of the rollout \(rollout.id) was gone or damaged, and is written again")
        } catch {
            if !hasFailed {
                printError(
                    "the image of the rollout \(rollout.id) is gone or damaged, and cannot be written again: \(error)")
            }
            hasFailed = true
        }
    }

    private mutating func hold(_ state: StateDirectory) -> Bool {
        if lock >= 0 { return true }
        let descriptor = state.openLock("rollout.lock")
        guard descriptor >= 0 else { return false }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return false
        }
        lock = descriptor
        return true
    }
}
