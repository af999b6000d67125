import Synchronization

/// What the thread that answers writes down, and others read. It never waits for them.
public final class Recorder: Sendable {
    public let hits = HitRing()
    private let durations = CounterTable(count: Durations.bounds.count + 1)
    private let durationSum = Atomic<Int>(0)
    /// Questions that came when there was nothing to answer from.
    private let unserved = Atomic<Int>(0)

    public init() {}

    /// Counts answers that were written together, as long after the questions had been read.
    @inline(__always)
    public func count(_ answers: Int, of nanoseconds: Int) {
        durations.add(answers, at: Durations.bucket(nanoseconds))
        durationSum.store(durationSum.load(ordering: .relaxed) &+ answers &* nanoseconds, ordering: .relaxed)
    }

    /// Counts a question that could not be answered as there was nothing to answer from.
    public func countUnserved() { unserved.store(unserved.load(ordering: .relaxed) + 1, ordering: .relaxed) }

    /// How often `countUnserved` was called.
    var unservedQuestions: Int { unserved.load(ordering: .relaxed) }

    /// What was counted so far.
    func currentDurations() -> Durations {
        var result = Durations()
        durations.forEachUsed { _, bucket, value in result.counts[bucket] = value }
        result.sum = durationSum.load(ordering: .relaxed)
        return result
    }
}
