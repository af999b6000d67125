/// Repeated measurements of one figure, at several numbers of something.
public struct Samples: Equatable, Sendable {
    /// Ascending, each once.
    public private(set) var numbers: [Double] = []
    /// The measurements at each of these, at least one.
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

    /// The same number of measurements at each number, each drawn from those that are there: what another run might have measured.
    public func resampled(using random: inout RandomBits) -> Samples {
        var samples = self
        samples.values = values.map { all in all.map { _ in all.randomElement(using: &random)! } }
        return samples
    }
}
