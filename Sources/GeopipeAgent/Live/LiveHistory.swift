import Platform

/// The last hour, as means over 5 seconds.
struct LiveHistory {
    /// The length of a point in seconds.
    static let step = 5
    static let count = 720

    struct Point: Equatable {
        /// Per second.
        var answered: Double
        var empty: Double
        var refused: Double
        /// In microseconds.
        var p50: Double?
        var p99: Double?
        var coprocesses: Int
        /// Answers from all datacenters together, per second.
        var ofDatacenters: Double
    }

    /// The point of a step is at its number, modulo `count`.
    private var ring: [(number: Int, point: Point)?] = Array(repeating: nil, count: Self.count)
    private var last = Int.min

    /// Stores the point of the step that begins at a time, in place of the one an hour before.
    ///
    /// - Parameter start: seconds since 1970.
    mutating func add(_ point: Point, start: Int) {
        let number = start / Self.step
        guard number >= 0 else { return }
        ring[number % Self.count] = (number, point)
        last = number
    }

    /// The points of the hour that ends with the last one; `nil` for missing ones. The first one exists.
    private var points: (first: Int, points: [Point?])? {
        guard last >= 0 else { return nil }
        var numbers = (max(0, last - Self.count + 1)...last).map { number in
            ring[number % Self.count].flatMap { $0.number == number ? $0.point : nil }
        }[...]
        while let first = numbers.first, first == nil { numbers.removeFirst() }
        return (last - numbers.count + 1, Array(numbers))
    }

    /// The highest rate of answers from all datacenters together, per second; 0 without points.
    var peak: Double { points?.points.reduce(0) { max($0, $1?.ofDatacenters ?? 0) } ?? 0 }

    /// Returns the history for `GET /api/state`. `start` is that of the first point; without points, a time that will
    /// have none.
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
    /// Rounds a rate to hundredths.
    static func rate(_ rate: Double) -> JSON { .number((rate * 100).rounded() / 100) }

    /// Rounds a part of a whole to thousandths.
    static func part(_ part: Double?) -> JSON { part.map { .number(($0 * 1_000).rounded() / 1_000) } ?? .null }

    /// Rounds a time in microseconds to tenths.
    static func duration(_ duration: Double?) -> JSON {
        duration.map { .number(($0 * 10).rounded() / 10) } ?? .null
    }

    static func optional(_ number: Double?) -> JSON { number.map(JSON.number) ?? .null }
}
