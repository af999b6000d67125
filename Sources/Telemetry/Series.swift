/// A series that coprocesses count. It is identified by names, not by positions in a configuration, so that it
/// continues when another configuration is loaded.
public enum Series: Hashable, Sendable {
    /// Questions of pdns for names in a zone; the zone is empty for names outside of all zones.
    case questions(zone: String, result: QuestionResult)
    /// Answers with records of a service from a datacenter. An answer from several datacenters counts for each.
    case answers(service: String, datacenter: String)
    /// Answers to clients in a country, ISO 3166-1 alpha-2; empty if it is unknown.
    case clients(country: String)
}

/// The result of a question.
public enum QuestionResult: String, CaseIterable, Sendable {
    /// The answer had records.
    case answered
    /// The name or the type does not exist.
    case empty
    /// FAIL: the question could not be answered.
    case refused
}

/// A histogram of answer times: from reading the lines of questions to writing their answers.
public struct Durations: Hashable, Sendable {
    /// The upper bounds of the buckets in nanoseconds, inclusive. The last bucket has no bound.
    public static let bounds: [Int] =
        [1_000, 1_000_000].flatMap { unit in
            [1, 2, 5, 10, 20, 50, 100, 200, 500].map { $0 * unit }
        } + [1_000_000_000]

    /// The number of answers in each bucket, not cumulative.
    public internal(set) var counts: [Int]
    /// The total time of all answers in nanoseconds.
    public internal(set) var sum: Int

    /// Makes an empty histogram.
    public init() {
        counts = Array(repeating: 0, count: Self.bounds.count + 1)
        sum = 0
    }

    /// Returns the position of the bucket of a time in nanoseconds.
    @inline(__always)
    static func bucket(_ nanoseconds: Int) -> Int {
        let bounds = bounds.span
        var bucket = 0
        while bucket < bounds.count, nanoseconds > bounds[bucket] { bucket += 1 }
        return bucket
    }

    /// Returns the durations since `earlier`, an earlier state of these.
    public func since(_ earlier: Durations) -> Durations {
        var result = Durations()
        for bucket in counts.indices { result.counts[bucket] = max(0, counts[bucket] - earlier.counts[bucket]) }
        result.sum = max(0, sum - earlier.sum)
        return result
    }

    /// Returns a quantile in nanoseconds, interpolated linearly in its bucket; the last bound if it is above all
    /// bounds; `nil` without answers.
    ///
    /// - Parameter part: above 0 and at most 1; 0.5 for the median.
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

    /// Counts answers that took `nanoseconds` each.
    public mutating func count(_ answers: Int, of nanoseconds: Int) {
        counts[Self.bucket(nanoseconds)] += answers
        sum += answers * nanoseconds
    }
}
