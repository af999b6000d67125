/// The final report of a run, and the violations that only its figures show.
struct Report {
    let seed: UInt64
    let seconds: Int
    let asked: Load.Figures
    let piped: PipeFigures
    /// The number of killed coprocesses of pdns.
    let kills: Int
    /// Each kind of action, and how often it was done.
    let actions: [(name: String, times: String)]
    let oracle: Oracle
    let journal: Journal

    /// The number of questions that a kill may lose: those of one thread of pdns until it has also given up the next
    /// coprocess, from which it reads before asking it anything.
    private var lossOfKill: Int { 6 * asked.asked / max(1, seconds) }

    func tell() {
        latencies()
        let delays = oracle.delays
        journal.tell(
            "\nlast answer from before a change: \(tenths(Double(delays.reload) / 1e9)) s after it for files, \(tenths(Double(delays.drain) / 1e9)) s for drains, \(tenths(Double(delays.rollout) / 1e9)) s for rollouts, \(tenths(Double(delays.health) / 1e9)) s for health"
        )
        journal.tell("growing shares judged by their figures: \(oracle.judgedRamps.load(ordering: .relaxed))")
        let sides = oracle.judgedSides
        journal.tell(
            "answers that told which side of a rollout a network has: \(sides.answers), \(sides.again) of them for a network that had told before"
        )
        journal.tell("\n| kind of action | times |\n| --- | --- |")
        for (name, times) in actions { journal.tell("| \(name) | \(times) |") }
        journal.tell("\n| what was done | times |\n| --- | --- |")
        for (kind, count) in journal.notes.sorted(by: { $0.key < $1.key }) { journal.tell("| \(kind) | \(count) |") }
        if asked.lostToKills > lossOfKill * kills {
            journal.violation("\(asked.lostToKills) questions were lost to \(kills) kills of coprocesses of pdns")
        }
        let dropped = asked.droppedQuestions + asked.droppedAnswers
        if asked.repeated > dropped {
            journal.violation(
                "\(asked.repeated) questions had no answer at first, and the kernel has dropped only \(dropped) datagrams"
            )
        }
        journal.tell(
            "\nseed \(seed), \(clockWords(seconds))\nthrough pdns: \(asked.asked) questions, \(asked.lost) not answered, and \(asked.lostToKills) lost to \(kills) kills; \(asked.hostile) hostile messages; \(asked.repeated) questions had no answer at first and were asked once more, and the kernel dropped \(asked.droppedQuestions) questions that pdns had not read in time, and \(asked.droppedAnswers) answers; questions were asked up to \(asked.delay / 1_000_000) ms late, as the machine was busy; the part of the soak that asks stood still for \(asked.pauses / 1_000_000) ms in all, and asked nothing for that time"
        )
        if piped.answered > 0 {
            journal.tell(
                "through pipes: \(piped.answered) questions, \(piped.judgedAlone) judged one by one and the others as the same bytes as such a one, \(piped.lostToKills) lost to \(piped.kills) kills; \(piped.hostile) hostile lines; the longest block of questions took \(piped.longest / 1_000_000) ms"
            )
        }
        journal.tell("\(asked.asked + piped.answered) questions in all, \(journal.violations) violations")
    }

    private func latencies() {
        journal.tell(
            "\n| what goes on | answers | p50 | p99 | p99.9 | longest |\n| --- | --- | --- | --- | --- | --- |")
        for phase in Phase.allCases {
            let latencies = asked.latencies[phase.rawValue]
            let columns = [0.5, 0.99, 0.999, 1].map { "\(tenths(latencies.quantile($0))) ms" }
            journal.tell("| \(phase) | \(latencies.count) | \(columns.joined(separator: " | ")) |")
        }
        let (loading, quiet) = (asked.latencies[Phase.reload.rawValue], asked.latencies[Phase.quiet.rawValue])
        func ratio(_ part: Double) -> String { tenths(loading.quantile(part) / quiet.quantile(part)) }
        if quiet.count > 0 {
            journal.tell(
                "\nwhile loading, and nothing else, as compared with quiet times: p50 \(ratio(0.5)) times, p99 \(ratio(0.99)) times (target: 2), p99.9 \(ratio(0.999)) times, of \(loading.count) and \(quiet.count) answers"
            )
        }
    }

    private func tenths(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
