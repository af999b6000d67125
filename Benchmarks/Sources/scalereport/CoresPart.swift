import Scaling

/// Throughput by cores: measured, simulated for the same cores, and simulated for more cores than this machine has.
struct CoresPart {
    static let counts = [1, 2, 4, 8, 16, 32, 64]
    /// The number of bootstrap replicates of the simulation.
    static let replicates = 60
    let measured: Measurements
    var part = Part()
    /// The answers per second of pdns and geopipe on one core, with the load elsewhere.
    var oneCore: Double?

    init(_ measured: Measurements) {
        self.measured = measured
        guard let times = times(using: nil) else {
            part.paragraph("The service times are missing: measure with `make scale AXIS=cores`.")
            return
        }
        let alone = measured["alone 1", "per_second"][1]
        oneCore = alone.isEmpty ? 1e6 / (times.pdns + times.geopipe) : alone.median
        sayTimes(times)
        let factor = validate(times)
        pinned()
        extrapolate(times, factor)
    }

    /// Returns the service times of a question, measured with all processes on one core: there no time counts twice, and no core has
    /// to wake another one. With `random` it returns a bootstrap replicate.
    private func times(using random: RandomBits?) -> ClosedNetwork.Times? {
        var random = random
        func median(_ series: String, _ figure: String, _ number: Double) -> Double? {
            let values = measured[series, figure][number]
            guard !values.isEmpty else { return nil }
            guard random != nil else { return values.median }
            return values.map { _ in values.randomElement(using: &random!)! }.median
        }
        guard let pdns = median("shared 1", "pdns_us", 1), let geopipe = median("shared 1", "geopipe_us", 1),
            let load = median("shared 1", "load_us", 1)
        else { return nil }
        let take = (median("socket", "ns", 2) ?? median("socket", "ns", 1) ?? 0) / 1e3
        let alone = median("one question", "p50_us", 1) ?? pdns + geopipe + load
        return ClosedNetwork.Times(
            take: take, pdns: pdns, geopipe: geopipe, load: load, wake: max(alone - pdns - geopipe - load, 0) / 2)
    }

    private mutating func sayTimes(_ times: ClosedNetwork.Times) {
        part.paragraph(
            """
            Service times of a question, all on one core: pdns \(fixed(times.pdns, 1)) µs, geopipe \(fixed(times.geopipe, 1)) µs (the \
            kernel's pipe and the wait for it included), the load \(fixed(times.load, 1)) µs. Two threads that take from one socket get \
            a datagram each \(fixed(times.take, 2)) µs, together. A core that idles takes \(fixed(times.wake)) µs to begin.
            """)
    }

    private func simulated(_ series: String, _ number: Int, _ times: ClosedNetwork.Times) -> Double? {
        guard let cores = Int(series.split(separator: " ").last ?? "") ?? (series == "pinned" ? number : nil) else {
            return nil
        }
        func network(_ cores: Int, _ receivers: Int, _ outstanding: Int, _ load: ClosedNetwork.Load) -> Double {
            ClosedNetwork(
                times: times, cores: cores, receivers: receivers, outstanding: max(outstanding, 1), load: load
            )
            .throughput(questions: 20_000, seed: 1)
        }
        switch series {
        case "pinned": return Double(number) * network(1, 1, 64 / number, .among(1))
        case "alone 1": return network(1, number, 64, .beside(1))
        default: return network(cores, number, 64, .among(cores))
        }
    }

    /// Adds the table of measured and simulated throughputs. Returns the correction factor of the simulation: measured / simulated
    /// with two receivers per core, on the largest number of cores.
    private mutating func validate(_ times: ClosedNetwork.Times) -> Double {
        var rows: [[String]] = []
        var factor: (cores: Int, value: Double) = (1, 1)
        for series in measured.series(with: "per_second") where series != "one question" {
            let samples = measured[series, "per_second"]
            for number in samples.numbers {
                guard let simulated = simulated(series, Int(number), times) else { continue }
                let median = samples[number].median
                rows.append([
                    describe(series, Int(number)), "\(fixed(median)) (\(short(medianInterval(samples[number]))))",
                    fixed(simulated),
                    fixed(simulated / median, 2),
                ])
                if series.hasPrefix("shared "), let cores = Int(series.dropFirst(7)), Int(number) == 2 * cores,
                    cores > factor.cores
                {
                    factor = (cores, median / simulated)
                }
            }
        }
        part.table(["where pdns and geopipe run", "answers/s (95%)", "simulated", "×"], rows)
        return factor.value
    }

    private func describe(_ series: String, _ number: Int) -> String {
        let receivers = "\(number) receiver\(number == 1 ? "" : "s")"
        switch series {
        case "pinned": return "a pinned pdns on each of \(number) core\(number == 1 ? "" : "s"), the load there as well"
        case "alone 1": return "\(receivers) on one core, the load on another"
        case "shared 1": return "\(receivers) on one core, the load there as well"
        default: return "\(receivers) on \(series.dropFirst(7)) cores, the load there as well"
        }
    }

    /// Adds a paragraph about pinned servers. Two points cannot determine both σ and κ, only one sum of them.
    private mutating func pinned() {
        let samples = measured["pinned", "per_second"]
        guard let first = samples.numbers.first, let last = samples.numbers.last, first == 1, last > 1 else { return }
        let ratio = samples[last].median / samples[1].median
        let interval = ratioInterval(samples[last], to: samples[1])
        func loss(_ ratio: Double) -> Double { (last / ratio - 1) / (last - 1) }
        part.paragraph(
            """
            A pinned pdns on each of \(fixed(last)) cores answers \(fixed(ratio, 2)) times (\(fixed(interval.low, 2)) to \
            \(fixed(interval.high, 2))) as many as one on one core, which makes σ + \(fixed(last))κ \(fixed(loss(ratio), 3)) \
            (\(fixed(loss(interval.high), 3)) to \(fixed(loss(interval.low), 3))). Within the noise nothing is lost.
            """)
    }

