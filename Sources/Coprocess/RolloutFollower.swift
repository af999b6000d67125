import Answering
import Platform
import State

/// Follows the rollout in the state directory: maps its new image while it runs, and sums its counts over changes of
/// the image in force.
struct RolloutFollower {
    /// The rollout in the file; `nil` if there is none, or the file is corrupt.
    private(set) var rollout: Rollout?
    /// The identity of the text that it was read from.
    private var identity: String?
    /// The new image, and the id of its rollout.
    private var loaded: (rollout: String, snapshot: Snapshot)?
    private var differences: RolloutDifferences?
    private var counts: RolloutCounts?
    /// The stability of `differences`, computed after these are in force.
    private var stability: RolloutStability?
    /// The counts from before the image in force changed.
    private var past = RolloutTotals()
    /// The weights and shares of the new side.
    private var weightsAndShares = WeightsAndShares()
    /// Why the new side does not answer although a rollout runs.
    private(set) var diagnostic: String?
    /// The messages logged since the file changed.
    private var logged: Set<String> = []
    /// When a failure is retried, in milliseconds on the monotonic clock; `nil` if there is none, or it cannot pass
    /// by itself.
    private var retryAt: Int?
    /// Milliseconds until the next retry.
    private var pause = RolloutFollower.pauses.lowerBound

    /// The range of the pause between two retries, in milliseconds; it doubles after each failure.
    static let pauses = 1_000...8_000

    /// The rollout that the new side answers; `nil` if none does.
    private var running: Rollout? { loaded == nil ? nil : rollout }

    /// The identity of the rollout that is followed; `nil` if there is none, or it cannot be followed.
    var followed: String? { diagnostic == nil ? identity : nil }

    /// The new image, while the new side answers.
    var snapshot: Snapshot? { loaded?.snapshot }

    /// The counts since the rollout was adopted; `nil` if none is followed.
    var tally: RolloutTotals? {
        guard running != nil else { return nil }
        var sum = past
        if let counts { sum += counts.tally }
        return sum
    }

    /// Reads the file after it has changed. If it is corrupt, the old side answers all clients.
    mutating func read(_ state: StateDirectory?, _ printError: (String) -> Void) {
        pause = Self.pauses.lowerBound
        logged = []
        readAgain(state, printError)
    }

    private mutating func readAgain(_ state: StateDirectory?, _ printError: (String) -> Void) {
        (rollout, identity, diagnostic, retryAt) = (nil, nil, nil, nil)
        guard let state else { return }
        do throws(StateDirectory.Failure) {
            let found = try state.rollout()
            if let diagnostic = found.diagnostic { logOnce(diagnostic, printError) }
            (rollout, identity) = (found.value, found.identity)
        } catch {
            fail("\(error); all clients get the image in force", printError)
            retryAt = milliseconds() + pause
        }
    }

    /// Retries after a failure, such as too little memory, if a retry is due. Retries continue until one succeeds or
    /// the rollout is over.
    ///
    /// - Parameter now: in milliseconds on the monotonic clock.
    /// - Returns: whether `candidate` returns another value now.
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

    /// Logs a message once.
    private mutating func logOnce(_ message: String, _ printError: (String) -> Void) {
        if logged.insert(message).inserted { printError(message) }
    }

    private mutating func fail(_ reason: String, _ printError: (String) -> Void) {
        diagnostic = reason
        logOnce(reason, printError)
    }

    /// Returns the new side, which answers a part of the clients; `nil` if no rollout runs. Then the memory of the
    /// last rollout is released.
    ///
    /// - Parameters:
    ///   - old: the image in force.
    ///   - store: the store of the new image.
    mutating func candidate(
        for old: Snapshot, _ store: ImageStore?, switches: [Switch], health: HealthReport?, at time: Int,
        _ printError: (String) -> Void
    ) -> Candidate? {
        guard let rollout, rollout.isRunning, let store, ImageStore.isSame(rollout.images, store.name),
            load(rollout, store, printError),
            let new = loaded?.snapshot
        else {
            (loaded, differences, counts, stability, past, weightsAndShares) = (
                nil, nil, nil, nil, RolloutTotals(), WeightsAndShares()
            )
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
        weightsAndShares = serving.weightsAndShares
        return Candidate(rollout, serving, differences!, counts!, stability)
    }

    /// Computes the stable lists of the rollout, if that is not done yet. Takes up to a second.
    ///
    /// - Returns: whether it did.
    mutating func findStability() -> Bool {
        guard let differences, stability == nil else { return false }
        stability = RolloutStability(differences)
        return true
    }

    /// Whether the weights and shares of the new side have changed since `candidate` was called.
    func hasOtherLimits(_ health: HealthReport?, at time: Int) -> Bool {
        loaded.map { $0.snapshot.weightsAndShares(health, at: time) != weightsAndShares } ?? false
    }

    /// Maps the new image, unless that is done.
    private mutating func load(_ rollout: Rollout, _ store: ImageStore, _ printError: (String) -> Void) -> Bool {
        if loaded?.rollout == rollout.id, loaded?.snapshot.image.id == rollout.new { return true }
        loaded = nil
        // The counts belong to another rollout.
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
