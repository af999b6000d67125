import Configuration
import Platform
import State

extension RolloutDesk {
    /// The safety rule of a rollout's new configuration that is broken by what is drained; `nil` if none is. An image has no rules.
    static func breach(_ rollout: Rollout, _ state: StateDirectory, at now: Int) -> SafetyBreach? {
        guard rollout.isConfiguration,
            let configuration = try? Configuration.load(rollout.source, hasZones: false, advises: false)
        else { return nil }
        let switches = ((try? state.switches())?.value ?? []).filter { $0.isInForce(at: now) }
        return configuration.breaches(from: [], to: switches).first
    }

    /// Aborts a rollout that clients get, if what has just been switched breaks a safety rule of its configuration.
    ///
    /// - Returns: what there is to say about that.
    static func abortIfUnsafe(_ state: StateDirectory, by who: String, at now: Int) -> [String] {
        guard let rollout = (try? state.rollout())?.value, rollout.isRunning, rollout.part != .dark,
            let breach = breach(rollout, state, at: now)
        else { return [] }
        let reason = "what is drained breaks its \(breach.words)"
        do throws(StateDirectory.Failure) {
            guard try state.abort(rollout, because: reason, by: who, at: now) else { return [] }
            for store in ImageStore.all(in: state) { store.removeCandidate(of: rollout.id) }
            return ["the rollout \(rollout.id) is aborted: \(reason)"]
        } catch {
            return ["the rollout \(rollout.id) should be aborted, as \(reason), but: \(error)"]
        }
    }
}
