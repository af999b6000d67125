import ArgumentParser
import Image
import Platform
import State

struct RolloutAbort: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Give all clients the image in force again, immediately.",
        discussion: """
            Any user who can write to the state directory may do this. If geopipe has aborted the rollout automatically, this \
            acknowledges it: `status` no longer exits 1.
            """)

    @Option(help: ArgumentHelp("The reason, shown by history.", valueName: "text"))
    var reason = ""

    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        let last: Rollout?
        do throws(Refusal) {
            last = try desk.found().value
        } catch {
            last = nil
        }
        guard let last else { return try endLost(desk) }
        if last.progress == .aborted, desk.isOwn(last), last.end?.isAutomatic == true || last.hasBegunCommit {
            return try confirm(desk, last)
        }
        var id = ""
        var outcome = try desk.change(needsOwner: false) { rollout, outcome throws(Refusal) in
            id = rollout.id
            outcome.lines = ["aborted: all clients get the image in force"]
            undoBegunCommit(desk, rollout, &outcome)
            rollout.progress = .aborted
            rollout.end = Rollout.End(user: desk.user, time: desk.now, reason: reason)
            return desk.entry(.rolloutAbort, rollout.id, reason: reason)
        }
        let followers = desk.wait()
        desk.store.removeCandidate(of: id)
        outcome.followers = followers
        outcome.isWrong = outcome.isWrong || followers.count < followers.all
        return outcome
    }

    /// Restores the previous configuration if a commit was killed. A failure keeps no client from the image in force.
    private func undoBegunCommit(_ desk: RolloutContext, _ rollout: Rollout, _ outcome: inout RolloutOutcome) {
        guard desk.isOwn(rollout), rollout.hasBegunCommit else { return }
        do throws(StateDirectory.Failure) {
            outcome.lines.append(rollout.undoneWords(kept: try rollout.undoBegunCommit()))
        } catch {
            outcome.notes.append(
                "\(rollout.begunWords), and the previous configuration cannot be restored: \(error); geopipe rollout abort tries that again"
            )
            outcome.isWrong = true
        }
    }

    /// Ends a rollout whose files are gone or corrupt, which no coprocess follows.
    private func endLost(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        var outcome = RolloutOutcome()
        let lost: (last: HistoryEntry?, isPutAside: Bool)?
        do throws(StateDirectory.Failure) {
            let words = "its files were missing" + (reason.isEmpty ? "" : ": \(reason)")
            lost = try desk.state.endLostRollout(by: desk.user, at: desk.now, reason: words)
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
        guard let lost else { throw RolloutContext.nothingRuns }
        if lost.isPutAside {
            outcome.notes.append("\(desk.state.rolloutFile) is now \(desk.state.rolloutFile).untrusted")
        }
        let id = lost.last.map { " \($0.datacenter)" } ?? ""
        outcome.lines = [
            "aborted\(id), whose files were missing or corrupt: all clients get the image in force"
        ]
        for store in ImageStore.all(in: desk.state) { store.removeCandidates() }
        return outcome
    }

    private func confirm(_ desk: RolloutContext, _ last: Rollout) throws(Refusal) -> RolloutOutcome {
        var outcome = RolloutOutcome()
        let notes = try desk.write { known in
            guard var rollout = known, rollout.id == last.id, rollout.progress == .aborted else { return nil }
            undoBegunCommit(desk, rollout, &outcome)
            guard rollout.end?.isAutomatic == true else { return nil }
            rollout.end!.isAutomatic = false
            return (rollout, desk.entry(.rolloutSeen, rollout.id, reason: rollout.end!.reason))
        }
        outcome.notes += notes
        if last.end?.isAutomatic == true {
            outcome.lines.insert(
                "the rollout \(last.id) was aborted automatically before: \(last.end?.reason ?? "")", at: 0)
        }
        return outcome
    }
}
