import Answering
import Image
import Platform
import State

extension RolloutContext {
    /// Refuses to continue if current drains break a safety rule of the new image.
    ///
    /// - Parameters:
    ///   - rules: the rules of the new side when it was compiled, whatever its file says now.
    ///   - source: the file that it was compiled from.
    func checkSafety(_ rules: SafetyRules, of source: String) throws(Refusal) {
        guard let breach = rules.breach(in: state, at: now) else { return }
        throw Refusal(
            message: "with what is drained now, \(source) breaks its \(breach.words); undrain first", code: .wrong)
    }

    /// Refuses to continue a rollout if its image is unusable, or current drains break one of its safety rules.
    ///
    /// - Parameter isSummed: whether to read the whole image and verify its checksum.
    func checkSafety(_ rollout: Rollout, isSummed: Bool = false) throws(Refusal) {
        let summary: ImageSummary
        do throws(Image.Refusal) {
            try checkFormat(rollout)
            summary = try store.candidateSummary(of: rollout.id, isSummed: isSummed)
        } catch {
            throw Self.unusable(error)
        }
        try checkSafety(summary.manifest.safety, of: rollout.source)
    }

    /// Aborts a rollout of any configuration if a new switch breaks a safety rule of its image.
    ///
    /// - Parameter canBreak: whether the switch can break a rule; an `undrain` cannot.
    /// - Returns: notes to print.
    static func abortIfUnsafe(_ state: StateDirectory, by user: String, at now: Int, canBreak: Bool) -> [String] {
        guard let rollout = (try? state.rollout())?.value, rollout.isRunning, rollout.part != .dark else { return [] }
        let rules: SafetyRules
        do throws(Image.Refusal) {
            guard let store = ImageStore.named(rollout.images, in: state) else {
                throw Image.Refusal("its images are gone, or have another format than this program's")
            }
            rules = try store.candidateSummary(of: rollout.id).manifest.safety
        } catch {
            guard canBreak else { return [] }
            return ["cannot determine whether that breaks a safety rule of the rollout \(rollout.id): \(error)"]
        }
        guard let breach = rules.breach(in: state, at: now) else { return [] }
        let reason = "what is drained breaks its \(breach.words)"
        do throws(StateDirectory.Failure) {
            guard try state.abort(rollout, because: reason, by: user, at: now) else { return [] }
            for store in ImageStore.all(in: state) { store.removeCandidate(of: rollout.id) }
            return ["the rollout \(rollout.id) is aborted: \(reason)"]
        } catch {
            return ["the rollout \(rollout.id) should be aborted, as \(reason), but: \(error)"]
        }
    }
}

extension SafetyRules {
    /// Returns the rule that current drains break; `nil` if there is none.
    fileprivate func breach(in state: StateDirectory, at now: Int) -> SafetyBreach? {
        let switches = ((try? state.switches())?.value ?? []).filter { $0.isInForce(at: now) }
        return breaches(from: [], to: switches).first
    }
}
