import Glibc

/// The most frequent keys of the last minute or so. The weight of an occurrence decays: to 37% after 30 seconds, to 2%
/// after two minutes.
///
/// Keeps at most `limit` keys. When there are more, the same weight is subtracted from all, and keys without weight are
/// dropped; so a reported weight is never too high, and too low by at most 2 / `limit` of the total.
struct TopList<Key: Hashable> {
    private let limit: Int
    private let begin: Double
    /// The time to which all weights refer.
    private var reference: Double
    private var weights: [Key: Double] = [:]

    /// The decay time in seconds.
    private static var memory: Double { 30 }

    /// - Parameters:
    ///   - limit: the maximum number of keys, 2 or more.
    ///   - begin: the start of counting, in seconds.
    init(limit: Int, begin: Double) {
        self.limit = limit
        self.begin = begin
        reference = begin
    }

    /// The number of keys.
    var count: Int { weights.count }

    /// Adds an occurrence at a time in seconds.
    mutating func add(_ key: Key, _ weight: Double, at time: Double) {
        if time - reference > 20 * Self.memory { refer(to: time) }
        weights[key, default: 0] += weight * exp((time - reference) / Self.memory)
        if weights.count > limit { forgetSmallest() }
    }

    /// Converts the weights to another reference time.
    private mutating func refer(to time: Double) {
        let factor = exp((reference - time) / Self.memory)
        reference = time
        // Drops weights that amount to less than one occurrence in a thousand years.
        weights = weights.compactMapValues { $0 * factor < 1e-9 ? nil : $0 * factor }
    }

    private mutating func forgetSmallest() {
        let middle = weights.values.sorted()[weights.count / 2]
        weights = weights.compactMapValues { $0 > middle ? $0 - middle : nil }
    }

    /// Returns the keys with the highest rates per second. Rates below one in 1000 seconds are left out.
    func top(_ count: Int, at time: Double) -> [(key: Key, rate: Double)] {
        let age = max(time - begin, 1)
        let seconds = Self.memory * (1 - exp(-age / Self.memory))
        let factor = exp((reference - time) / Self.memory) / seconds
        var found: [(key: Key, rate: Double)] = []
        // Skips most of thousands of keys early.
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

    /// Returns the rate of a key per second.
    func rate(_ key: Key, at time: Double) -> Double {
        guard let weight = weights[key] else { return 0 }
        let age = max(time - begin, 1)
        return weight * exp((reference - time) / Self.memory) / (Self.memory * (1 - exp(-age / Self.memory)))
    }
}
