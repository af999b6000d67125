import Glibc

/// What came most often in the last minute or so, of any number of things. What came longer ago counts for less: after 30 seconds for
/// 37%, after two minutes for 2%.
///
/// It keeps at most `limit` of them. When there are more, the same is taken off all, and those of which nothing is left are forgotten;
/// so what it says of a thing is never too much, and too little by at most 2 / `limit` of all that came.
struct TopList<Key: Hashable> {
    private let limit: Int
    private let begin: Double
    /// Weights are kept as they would have been at this time.
    private var reference: Double
    private var weights: [Key: Double] = [:]

    /// In seconds.
    private static var memory: Double { 30 }

    /// - Parameters:
    ///   - limit: the most things that are kept, 2 or more.
    ///   - begin: since when it counts, in seconds.
    init(limit: Int, begin: Double) {
        self.limit = limit
        self.begin = begin
        reference = begin
    }

    /// The number of things that are kept.
    var count: Int { weights.count }

    /// Counts something that came at a time in seconds.
    mutating func add(_ key: Key, _ weight: Double, at time: Double) {
        if time - reference > 20 * Self.memory { refer(to: time) }
        weights[key, default: 0] += weight * exp((time - reference) / Self.memory)
        if weights.count > limit { forgetSmallest() }
    }

    /// Keeps weights as they are at another time.
    private mutating func refer(to time: Double) {
        let factor = exp((reference - time) / Self.memory)
        reference = time
        // What is left of them is no more than one of a thousand years.
        weights = weights.compactMapValues { $0 * factor < 1e-9 ? nil : $0 * factor }
    }

    private mutating func forgetSmallest() {
        let middle = weights.values.sorted()[weights.count / 2]
        weights = weights.compactMapValues { $0 > middle ? $0 - middle : nil }
    }

    /// The largest, with how often they come in a second. What comes less often than every 1000 seconds is left out.
    func top(_ count: Int, at time: Double) -> [(key: Key, rate: Double)] {
        let age = max(time - begin, 1)
        let seconds = Self.memory * (1 - exp(-age / Self.memory))
        let factor = exp((reference - time) / Self.memory) / seconds
        var found: [(key: Key, rate: Double)] = []
        // Few of thousands: those that would not be among them are passed over.
        var least = 0.001
        for (key, weight) in weights where weight * factor >= least {
            found.append((key, weight * factor))
            if found.count >= 4 * count {
                found.sort { $0.rate > $1.rate }
                found.removeSubrange(count...)
                least = found[count - 1].rate
            }
        }
        found.sort { $0.rate > $1.rate }
        return Array(found.prefix(count))
    }

    /// What came in a second, of one thing.
    func rate(_ key: Key, at time: Double) -> Double {
        guard let weight = weights[key] else { return 0 }
        let age = max(time - begin, 1)
        return weight * exp((reference - time) / Self.memory) / (Self.memory * (1 - exp(-age / Self.memory)))
    }
}
