import Scaling

extension Part {
    /// Reports the cost of a question by names, networks, maps, services and datacenters, and the counts of valgrind.
    init(sizes: [(name: String, measured: Measurements)], counted: Measurements?) {
        var charts: [Chart] = []
        var rows: [[String]] = []
        var counts: [[String]] = []
        var through: [[String]] = []
        for (name, measured) in sizes {
            let samples = measured["question", "bulk_turn_ns"]
            guard let first = samples.numbers.first, let last = samples.numbers.last, first < last else { continue }
            let fit = Fit<SizeLaw>(samples)
            charts.append(
                Chart(
                    title: "CPU of a question, by \(name)", across: name, upwards: "ns", isLogarithmic: true,
                    curves: [Chart.Curve("through a pipe, many at once", samples, fit, isLogarithmic: true)]))
            sizeLaws.append(LawRow(name, throughput(samples), unit: "M questions/s"))
            let growth = samples[last].median / samples[first].median,
                interval = ratioInterval(samples[last], to: samples[first])
            let pdns = measured["pdns", "per_second"]
            let span = "\(name): \(fixed(first)) to \(fixed(last))"
            if pdns.numbers.count == 2 { through.append(throughRow(span, measured)) }
            let keeps = measured["pdns that keeps denials", "per_second"]
            if pdns.numbers.count == 2, keeps.numbers == [last] {
                through.append(keepingRow("\(name): \(fixed(last)) with negquery-cache-ttl=60", measured, last, pdns))
            }
            rows.append([
                span,
                "\(fixed(samples[first].median)) to \(fixed(samples[last].median)) ns",
                "\(fixed(growth, 2)) (\(fixed(interval.low, 2)) to \(fixed(interval.high, 2)))",
                fit.map { described($0) } ?? "–", fit.map { "\(fixed($0.deviation * 100)) %" } ?? "–",
                "\(fixed((measured["image", "bytes"][last].first ?? 0) / 1e6)) MB",
                "\(fixed(measured["compile", "cpu_s"][last].first ?? 0, 1)) s",
            ])
            if let counted { counts.append(contentsOf: countedRow(name, counted)) }
        }
        picture(
            "scale-sizes.svg",
            Picture(
                title: "CPU of a question against the size of what is served",
                description:
                    "CPU time of a question through a pipe against the number of \(sizes.map(\.name).joined(separator: ", ")):"
                    + " each measurement, medians, the fitted law of the size and its 95% band. The table has the figures.",
                charts: charts))
        table(
            [
                "from the smallest to the largest", "CPU of a question", "× (95%)", "law: ten times as many cost",
                "off by at most", "image of the largest", "compiled in, CPU",
            ], rows)
        table(
            [
                "through pdns, all on one core", "answers/s", "× (95%)", "CPU of pdns, of an answer", "CPU of geopipe",
            ], through)
        table(
            [
                "valgrind counts per question", "instructions", "L1 misses",
                "misses of a second cache of 1 MB",
            ], counts)
        paragraph(
            """
            The law X(N) is about what adds throughput. The next table fits it to the questions a second of one core, with the smallest \
            size as N = 1. Here σ of 1 or more does not mean contention: a larger size simply adds no throughput.
            """)
        table(["by size", "λ", "σ (95%)", "κ (95%)", "off by at most", "fits as a curve"], sizeLaws.map(\.cells))
    }
}

private func throughRow(_ span: String, _ measured: Measurements) -> [String] {
    let answers = measured["pdns", "per_second"], small = answers.values[0], large = answers.values[1]
    func cell(_ figure: String) -> String {
        measured["pdns", figure].medians.map { fixed($0, 1) }.joined(separator: " to ") + " µs"
    }
    return [
        span, "\(fixed(small.median)) to \(fixed(large.median))",
        "\(fixed(large.median / small.median, 2)) (\(rounded(ratioInterval(large, to: small))))", cell("pdns_us"),
        cell("geopipe_us"),
    ]
}

private func keepingRow(_ name: String, _ measured: Measurements, _ size: Double, _ pdns: Samples) -> [String] {
    let series = "pdns that keeps denials", answers = measured[series, "per_second"][size], small = pdns.values[0]
    return [
        name, fixed(answers.median),
        "\(fixed(answers.median / small.median, 2)) (\(rounded(ratioInterval(answers, to: small))))",
        "\(fixed(measured[series, "pdns_us"][size].median, 1)) µs",
        "\(fixed(measured[series, "geopipe_us"][size].median, 1)) µs",
    ]
}

private func throughput(_ costs: Samples) -> Samples {
    var samples = Samples()
    // The law starts at n = 1, so the smallest size counts as 1.
    for (number, values) in zip(costs.numbers, costs.values) {
        for value in values { samples.add(1e3 / value, at: number / costs.numbers[0]) }
    }
    return samples
}

private func described(_ fit: Fit<SizeLaw>) -> String {
    let interval = fit.interval(\.tenfold)
    let tenfold = "\(fixed(fit.law.tenfold, 2)) (\(rounded(interval)))"
    return switch fit.law.form {
    case .power: "power: × \(tenfold)"
    case .logarithm: "logarithm: \(tenfold) of the smallest"
    }
}

private func rounded(_ interval: Interval) -> String { "\(fixed(interval.low, 2)) to \(fixed(interval.high, 2))" }

private func countedRow(_ name: String, _ counted: Measurements) -> [[String]] {
    let instructions = counted["counted \(name)", "instructions"]
    guard instructions.numbers.count == 2 else { return [] }
    func cell(_ figure: String, _ decimals: Int) -> String {
        counted["counted \(name)", figure].medians.map { fixed($0, decimals) }.joined(separator: " to ")
    }
    return [
        [
            "\(name): \(instructions.numbers.map { fixed($0) }.joined(separator: " to "))", cell("instructions", 0),
            cell("l1_misses", 1),
            cell("l2_misses", 2),
        ]
    ]
}
