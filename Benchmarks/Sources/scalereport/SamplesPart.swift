import Scaling

extension Part {
    /// Reports in which code the cores are under load.
    init(samples: Measurements) {
        rows(samples, prefix: "part ", head: "of the time that all three have a core under load", most: 10)
        rows(samples, prefix: "symbol ", head: "functions of the kernel that take most of that", most: 8)
    }

    private mutating func rows(_ samples: Measurements, prefix: String, head: String, most: Int) {
        let series = samples.series(with: "percent", prefix: prefix)
        guard !series.isEmpty else { return }
        let numbers = Set(series.flatMap { samples[$0, "percent"].numbers }).sorted()
        func sum(_ series: String) -> Double { samples[series, "percent"].medians.reduce(0, +) }
        table(
            [head] + numbers.map { "\(fixed($0)) receiver\($0 == 1 ? "" : "s")" },
            series.sorted { sum($0) > sum($1) }.prefix(most).map { series in
                let name = String(series.dropFirst(prefix.count))
                return [prefix == "symbol " ? "`\(name)`" : name]
                    + numbers.map { number in samples[series, "percent"][number].first.map { "\(fixed($0, 1)) %" } ?? ""
                    }
            })
    }
}
