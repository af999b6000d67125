/// Something that coprocesses count. A count belongs to names, not to positions in a configuration: it goes on when another
/// is loaded.
public enum Series: Hashable, Sendable {
    /// Questions of pdns for names in a zone; the zone's name is empty for names that are in none.
    case questions(zone: String, result: QuestionResult)
    /// Answers with records of a service from a datacenter. One that is made of several datacenters counts for each.
    case answers(service: String, datacenter: String)
    /// Answers to clients in a country: ISO 3166-1 alpha-2, empty if no database knows.
    case clients(country: String)
}

/// What became of a question.
public enum QuestionResult: String, CaseIterable, Sendable {
    /// There were records.
    case answered
    /// There were none, or there is no such name.
    case empty
    /// FAIL: nothing could be said.
    case refused
}

/// How long answers took: from when the lines of questions had been read until the answers to them were written.
public struct Durations: Hashable, Sendable {
    /// The upper bounds of all buckets but the last, which has none, in nanoseconds. A bound belongs to its bucket.
    public static let bounds: [Int] =
        [1_000, 1_000_000].flatMap { unit in
            [1, 2, 5, 10, 20, 50, 100, 200, 500].map { $0 * unit }
        } + [1_000_000_000]

    /// How many answers took as long as each bucket says, those of the buckets below not among them.
    public internal(set) var counts: [Int]
    /// What all answers took together, in nanoseconds.
    public internal(set) var sum: Int

    /// No answers.
    public init() {
        counts = Array(repeating: 0, count: Self.bounds.count + 1)
        sum = 0
    }

    /// The position of the bucket of a time in nanoseconds.
    @inline(__always)
    static func bucket(_ nanoseconds: Int) -> Int {
        let bounds = bounds.span
        var bucket = 0
        while bucket < bounds.count, nanoseconds > bounds[bucket] { bucket += 1 }
        return bucket
    }

    /// Of the answers after `earlier`, which is what was counted some time ago.
    public func since(_ earlier: Durations) -> Durations {
        var result = Durations()
        for bucket in counts.indices { result.counts[bucket] = max(0, counts[bucket] - earlier.counts[bucket]) }
        result.sum = max(0, sum - earlier.sum)
        return result
    }

    /// The time in nanoseconds that a part of the answers took at most, as if they lay evenly in the bucket that it is in. Of answers
    /// that took longer than all bounds it is the last bound. `nil` without answers.
    ///
    /// - Parameter part: above 0, up to 1; 0.5 for the median.
    public func quantile(_ part: Double) -> Double? {
        let all = counts.reduce(0) { $0 + Double($1) }
        guard all > 0 else { return nil }
        let rank = part * all
        var below = 0.0
        for (bucket, bound) in Self.bounds.enumerated() where counts[bucket] > 0 {
            let count = Double(counts[bucket])
            if below + count >= rank {
                let lower = bucket > 0 ? Double(Self.bounds[bucket - 1]) : 0
                return lower + (Double(bound) - lower) * (rank - below) / count
            }
            below += count
        }
        return Double(Self.bounds.last!)
    }

    /// Counts answers that took so many nanoseconds each.
    public mutating func count(_ answers: Int, of nanoseconds: Int) {
        counts[Self.bucket(nanoseconds)] += answers
        sum += answers * nanoseconds
    }
}
