import Platform

/// The last hour, as means of 5 seconds each.
struct LiveHistory {
    /// Seconds of a point.
    static let step = 5
    /// The number of points.
    static let count = 720

    struct Point: Equatable {
        /// A second.
        var answered: Double
        var empty: Double
        var refused: Double
        /// In microseconds.
        var p50: Double?
        var p99: Double?
        var coprocesses: Int
        /// Answers from all datacenters together, a second.
        var ofDatacenters: Double
    }

    /// The point of a step is at its number, modulo their count.
    private var ring: [(number: Int, point: Point)?] = Array(repeating: nil, count: Self.count)
    private var last = Int.min

    /// Keeps the point of the step that begins at a time, in place of the one of an hour before.
    ///
    /// - Parameter start: in seconds since 1970.
    mutating func add(_ point: Point, start: Int) {
        let number = start / Self.step
        guard number >= 0 else { return }
        ring[number % Self.count] = (number, point)
        last = number
    }

    /// The points of the hour that the last one ends; `nil` where there is none. The first one is there.
    private var points: (first: Int, points: [Point?])? {
        guard last >= 0 else { return nil }
        var numbers = (max(0, last - Self.count + 1)...last).map { number in
            ring[number % Self.count].flatMap { $0.number == number ? $0.point : nil }
        }[...]
        while let first = numbers.first, first == nil { numbers.removeFirst() }
        return (last - numbers.count + 1, Array(numbers))
    }

    /// The most answers from all datacenters together in a second; 0 if there are no points.
    var peak: Double { points?.points.reduce(0) { max($0, $1?.ofDatacenters ?? 0) } ?? 0 }

    /// As `GET /api/state` has it. `start` is that of the first point; without any, a time for which there will be none.
    func json(at time: Double) -> JSON {
        let found = points
        return .object([
            ("start", .integer(found.map { $0.first * Self.step } ?? Int(time) / Self.step * Self.step)),
            ("step", .integer(Self.step)),
            ("columns", .list(["answered", "empty", "refused", "p50", "p99", "coprocesses"].map(JSON.text))),
            (
                "points",
                .list(
                    (found?.points ?? []).map { point in
                        guard let point else { return .null }
                        return .list([
                            .rate(point.answered), .rate(point.empty), .rate(point.refused), .duration(point.p50),
                            .duration(point.p99), .integer(point.coprocesses),
                        ])
                    })
            ),
        ])
    }
}

extension JSON {
    /// A rate, to the hundredth.
    static func rate(_ rate: Double) -> JSON { .number((rate * 100).rounded() / 100) }

    /// A part of a whole, to the thousandth.
    static func part(_ part: Double?) -> JSON { part.map { .number(($0 * 1_000).rounded() / 1_000) } ?? .null }

    /// A time in microseconds, to the tenth.
    static func duration(_ duration: Double?) -> JSON {
        duration.map { .number(($0 * 10).rounded() / 10) } ?? .null
    }

    static func optional(_ number: Double?) -> JSON { number.map(JSON.number) ?? .null }
}
