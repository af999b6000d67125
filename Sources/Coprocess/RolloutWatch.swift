import Answering
import Glibc
import Platform
import State

/// Aborts a rollout that goes wrong. One coprocess does that for all: the one that holds `rollout.lock`.
struct RolloutWatch: ~Copyable {
    /// -1 if another coprocess holds it, or it was not tried yet.
    private var lock: CInt = -1
    /// In milliseconds on the monotonic clock.
    private var lastLook = 0
    /// The file of the new image as it was when it was found sound, or could not be written again.
    private var seen: FileState?
    /// Whether an image that was gone could not be written again.
    private var hasFailed = false

    /// Milliseconds between two looks.
    private static let interval = 1_000

    deinit { if lock >= 0 { close(lock) } }

    /// Looks once whether there is a reason to abort, and does it then.
    ///
    /// - Parameters:
    ///   - configuration: what the coprocess serves.
    ///   - new: the new image; `nil` while it is not served.
    ///   - complain: says why it was aborted, or could not be.
    mutating func look(
        _ rollout: Rollout?, _ configuration: String, _ store: ImageStore?, new: Snapshot?, switches: [Switch],
        health: HealthReport?, _ printError: (String) -> Void
    ) {
        guard let rollout, rollout.isRunning, let new, let store else {
            if lock >= 0 { close(lock) }
            lock = -1
            return
        }
        guard milliseconds() - lastLook >= Self.interval else { return }
        lastLook = milliseconds()
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

    /// Writes the new image again if its file is gone or damaged: coprocesses that start need it, or they would answer from another image than those
    /// that run.
    private mutating func keepImage(
        of rollout: Rollout, _ new: Snapshot, _ store: ImageStore, _ printError: (String) -> Void
    ) {
        // All of it is read once, and when it has changed.
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
