import Scaling

extension Part {
    /// Reports the frames that viewers of the live page get, and the answers meanwhile.
    init(viewers: Measurements) {
        let all = viewers["viewers", "frames_per_second"], answers = viewers["viewers", "per_second"]
        var frames = Samples()
        for number in all.numbers where number >= 1 { for value in all[number] { frames.add(value, at: number) } }
        guard let most = answers.numbers.last, answers.numbers.first == 0, !frames.numbers.isEmpty else { return }
        laws.append(LawRow("viewers of the live page", frames, unit: "frames/s"))
        picture(
            "scale-viewers.svg",
            Picture(
                title: "The live page against its viewers",
                description:
                    "On the left the frames a second that all viewers of the live page got, against their number, with the law"
                    + " fitted and its 95% band; on the right the answers a second meanwhile. The table has the figures.",
                charts: [
                    Chart(
                        title: "Frames that viewers got", across: "viewers", upwards: "frames/s",
                        curves: [Chart.Curve("all viewers together", frames, Fit<UniversalScalability>(frames))]),
                    Chart(
                        title: "Answers meanwhile, two questions outstanding", across: "viewers", upwards: "answers/s",
                        curves: [Chart.Curve("answers through pdns", answers, Fit<UniversalScalability>?.none)]),
                ]))
        table(
            ["viewers", "frames/s", "MB/s", "agent, of a core", "answers/s", "× of none (95%)"],
            answers.numbers.map { number in
                let ratio = ratioInterval(answers[number], to: answers[0])
                return [
                    fixed(number), fixed(all[number].median, 1),
                    fixed(viewers["viewers", "bytes_per_second"][number].median / 1e6, 2),
                    "\(fixed(viewers["viewers", "agent_cores"][number].median * 100, 2)) %",
                    fixed(answers[number].median),
                    number == 0
                        ? ""
                        : "\(fixed(answers[number].median / answers[0].median, 2)) (\(fixed(ratio.low, 2)) to \(fixed(ratio.high, 2)))",
                ]
            })
        paragraph(
            """
            The agent makes each frame once for all viewers, and lets no more than 64 in; \(fixed(most)) viewers took \
            \(fixed(viewers["viewers", "agent_cores"][most].median * 100, 1)) % of a core.
            """)
    }
}
