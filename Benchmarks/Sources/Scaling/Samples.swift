/// Repeated measurements of one figure, at several numbers, such as numbers of cores.
public struct Samples: Equatable, Sendable {
    /// The numbers, ascending and distinct.
    public private(set) var numbers: [Double] = []
    /// The measurements at each of `numbers`, at least one.
    public private(set) var values: [[Double]] = []

    public init() {}

    public init(_ points: [(number: Double, value: Double)]) {
        for point in points { add(point.value, at: point.number) }
    }

    public mutating func add(_ value: Double, at number: Double) {
        let place = numbers.firstIndex { $0 >= number } ?? numbers.count
        if place == numbers.count || numbers[place] != number {
            numbers.insert(number, at: place)
            values.insert([], at: place)
        }
        values[place].append(value)
    }

    public var medians: [Double] { values.map(\.median) }

    public subscript(number: Double) -> [Double] {
        numbers.firstIndex(of: number).map { values[$0] } ?? []
    }

    public func map(_ transform: (Double) -> Double) -> Samples {
        var samples = self
        samples.values = values.map { $0.map(transform) }
        return samples
    }

    /// Returns a bootstrap sample: at each number as many measurements as there are, picked at random with replacement.
    public func resampled(using random: inout RandomBits) -> Samples {
        var samples = self
        samples.values = values.map { all in all.map { _ in all.randomElement(using: &random)! } }
        return samples
    }
}
