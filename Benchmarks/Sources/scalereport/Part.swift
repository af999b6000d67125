import Scaling

/// A section of the report.
struct Part {
    var markdown = ""
    var laws: [LawRow] = []
    /// The law fitted to sizes, which it is not made for.
    var sizeLaws: [LawRow] = []
    var pictures: [(file: String, picture: Picture)] = []

    mutating func paragraph(_ text: String) { markdown += wrapped(text) + "\n\n" }

    mutating func table(_ heads: [String], _ rows: [[String]]) {
        guard !rows.isEmpty else { return }
        markdown +=
            "| " + heads.joined(separator: " | ") + " |\n|" + String(repeating: " --- |", count: heads.count) + "\n"
        for row in rows { markdown += "| " + row.joined(separator: " | ") + " |\n" }
        markdown += "\n"
    }

    mutating func picture(_ file: String, _ picture: Picture) {
        pictures.append((file, picture))
        markdown += "![\(picture.description)](images/\(file))\n\n"
    }
}

/// A row of the table of the law's coefficients.
struct LawRow {
    /// The largest relative deviation of a median from the curve with which the report says that a law holds.
    static let tolerance = 0.1

    let cells: [String]

    init(_ name: String, _ samples: Samples, unit: String) {
        guard let fit = Fit<UniversalScalability>(samples) else {
            self.init(cells: [name, "–", "–", "–", "–", "too few points"])
            return
        }
        self.init(name, fit.law, others: fit.others, deviation: fit.deviation, unit: unit)
    }

    init(_ name: String, _ law: UniversalScalability, others: [UniversalScalability], deviation: Double, unit: String) {
        func interval(_ figure: (UniversalScalability) -> Double) -> String {
            others.isEmpty ? "" : " (\(short(Interval(of: others.map(figure)))))"
        }
        self.init(cells: [
            name, "\(short(law.lambda)) \(unit)", short(law.sigma) + interval(\.sigma),
            short(law.kappa) + interval(\.kappa),
            "\(fixed(deviation * 100)) %", deviation <= Self.tolerance ? "yes" : "no",
        ])
    }

    private init(cells: [String]) { self.cells = cells }
}

/// Wraps a paragraph at 100 columns.
func wrapped(_ text: String) -> String {
    var lines: [String] = [""]
    for word in text.split(separator: " ") {
        if lines[lines.count - 1].count + 1 + word.count > 100 { lines.append("") }
        lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
    }
    return lines.joined(separator: "\n")
}

/// Returns 61 numbers from `low` to `high`, at equal distances or equal ratios.
func steps(_ low: Double, _ high: Double, isLogarithmic: Bool) -> [Double] {
    let count = 60
    return (0...count).map { step in
        let part = Double(step) / Double(count)
        return isLogarithmic ? low * power(high / low, part) : low + (high - low) * part
    }
}

/// Returns the 95% confidence interval of a median, by bootstrap.
func medianInterval(_ values: [Double]) -> Interval {
    var random = RandomBits(seed: 11)
    return Interval(of: (0..<1_000).map { _ in values.map { _ in values.randomElement(using: &random)! }.median })
}

/// Returns the 95% confidence interval of the ratio of two medians, by bootstrap.
func ratioInterval(_ values: [Double], to others: [Double]) -> Interval {
    var random = RandomBits(seed: 13)
    return Interval(
        of: (0..<1_000).map { _ in
            values.map { _ in values.randomElement(using: &random)! }.median
                / others.map { _ in others.randomElement(using: &random)! }.median
        })
}

extension Chart.Curve {
    /// Creates a curve of measurements and the law that fits them, if there is one.
    init<Law>(_ name: String, _ samples: Samples, _ fit: Fit<Law>?, isLogarithmic: Bool = false) {
        self.init(name)
        dots = zip(samples.numbers, samples.values).flatMap { number, values in values.map { (number, $0) } }
        circles = Array(zip(samples.numbers, samples.medians))
        guard let fit, let low = samples.numbers.first, let high = samples.numbers.last else { return }
        let places = steps(low, high, isLogarithmic: isLogarithmic)
        line = places.map { ($0, fit.value($0)) }
        band = places.map { ($0, fit.band($0)) }
    }
}
