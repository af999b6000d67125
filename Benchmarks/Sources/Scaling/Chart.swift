import Glibc

/// One chart of a picture: measured points, and curves with their confidence bands.
public struct Chart: Sendable {
    public struct Curve: Sendable {
        public let name: String
        /// The points of a line, in ascending order of their numbers.
        public var line: [(Double, Double)] = []
        /// The confidence band of the line: an interval at each number.
        public var band: [(Double, Interval)] = []
        /// Single measurements, as small dots.
        public var dots: [(Double, Double)] = []
        /// Medians of measurements, or results of a simulation, as circles.
        public var circles: [(Double, Double)] = []
        /// Whether the circles are hollow, because they come from a simulation.
        public var isSimulated = false

        public init(_ name: String) { self.name = name }
    }

    public var title: String
    public var across: String
    public var upwards: String
    /// Whether the horizontal axis is logarithmic.
    public var isLogarithmic: Bool
    public var curves: [Curve]

    public init(title: String, across: String, upwards: String, isLogarithmic: Bool = false, curves: [Curve]) {
        self.title = title
        self.across = across
        self.upwards = upwards
        self.isLogarithmic = isLogarithmic
        self.curves = curves
    }
}

/// Charts in two columns, as an SVG file for light and dark pages, in the reader's own fonts.
public struct Picture: Sendable {
    static let width = 430.0, height = 330.0
    static let left = 62.0, right = 16.0, top = 40.0, bottom = 48.0

    public var title: String
    /// The text alternative for readers who cannot see the picture.
    public var description: String
    public var charts: [Chart]

    public init(title: String, description: String, charts: [Chart]) {
        self.title = title
        self.description = description
        self.charts = charts
    }

