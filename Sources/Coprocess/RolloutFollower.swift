import Answering
import Platform
import State

/// Follows the rollout in the state directory: has its new image mapped while it runs, and counts across images.
struct RolloutFollower {
    /// What the file says; `nil` if there is none that can be trusted.
    private(set) var rollout: Rollout?
    /// The identity of the text that it was read from.
    private var identity: String?
    /// The new image, and the rollout that it is of.
    private var loaded: (rollout: String, snapshot: Snapshot)?
    private var differences: RolloutDifferences?
    private var counts: RolloutCounts?
    /// Of `differences`; found after these are in force.
    private var stability: RolloutStability?
    /// What was counted before the image in force was another one.
    private var past = RolloutTotals()
    /// What is limited on the new side.
    private var limits = Limits()
    /// Why the new side does not answer although a rollout runs.
    private(set) var diagnostic: String?
    /// What has been said since the file has changed.
    private var said: Set<String> = []
    /// When what has failed is tried again, in milliseconds on the monotonic clock; `nil` if nothing has failed that may pass.
    private var retryAt: Int?
    /// Milliseconds until it is tried again if it fails once more.
    private var pause = RolloutFollower.pauses.lowerBound

    /// Milliseconds between two attempts: what fails for long is tried less often.
    static let pauses = 1_000...8_000

    /// The rollout that the new side answers; `nil` if none does.
    private var running: Rollout? { loaded == nil ? nil : rollout }

    /// The identity of the rollout that is followed; `nil` if there is none, or it cannot be followed.
    var followed: String? { diagnostic == nil ? identity : nil }

    /// The new image, while the new side answers.
    var snapshot: Snapshot? { loaded?.snapshot }

    /// What was counted since the rollout was adopted; `nil` if none is followed.
    var tally: RolloutTotals? {
        guard running != nil else { return nil }
        var sum = past
        if let counts { sum += counts.tally }
        return sum
    }

    /// Reads what the file says, as it has changed. If it cannot be trusted the old side answers all clients.
    mutating func read(_ state: StateDirectory?, _ printError: (String) -> Void) {
        pause = Self.pauses.lowerBound
        said = []
        readAgain(state, printError)
    }

    private mutating func readAgain(_ state: StateDirectory?, _ printError: (String) -> Void) {
        (rollout, identity, diagnostic, retryAt) = (nil, nil, nil, nil)
        guard let state else { return }
        do throws(StateDirectory.Failure) {
            let found = try state.rollout()
            if let diagnostic = found.diagnostic { say(diagnostic, printError) }
            (rollout, identity) = (found.value, found.identity)
        } catch {
            fail("\(error); all clients get the image in force", printError)
            retryAt = milliseconds() + pause
        }
    }

    /// Tries again what has failed, such as for want of memory, if it is time to. It is tried until it works, or there is nothing to
    /// follow any more.
    ///
    /// - Parameter now: in milliseconds on the monotonic clock.
    /// - Returns: whether `candidate` gives something else now.
    mutating func retry(
        _ state: StateDirectory?, _ store: ImageStore?, at now: Int, _ printError: (String) -> Void
    ) -> Bool {
        guard let due = retryAt, due <= now else { return false }
        pause = min(pause * 2, Self.pauses.upperBound)
        readAgain(state, printError)
        guard let rollout, rollout.isRunning, let store, ImageStore.isSame(rollout.images, store.name) else {
            return false
        }
        return load(rollout, store, printError)
    }

    /// Says a thing once.
    private mutating func say(_ words: String, _ printError: (String) -> Void) {
        if said.insert(words).inserted { printError(words) }
    }

    private mutating func fail(_ reason: String, _ printError: (String) -> Void) {
        diagnostic = reason
        say(reason, printError)
    }

    /// What a part of the clients is answered from; `nil` if nothing is rolled out, and what the last rollout took is given back then.
    ///
    /// - Parameters:
    ///   - old: the image in force.
    ///   - store: where the new image is.
    mutating func candidate(
        for old: Snapshot, _ store: ImageStore?, switches: [Switch], health: HealthReport?, at time: Int,
        _ printError: (String) -> Void
    ) -> Candidate? {
        guard let rollout, rollout.isRunning, let store, ImageStore.isSame(rollout.images, store.name),
            load(rollout, store, printError),
            let new = loaded?.snapshot
        else {
            (loaded, differences, counts, stability, past, limits) = (nil, nil, nil, nil, RolloutTotals(), Limits())
            return nil
        }
        if differences?.old !== old || differences?.new !== new {
            if let counts { past += counts.tally }
            let differences = RolloutDifferences(from: old, to: new)
            self.differences = differences
            stability = nil
            counts = RolloutCounts(differences)
        }
        let serving = Serving(new, switches: switches, health: health, at: time)
        limits = serving.limits
        return Candidate(rollout, serving, differences!, counts!, stability)
    }

    /// Finds out for which clients both sides need not be asked, which takes its time, if that is not known yet.
    ///
    /// - Returns: whether it did.
    mutating func findStability() -> Bool {
        guard let differences, stability == nil else { return false }
        stability = RolloutStability(differences)
        return true
    }

    /// Whether the new side has other limits than when `candidate` was called.
    func hasOtherLimits(_ health: HealthReport?, at time: Int) -> Bool {
        loaded.map { $0.snapshot.limits(health, at: time) != limits } ?? false
    }

    /// Maps the new image, unless that is done.
    private mutating func load(_ rollout: Rollout, _ store: ImageStore, _ printError: (String) -> Void) -> Bool {
        if loaded?.rollout == rollout.id, loaded?.snapshot.image.id == rollout.new { return true }
        loaded = nil
        // What was counted is of another rollout.
        (counts, past) = (nil, RolloutTotals())
        var reason: String
        var mayPass = true
        if rollout.images != store.name {
            reason = "its image has another format than this program's; abort it, and start it again"
            mayPass = false
        } else {
            do {
                let snapshot = try Snapshot(path: store.candidateFile(of: rollout.id), owners: store.owners)
                if snapshot.image.id == rollout.new {
                    loaded = (rollout.id, snapshot)
                    (diagnostic, retryAt) = (nil, nil)
                    return true
                }
                reason = "its image is \(snapshot.image.id), and should be \(rollout.new)"
            } catch {
                reason = "\(error)"
            }
        }
        fail("the rollout \(rollout.id) is not followed: \(reason); all clients get the image in force", printError)
        retryAt = mayPass ? milliseconds() + pause : nil
        return false
    }
}
