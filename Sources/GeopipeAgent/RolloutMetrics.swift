import State
import Telemetry

/// The metrics of a rollout. Its counts are sums over the running coprocesses, and fall when a coprocess ends.
enum RolloutMetrics {
    /// - Parameter coprocesses: the running coprocesses.
    static func write(to text: inout PrometheusText, _ directory: StateDirectory, _ coprocesses: [CoprocessStatus]) {
        let rollout = (try? directory.rollout())?.value
        text.metric("geopipe_rollout_running", .gauge, help: "Whether a rollout runs.")
        text.sample("geopipe_rollout_running", rollout?.isRunning == true ? 1 : 0)
        text.metric(
            "geopipe_rollout_aborted", .gauge, help: "Whether the last rollout was aborted by itself, and not seen yet."
        )
        text.sample("geopipe_rollout_aborted", rollout?.end?.isAutomatic == true ? 1 : 0)
        // All metrics exist without a rollout as well, so that alerts have a value to compare.
        let part = rollout.flatMap { $0.isRunning ? $0.part : nil }
        let tally = coprocesses.compactMap(\.rolloutTally).reduce(into: RolloutTotals(), +=)
        text.metric(
            "geopipe_rollout_share_percent", .gauge,
            help: "The part of the client networks that gets the new image; 0 also where places decide.")
        if case .share(let percent) = part {
            text.sample("geopipe_rollout_share_percent", percent)
        } else {
            text.sample("geopipe_rollout_share_percent", 0)
        }
        text.metric(
            "geopipe_rollout_followers", .gauge, help: "Coprocesses that know of the rollout, and have its image.")
        text.sample("geopipe_rollout_followers", coprocesses.count { $0.rolloutTally != nil })
        text.metric(
            "geopipe_rollout_compared_questions", .gauge, help: "Questions of clients for which both sides were asked.")
        text.sample("geopipe_rollout_compared_questions", tally.compared)
        text.metric(
            "geopipe_rollout_differing_questions", .gauge,
            help: "Those that both sides answer differently, by the client's country.")
        for (country, count) in tally.countries.sorted(by: { $0.key < $1.key }) {
            text.sample("geopipe_rollout_differing_questions", count, ["country": country])
        }
        text.metric("geopipe_rollout_questions", .gauge, help: "Questions by the side that answered or refused them.")
        for (name, side) in [("old", tally.old), ("new", tally.new)] {
            text.sample("geopipe_rollout_questions", side.answered, ["side": name, "result": "answered"])
            text.sample("geopipe_rollout_questions", side.refused, ["side": name, "result": "refused"])
        }
    }
}
