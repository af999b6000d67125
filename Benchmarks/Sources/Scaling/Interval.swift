/// A 95% interval.
public struct Interval: Equatable, Sendable {
    public let low: Double
    public let high: Double

    public init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }

    /// Creates the interval of the middle 95% of values.
    ///
    /// - Parameter values: at least one, in any order.
    public init(of values: [Double]) {
        let sorted = values.sorted()
        self.init(low: sorted.quantile(0.025), high: sorted.quantile(0.975))
    }

    public func contains(_ value: Double) -> Bool { low <= value && value <= high }
}

extension [Double] {
    /// Returns the `part` quantile (0...1) of at least one value, in ascending order; interpolates between values.
    func quantile(_ part: Double) -> Double {
        let place = part * Double(count - 1)
        let below = Int(place)
        guard below + 1 < count else { return self[count - 1] }
        return self[below] + (place - Double(below)) * (self[below + 1] - self[below])
    }

    /// The median of at least one value, in any order.
    public var median: Double { sorted().quantile(0.5) }
}
