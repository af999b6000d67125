import Scaling

extension Part {
    /// Reports throughput by receivers and by distributors of one pdns.
    init(threads: Measurements) {
        let axes = [("receivers", "receiver-threads"), ("distributors", "distributor-threads, one receiver")]
        var curves: [Chart.Curve] = []
        for (series, name) in axes {
            let samples = threads[series, "per_second"]
            guard !samples.numbers.isEmpty else { continue }
            laws.append(LawRow(name, samples, unit: "answers/s"))
            curves.append(Chart.Curve(name, samples, Fit<UniversalScalability>(samples)))
        }
        let charts = curves.map {
            Chart(title: "Answers by threads of pdns", across: "threads", upwards: "answers/s", curves: [$0])
        }
        picture(
            "scale-threads.svg",
            Picture(
                title: "Answers a second against threads of pdns",
                description:
                    "Answers a second of one pdns against its receiver threads, and against its distributor threads: each"
                    + " measurement, medians, the fitted law and its 95% band. The tables have the figures.",
                charts: charts))
        for (series, name) in axes {
            let samples = threads[series, "per_second"]
            guard let first = samples.numbers.first, let one = samples[first].first.map({ _ in samples[first].median })
            else { continue }
            table(
                [
                    name, "answers/s (95%)", "× of \(fixed(first))", "CPU of an answer: pdns, geopipe, load",
                    "cores busy",
                ],
                samples.numbers.map { number in
                    let parts = ["pdns_us", "geopipe_us", "load_us"].map { threads[series, $0][number].median }
                    let median = samples[number].median
                    return [
                        fixed(number), "\(fixed(median)) (\(short(medianInterval(samples[number]))))",
                        fixed(median / one, 2),
                        parts.map { fixed($0, 1) }.joined(separator: ", ") + " µs",
                        fixed(median * parts.reduce(0, +) / 1e6, 2),
                    ]
                })
        }
    }
}