    public var svg: String {
        let columns = min(charts.count, 2), rows = (charts.count + 1) / 2
        let width = Self.width * Double(max(columns, 1)), height = Self.height * Double(max(rows, 1))
        var svg = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(place(width)) \(place(height))" width="\(place(width))" \
            height="\(place(height))" role="img" aria-labelledby="title description">
            <title id="title">\(escaped(title))</title>
            <desc id="description">\(escaped(description))</desc>
            <style>
            \(Self.style)
            </style>
            <rect class="page" width="100%" height="100%"/>

            """
        for (index, chart) in charts.enumerated() {
            svg +=
                "<g transform=\"translate(\(place(Self.width * Double(index % 2))) \(place(Self.height * Double(index / 2))))\">\n"
            svg += Panel(chart).svg
            svg += "</g>\n"
        }
        return svg + "</svg>\n"
    }

    private static let style = """
        text { font: 12px system-ui, "Helvetica Neue", Arial, sans-serif; fill: #24292f }
        .heading { font-size: 13px; font-weight: 600 }
        .page { fill: #ffffff }
        .grid { stroke: #d0d7de; stroke-width: 1 }
        .c0 { color: #0a5fb4 } .c1 { color: #b5460f } .c2 { color: #1a7f37 }
        .line { fill: none; stroke: currentColor; stroke-width: 2 }
        .band { fill: currentColor; opacity: 0.18 }
        .dot { fill: currentColor; opacity: 0.35 }
        .circle { fill: currentColor }
        .hollow { fill: none; stroke: currentColor; stroke-width: 1.5 }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6edf3 }
          .page { fill: #0d1117 }
          .grid { stroke: #30363d }
          .c0 { color: #6cb6ff } .c1 { color: #f69d50 } .c2 { color: #6bc46d }
        }
        """
}

private struct Panel {
    let chart: Chart
    let across: Scale
    let upwards: Scale

    init(_ chart: Chart) {
        self.chart = chart
        let numbers = chart.curves.flatMap { $0.line.map(\.0) + $0.dots.map(\.0) + $0.circles.map(\.0) }
        let values = chart.curves.flatMap { curve in
            curve.line.map(\.1) + curve.dots.map(\.1) + curve.circles.map(\.1) + curve.band.map(\.1.high)
        }
        across = Scale(
            numbers, from: Picture.left, to: Picture.width - Picture.right, isLogarithmic: chart.isLogarithmic,
            hasZero: false)
        upwards = Scale(
            values, from: Picture.height - Picture.bottom, to: Picture.top + 16 * Double(chart.curves.count),
            isLogarithmic: false,
            hasZero: true)
    }

    var svg: String {
        let left = place(Picture.left), right = place(Picture.width - Picture.right)
        let bottom = place(Picture.height - Picture.bottom)
        var svg = "<text class=\"heading\" x=\"\(left)\" y=\"20\">\(escaped(chart.title))</text>\n"
        for tick in upwards.ticks {
            let y = upwards.position(tick)
            svg += "<line class=\"grid\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(place(y))\" y2=\"\(place(y))\"/>"
            svg +=
                "<text x=\"\(place(Picture.left - 6))\" y=\"\(place(y + 4))\" text-anchor=\"end\">\(label(tick))</text>\n"
        }
        for tick in across.ticks {
            let x = place(across.position(tick))
            svg +=
                "<line class=\"grid\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(bottom)\" y2=\"\(place(Picture.height - Picture.bottom + 4))\"/>"
            svg +=
                "<text x=\"\(x)\" y=\"\(place(Picture.height - Picture.bottom + 18))\" text-anchor=\"middle\">\(label(tick))</text>\n"
        }
        let middle = place((Picture.left + Picture.width - Picture.right) / 2)
        svg +=
            "<text x=\"\(middle)\" y=\"\(place(Picture.height - 10))\" text-anchor=\"middle\">\(escaped(chart.across))</text>\n"
        let half = place((Picture.top + Picture.height - Picture.bottom) / 2)
        svg +=
            "<text transform=\"translate(14 \(half)) rotate(-90)\" text-anchor=\"middle\">\(escaped(chart.upwards))</text>\n"
        for (index, curve) in chart.curves.enumerated() { svg += drawn(curve, index) }
        return svg
    }

    private func drawn(_ curve: Chart.Curve, _ index: Int) -> String {
        var svg = "<g class=\"c\(index % 3)\">\n"
        if !curve.band.isEmpty {
            let over = curve.band.map { point($0.0, $0.1.high) },
                under = curve.band.reversed().map { point($0.0, $0.1.low) }
            svg += "<polygon class=\"band\" points=\"\((over + under).joined(separator: " "))\"/>\n"
        }
        if !curve.line.isEmpty {
            svg +=
                "<polyline class=\"line\" points=\"\(curve.line.map { point($0.0, $0.1) }.joined(separator: " "))\"/>\n"
        }
        for dot in curve.dots { svg += circle("dot", dot, 2) }
        for middle in curve.circles { svg += circle(curve.isSimulated ? "hollow" : "circle", middle, 4) }
        let y = 36 + 16 * Double(index)
        svg +=
            "<rect class=\"circle\" x=\"\(place(Picture.left + 6))\" y=\"\(place(y - 9))\" width=\"10\" height=\"10\"/>"
        svg += "<text x=\"\(place(Picture.left + 22))\" y=\"\(place(y))\">\(escaped(curve.name))</text>\n"
        return svg + "</g>\n"
    }

    private func point(_ number: Double, _ value: Double) -> String {
        "\(place(across.position(number))),\(place(upwards.position(value)))"
    }

    private func circle(_ style: String, _ at: (Double, Double), _ radius: Double) -> String {
        "<circle class=\"\(style)\" cx=\"\(place(across.position(at.0)))\" cy=\"\(place(upwards.position(at.1)))\" r=\"\(place(radius))\"/>\n"
    }
}

/// The scale of an axis: converts numbers to coordinates.
private struct Scale {
    let ticks: [Double]
    private let low, high, from, to: Double
    private let isLogarithmic: Bool

    init(_ numbers: [Double], from: Double, to: Double, isLogarithmic: Bool, hasZero: Bool) {
        self.from = from
        self.to = to
        self.isLogarithmic = isLogarithmic
        let least = hasZero ? 0 : numbers.min() ?? 1, most = max(numbers.max() ?? 1, least + 1e-9)
        if isLogarithmic {
            low = log10(least)
            high = log10(most)
            ticks = Self.decades(from: least, to: most, steps: high - low < 2 ? [1, 2, 5] : [1])
        } else {
            let rough = Self.step(near: (most - least) / 5)
            // A scale of whole numbers, such as cores, has no ticks between them.
            let step = numbers.allSatisfy { $0 == $0.rounded() } ? max(rough, 1) : rough
            low = least
            high = hasZero ? (most / step).rounded(.up) * step : most
            ticks = Self.multiples(of: step, from: least, to: high)
        }
    }

    private static func decades(from least: Double, to most: Double, steps: [Double]) -> [Double] {
        var ticks: [Double] = []
        var decade = pow(10, log10(least).rounded(.down))
        while decade <= most * 1.001 {
            for step in steps where step * decade >= least * 0.999 && step * decade <= most * 1.001 {
                ticks.append(step * decade)
            }
            decade *= 10
        }
        return ticks
    }

    /// Returns the least number that is at least `rough` and 1, 2 or 5 times a power of ten.
    private static func step(near rough: Double) -> Double {
        let unit = pow(10, log10(rough).rounded(.down))
        for step: Double in [1, 2, 5] where step * unit >= rough { return step * unit }
        return 10 * unit
    }

    private static func multiples(of step: Double, from least: Double, to most: Double) -> [Double] {
        var ticks: [Double] = []
        var tick = (least / step).rounded(.up) * step
        while tick <= most * 1.001, ticks.count < 20 {
            ticks.append(tick)
            tick += step
        }
        return ticks
    }

    func position(_ number: Double) -> Double {
        let value = isLogarithmic ? log10(number) : number
        return from + (value - low) / max(high - low, 1e-12) * (to - from)
    }
}

private func place(_ value: Double) -> String {
    let text = fixed(value, 1).filter { $0 != "," }
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

private func label(_ value: Double) -> String {
    switch abs(value) {
    case 1e6...: short(value / 1e6) + "M"
    case 1e4...: short(value / 1e3) + "k"
    default: value == value.rounded() ? fixed(value) : short(value)
    }
}

private func escaped(_ text: String) -> String {
    text.reduce(into: "") { all, character in
        switch character {
        case "&": all += "&amp;"
        case "<": all += "&lt;"
        case ">": all += "&gt;"
        case "\"": all += "&quot;"
        default: all.append(character)
        }
    }
}
