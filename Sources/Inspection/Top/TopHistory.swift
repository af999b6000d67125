import Platform

/// The answer rates of the last hour, in steps of a few seconds.
package struct TopHistory: Sendable {
    /// The length of the history, in seconds.
    static let length = 3_600.0

    /// The time of the first point, in seconds since 1970.
    private var start: Double
    /// The interval of the points, in seconds.
    private let step: Double
    /// The answers per second and the 99th percentile of answer times, in microseconds, for each step; `nil` if
    /// unknown.
    private var points: [(answered: Double?, slowest: Double?)]
    /// The number of seconds that the last point averages.
    private var count = 1.0

    init(_ json: JSON) {
        start = json["start"]?.double ?? 0
        step = max(1, json["step"]?.double ?? 5)
        let columns = (json["columns"]?.items ?? []).map(\.string)
        func column(_ name: String) -> Int? { columns.firstIndex(of: name) }
        let (answered, slowest) = (column("answered"), column("p99"))
        points = (json["points"]?.items ?? []).map { point in
            let values = point.items ?? []
            func value(_ column: Int?) -> Double? {
                column.flatMap { values.indices.contains($0) ? values[$0].double : nil }
            }
            return (value(answered), value(slowest))
        }
    }

    /// Adds a second. A second before the end replaces the points from there on.
    mutating func append(_ second: LiveSecond) {
        let distance = ((second.time - start) / step).rounded(.down)
        guard distance >= 0, distance < Double(points.count) + Self.length / step, start > 0 else {
            (start, points, count) = (second.time, [(second.answered, second.p99)], 1)
            return
        }
        let index = Int(distance)
        if index == points.count - 1, let last = points[index].answered {
            points[index].answered = (last * count + second.answered) / (count + 1)
            points[index].slowest = max(points[index].slowest ?? 0, second.p99 ?? 0)
            count += 1
        } else {
            points.removeLast(max(0, points.count - index))
            points += Array(repeating: (nil, nil), count: index - points.count)
            points.append((second.answered, second.p99))
            count = 1
        }
        let surplus = points.count - Int(Self.length / step)
        if surplus > 0 {
            points.removeFirst(surplus)
            start += Double(surplus) * step
        }
    }

    /// Returns the mean rates of equal parts of the hour before a time; `nil` for a part without data.
    func answered(_ parts: Int, before end: Double) -> [Double?] {
        self.parts(parts, before: end) { values in
            values.reduce(0, +) / Double(values.count)
        } of: {
            $0.answered
        }
    }

    /// Returns the largest 99th percentile of each part, in microseconds; `nil` for a part without data.
    func slowest(_ parts: Int, before end: Double) -> [Double?] {
        self.parts(parts, before: end) { values in
            values.max()!
        } of: {
            $0.slowest
        }
    }

    private func parts(
        _ count: Int, before end: Double, _ sum: ([Double]) -> Double,
        of value: ((answered: Double?, slowest: Double?)) -> Double?
    ) -> [Double?] {
        let steps = (Self.length / step).rounded(.up)
        let first = ((end - start) / step).rounded(.down) + 1 - steps
        let width = steps / Double(max(1, count))
        return (0..<max(0, count)).map { part in
            // Parts consist of whole steps; a part that is shorter than a step has the step's value.
            let lower = (first + Double(part) * width).rounded(.down)
            let upper = max(lower + 1, (first + Double(part + 1) * width).rounded(.down))
            let (from, to) = (max(0, lower), min(Double(points.count), upper))
            guard from < to else { return nil }
            let values = points[Int(from)..<Int(to)].compactMap(value)
            return values.isEmpty ? nil : sum(values)
        }
    }
}
