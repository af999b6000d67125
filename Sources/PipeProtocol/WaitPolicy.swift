/// Decides whether a reader stays awake for the next question or sleeps at once, by the times between the last
/// questions.
///
/// Waking a sleeping process takes longer than answering a question, but staying awake takes processor time. So a
/// reader stays awake only if that pays. Questions in quick succession start a try. It goes on as long as at least two
/// waits in three are answered. Each wait in vain delays the next try.
///
/// The policy compares both ways over some questions, from time to time and when questions have become slower, and goes
/// on with the faster way. It measures from question to question, because the time that other processes take from a
/// reader is in its answers as much as in its waits. If pdns runs on the reader's own core, the kernel runs it while
/// the reader writes, and the next question is there at once. The policy favours sleeping then, which takes less time
/// and leaves the two on that core. The policy reads no clock.
public struct WaitPolicy: Sendable {
    /// How a question and its reader met.
    public enum Arrival: Sendable {
        /// The question woke the reader, or may have done so.
        case asleep
        /// The question came while the reader yielded the processor to other threads.
        case awake
        /// The question was there at the first poll after an answer.
        case atOnce
    }

    /// How long a reader stays awake for a question, in nanoseconds; 0 for never.
    public var limit = 0

    /// The number of questions in a row that must come soon before the next try.
    private var needed = 1
    /// The number of questions in a row that have come soon while the reader slept.
    private var soon = 0
    /// Above 0 while staying awake pays.
    private var credit = 0

    /// The number of questions since the last comparison began. The reader waits for the first ones awake, for the next
    /// ones asleep, and for the rest in the better way.
    private var position = 0
    /// The total time of the first questions, of the next ones, and of the last of the rest, in nanoseconds.
    private var (awake, asleep, recent) = (0, 0, 0)
    /// The total time that the same number of the rest should take.
    private var expected = 0
    /// The number of the first questions that came at once.
    private var atOnce = 0
    private var sleepsBetter = false
    /// The number of questions before the next comparison. It doubles each time the comparison has the same result.
    private var rest = shortestRest

    /// The number of questions that each of the two ways is tried for, and how many of these are not counted at first.
    private static let (sample, settling) = (64, 16)
    private static let counted = sample - settling
    private static let (shortestRest, longestRest) = (512, 2_048)
    private static let maxNeeded = 64
    private static let firstCredit = 4
    private static let maxCredit = 12
    /// The credit that a wait in vain costs; a wait that is answered adds 1.
    private static let penalty = 2
    /// A question that comes within this multiple of the limit counts as soon: a sleeping reader delays questions,
    /// because both ends have to be woken.
    private static let stretch = 4

    /// Makes a policy that sleeps until questions come in quick succession. It never stays awake before `limit` is set.
    public init() {}

    /// Whether to stay awake for the next question.
    public var staysAwake: Bool {
        guard credit > 0, limit > 0 else { return false }
        return position < Self.sample || position >= 2 * Self.sample && !sleepsBetter
    }

    /// Whether the reader sleeps and should move to the core that pdns runs on.
    public var joins: Bool { credit > 0 && limit > 0 && !staysAwake }

    /// Records that a question came.
    ///
    /// - Parameters:
    ///   - time: the time since the question before, in nanoseconds.
    ///   - arrival: how the question and the reader met.
    public mutating func questionCame(after time: Int, _ arrival: Arrival) {
        let isSoon = time <= Self.stretch * limit
        if credit > 0 {
            let isAnswered = arrival != .asleep || !staysAwake && isSoon
            compare(min(time, Self.stretch * limit), arrival)
            if isAnswered {
                credit = min(credit + 1, Self.maxCredit)
                if credit == Self.maxCredit { needed = 1 }
            } else {
                credit -= Self.penalty
                if credit <= 0 { needed = min(2 * needed, Self.maxNeeded) }
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
            // If both are about equal, sleeping is better, because it leaves the core to other processes. On a core
            // shared with pdns, staying awake is chosen only if sleeping is much slower.
            let sharesCore = 4 * atOnce >= 3 * Self.counted
            let sleepsBetter = sharesCore ? 2 * asleep < 3 * awake : 16 * asleep < 17 * awake
            decide(sleepsBetter: sleepsBetter, expected: sleepsBetter ? asleep : awake)
        } else {
            recent += time
            if (position - compared) % Self.counted == 0 {
                // The kernel has moved the threads to other cores, or the load has changed.
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
