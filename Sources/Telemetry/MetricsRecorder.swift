import Synchronization

/// The counts and hits that the thread that answers records and other threads read. It never waits for these.
public final class MetricsRecorder: Sendable {
    public let hits = HitRing()
    private let durations = CounterTable(count: Durations.bounds.count + 1)
    private let durationSum = Atomic<Int>(0)
    /// The number of questions that came before there was an image.
    private let unserved = Atomic<Int>(0)

    public init() {}

    /// Counts answers that were written together.
    ///
    /// - Parameter nanoseconds: the time from reading the questions to writing the answers.
    @inline(__always)
    public func count(_ answers: Int, of nanoseconds: Int) {
        durations.add(answers, at: Durations.bucket(nanoseconds))
        durationSum.store(durationSum.load(ordering: .relaxed) &+ answers &* nanoseconds, ordering: .relaxed)
    }

    /// Counts a question that was refused because there was no image.
    public func countUnserved() { unserved.store(unserved.load(ordering: .relaxed) + 1, ordering: .relaxed) }

    /// The number of calls of `countUnserved`.
    var unservedQuestions: Int { unserved.load(ordering: .relaxed) }

    /// Returns the durations so far.
    func currentDurations() -> Durations {
        var result = Durations()
        durations.forEachUsed { _, bucket, value in result.counts[bucket] = value }
        result.sum = durationSum.load(ordering: .relaxed)
        return result
    }
}
