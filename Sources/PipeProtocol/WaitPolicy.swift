/// Decides whether a reader stays awake for the next question or sleeps at once, by how soon the last questions came.
///
/// To wake a sleeping process takes longer than to answer it, but to stay awake takes processor time. So a reader waits
/// awake only where that pays: questions that come soon one after the other let it try, and it goes on as long as at
/// least two waits in three are answered. Waits in vain make the next try later.
///
/// The policy tries both ways for some questions, now and then and where they have come to take longer, and goes on with
/// what brought them sooner. It counts from question to question, since the time that others take from a reader is in its
/// answers as much as in its waits. Where the one that asks runs on the reader's own core, the kernel has it run while the
/// reader writes, and the next question is there at once: there the policy is for sleeping, which takes less and leaves the
/// two on that core. It reads no clock.
public struct WaitPolicy: Sendable {
    /// How a question and its reader met.
    public enum Arrival: Sendable {
        /// The question woke the reader, or may have done so.
        case asleep
        /// The question came while the reader gave way to other threads.
        case awake
        /// The question was there when the reader looked for the first time after an answer.
        case atOnce
    }

    /// How long a reader stays awake for a question, in nanoseconds; with 0 it never does.
    public var limit = 0

    /// How many questions in a row must come soon before the next try.
    private var needed = 1
    /// How many questions in a row have come soon while the reader slept.
    private var soon = 0
    /// Above 0 while waiting pays.
    private var credit = 0

    /// How many questions have come since the last comparison began: the first are waited for awake, the next asleep, and
    /// the rest the better way.
    private var position = 0
    /// How long the first took, the next, and the last of the rest, in nanoseconds.
    private var (awake, asleep, recent) = (0, 0, 0)
    /// How long as many of the rest should take.
    private var expected = 0
    /// How many of the first came at once.
    private var atOnce = 0
    private var sleepsBetter = false
    /// How many questions are waited for the better way; more, each time it is found to be the better one still.
    private var rest = shortestRest

    /// How many questions each of the two ways is tried for, and how many of them come before it counts.
    private static let (sample, settling) = (64, 16)
    private static let counted = sample - settling
    private static let (shortestRest, longestRest) = (512, 2_048)
    private static let mostNeeded = 64
    private static let firstCredit = 4
    private static let mostCredit = 12
    /// What a wait in vain takes off; one that is answered adds 1.
    private static let penalty = 2
    /// A sleeping reader makes the questions come later, for both ends have to be woken: as many times the limit count as
    /// soon.
    private static let stretch = 4

    public init() {}

    /// Whether to stay awake for the next question.
    public var staysAwake: Bool {
        guard credit > 0, limit > 0 else { return false }
        return position < Self.sample || position >= 2 * Self.sample && !sleepsBetter
    }

    /// Whether the reader, since it sleeps, should do so on the core of the one that asks.
    public var joins: Bool { credit > 0 && limit > 0 && !staysAwake }

    /// Notes that a question came.
    ///
    /// - Parameters:
    ///   - time: since the question before, in nanoseconds.
    ///   - arrival: how it and the reader met.
    public mutating func questionCame(after time: Int, _ arrival: Arrival) {
        let isSoon = time <= Self.stretch * limit
        if credit > 0 {
            let isAnswered = arrival != .asleep || !staysAwake && isSoon
            compare(min(time, Self.stretch * limit), arrival)
            if isAnswered {
                credit = min(credit + 1, Self.mostCredit)
                if credit == Self.mostCredit { needed = 1 }
            } else {
                credit -= Self.penalty
                if credit <= 0 { needed = min(2 * needed, Self.mostNeeded) }
            }
        } else {
            soon = isSoon ? soon + 1 : 0
            guard soon >= needed else { return }
            (soon, rest) = (0, Self.shortestRest)
            begin()
            credit = Self.firstCredit
        }
    }

    private mutating func begin() {
        (position, awake, asleep, recent, atOnce) = (0, 0, 0, 0, 0)
    }

    private mutating func compare(_ time: Int, _ arrival: Arrival) {
        let isSettled = position % Self.sample >= Self.settling
        let compared = 2 * Self.sample
        position += 1
        if position <= Self.sample {
            if isSettled { awake += time }
            if isSettled, arrival == .atOnce { atOnce += 1 }
        } else if position <= compared {
            if isSettled { asleep += time }
            guard position == compared else { return }
            // Alike, to sleep is better: it leaves the core to others. On one core with the one that asks, it would have to be
            // much worse.
            let sharesCore = 4 * atOnce >= 3 * Self.counted
            let sleepsBetter = sharesCore ? 2 * asleep < 3 * awake : 16 * asleep < 17 * awake
            decide(sleepsBetter: sleepsBetter, expected: sleepsBetter ? asleep : awake)
        } else {
            recent += time
            if (position - compared) % Self.counted == 0 {
                // The threads have been moved to other cores, or more ask.
                if 2 * recent > 3 * expected { return begin() }
                recent = 0
            }
            if position >= compared + rest { begin() }
        }
    }

    private mutating func decide(sleepsBetter new: Bool, expected time: Int) {
        rest = new == sleepsBetter ? min(2 * rest, Self.longestRest) : Self.shortestRest
        (sleepsBetter, expected) = (new, time)
    }
}