    /// Simulates one pdns with two receivers per core at each of `counts` cores, with the load elsewhere.
    private func curve(_ times: ClosedNetwork.Times, _ factor: Double, seed: UInt64) -> [Double] {
        Self.counts.map { cores in
            let network = ClosedNetwork(
                times: times, cores: cores, receivers: 2 * cores, outstanding: 64 * cores, load: .elsewhere)
            return network.throughput(questions: 4_000 + 1_000 * cores, seed: seed) * factor
        }
    }

    private mutating func extrapolate(_ times: ClosedNetwork.Times, _ factor: Double) {
        let numbers = Self.counts.map(Double.init)
        let values = curve(times, factor, seed: 1)
        guard let law = UniversalScalability(fitting: values, at: numbers) else { return }
        var random = RandomBits(seed: 17)
        var others: [UniversalScalability] = []
        var all = values.map { [$0] }
        for replicate in 0..<Self.replicates {
            guard let resampled = self.times(using: RandomBits(seed: random.next())) else { continue }
            let other = curve(resampled, factor * resampledError(&random), seed: UInt64(replicate) + 2)
            for (index, value) in other.enumerated() { all[index].append(value) }
            if let law = UniversalScalability(fitting: other, at: numbers) { others.append(law) }
        }
        let deviation = zip(numbers, values).map { abs(law.throughput($0) / $1 - 1) }.max() ?? 0
        part.laws.append(
            LawRow(
                "cores, one pdns with two receivers each (simulated)", law, others: others, deviation: deviation,
                unit: "answers/s"))
        let pinned = numbers.map { $0 * (oneCore ?? 0) }
        part.paragraph(
            """
            Simulated from these times, not measured: one pdns with two receivers a core, and the load on other machines. The figures are \
            \(fixed(factor, 2)) of the simulated ones, which is the ratio of measurement to simulation on this machine. A pinned pdns on \
            each core, with an address for each, shares nothing: its column is the measured answers of one core, times the cores. Memory, \
            the network card and the kernel limit that; two cores do not show where.
            """)
        part.table(
            ["cores", "one pdns, simulated answers/s (95%)", "× of one core", "a pinned pdns on each, answers/s"],
            Self.counts.indices.map { index in
                [
                    "\(Self.counts[index])", "\(fixed(values[index])) (\(short(Interval(of: all[index]))))",
                    fixed(values[index] / values[0], 1), fixed(pinned[index]),
                ]
            })
        draw(law, others, values, pinned)
    }

    /// Returns a bootstrap replicate of the correction factor, relative to the factor.
    private func resampledError(_ random: inout RandomBits) -> Double {
        guard
            let series = measured.series(with: "per_second", prefix: "shared ").last(where: { series in
                Int(series.dropFirst(7)).map { !measured[series, "per_second"][Double(2 * $0)].isEmpty } ?? false
            }), let cores = Int(series.dropFirst(7))
        else { return 1 }
        let values = measured[series, "per_second"][Double(2 * cores)]
        return values.map { _ in values.randomElement(using: &random)! }.median / values.median
    }

    private mutating func draw(
        _ law: UniversalScalability, _ others: [UniversalScalability], _ values: [Double], _ pinned: [Double]
    ) {
        let numbers = Self.counts.map(Double.init)
        var one = Chart.Curve("one pdns, two receivers a core (simulated)")
        let places = steps(1, numbers[numbers.count - 1], isLogarithmic: false)
        one.circles = Array(zip(numbers, values))
        one.isSimulated = true
        one.line = places.map { ($0, law.throughput($0)) }
        one.band = places.map { number in (number, Interval(of: others.map { $0.throughput(number) })) }
        var each = Chart.Curve("a pinned pdns on each core (one core, times the cores)")
        each.circles = Array(zip(numbers, pinned))
        each.isSimulated = true
        let samples = measured["pinned", "per_second"]
        var measuredCurves = [Chart.Curve("pinned, a pdns a core (measured)", samples, Fit<UniversalScalability>?.none)]
        for (receivers, name) in [(2.0, "2 receivers (measured)"), (4.0, "4 receivers (measured)")] {
            var sharedSamples = Samples()
            for series in measured.series(with: "per_second", prefix: "shared ") {
                guard let cores = Double(series.dropFirst(7)) else { continue }
                for value in measured[series, "per_second"][receivers] { sharedSamples.add(value, at: cores) }
            }
            measuredCurves.append(Chart.Curve(name, sharedSamples, Fit<UniversalScalability>?.none))
        }
        for index in measuredCurves.indices { measuredCurves[index].line = measuredCurves[index].circles }
        part.picture(
            "scale-cores.svg",
            Picture(
                title: "Answers a second against cores",
                description:
                    "Answers a second against cores: on the left measured, with the load on the same cores; on the right"
                    + " simulated from measured service times, with the law fitted and its 95% band. The tables have the figures.",
                charts: [
                    Chart(
                        title: "Measured: the load is on the same cores", across: "cores", upwards: "answers/s",
                        curves: measuredCurves),
                    Chart(
                        title: "Simulated: the load is elsewhere", across: "cores", upwards: "answers/s",
                        curves: [one, each]),
                ]))
    }
}
