import ArgumentParser
import Inspection
import Platform
import State

struct RolloutStatus: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the state of the rollout: which clients get it, and what differs.",
        discussion:
            "Exits 1 if it was aborted automatically, a commit was killed half-way, or a coprocess does not follow it.")

    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        var outcome = RolloutOutcome()
        let found = try desk.found()
        if let diagnostic = found.diagnostic { outcome.notes.append(diagnostic) }
        guard let report = try desk.report() else {
            if let other = found.value {
                outcome.lines = [
                    "no rollout of \(desk.options.file) runs; \(desk.otherWords(other)); to see how it goes, \(desk.wayToOther(other)):",
                    other.headline,
                ]
            } else if let lost = desk.state.lostRollout() {
                outcome.lines = [
                    Status.lostWords(lost),
                    "geopipe rollout abort acknowledges that, and geopipe rollout start starts a new one",
                ]
                outcome.isWrong = true
            } else if let last = desk.state.lastStep() {
                outcome.lines = ["no rollout runs; the last step: \(dateAndTime(last.time)) \(last.user) \(last.deed)"]
            } else {
                outcome.lines = ["no rollout runs, and there was never one"]
            }
            return outcome
        }
        outcome.lines = report.lines
        outcome.isWrong =
            report.rollout.end?.isAutomatic == true || report.diagnostic != nil || report.hasBegunCommit
            || report.rollout.isRunning && report.followers < report.coprocesses
        return outcome
    }
}
