/// The growth of a number that is sampled repeatedly.
struct Growth {
    private var samples: [(time: Double, value: Double)] = []

    mutating func add(_ value: Double, at time: Double) { samples.append((time, value)) }

    var count: Int { samples.count }
    var first: Double { samples.first?.value ?? 0 }
    var most: Double { samples.map(\.value).max() ?? 0 }

    /// The rise of the best straight line through the second half, and the mean of that half.
    var fit: (rise: Double, mean: Double) {
        let half = samples.suffix((samples.count + 1) / 2)
        guard half.count > 1 else { return (0, first) }
        let count = Double(half.count)
        let time = half.map(\.time).reduce(0, +) / count
        let value = half.map(\.value).reduce(0, +) / count
        let both = half.map { ($0.time - time) * ($0.value - value) }.reduce(0, +)
        let square = half.map { ($0.time - time) * ($0.time - time) }.reduce(0, +)
        return (square > 0 ? both / square * (half.last!.time - half.first!.time) : 0, value)
    }
}
