/// Decides whether a reader stays awake for the next question or sleeps at once, by how soon the last questions came.
///
/// To wake a sleeping process takes longer than to answer it, but to stay awake takes processor time. So a reader waits
/// awake only where that pays: questions that come soon one after the other let it try, and it goes on as long as at
/// least two waits in three are answered. Waits in vain make the next try later. Where all cores are busy, a reader that
/// stays awake may be in the way of those that ask: so now and then it sleeps for some questions, and goes on with what
/// had the shorter pauses. The policy reads no clock.
public struct WaitPolicy: Sendable {
    /// How long a reader stays awake for a question, in nanoseconds; with 0 it never does.
    public var limit = 0

    /// How many questions in a row must come soon before the next try.
    private var needed = 1
    /// How many questions in a row have come soon while the reader slept.
    private var soon = 0
    /// Above 0 while waiting pays.
    private var credit = 0

    /// How many questions of a spell have come: the first are waited for awake, the next asleep, and the rest the better way.
    private var position = 0
    /// The pauses of the first, and of the next, in nanoseconds.
    private var (awake, asleep) = (0, 0)
    private var sleepsBetter = false

    private static let spell = 2_048
    private static let sample = 64
    private static let mostNeeded = 64
    private static let firstCredit = 4
    private static let mostCredit = 12
    /// What a wait in vain takes off; one that is answered adds 1.
    private static let penalty = 2
    /// A sleeping reader sees a longer pause, for both ends have to be woken: as many times the limit count as soon.
    private static let stretch = 4

    public init() {}

    /// Whether to stay awake for the next question.
    public var staysAwake: Bool {
        guard credit > 0, limit > 0 else { return false }
        return position < Self.sample || position >= 2 * Self.sample && !sleepsBetter
    }

    /// Notes that a question came.
    ///
    /// - Parameters:
    ///   - pause: since the last answer, in nanoseconds.
    ///   - wasAwake: whether the reader stayed awake until then.
    public mutating func questionCame(after pause: Int, wasAwake: Bool) {
        let isSoon = pause <= Self.stretch * limit
        if credit > 0 {
            let isAnswered = wasAwake || !staysAwake && isSoon
            compare(min(pause, Self.stretch * limit))
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
            (soon, position, awake, asleep) = (0, 0, 0, 0)
            credit = Self.firstCredit
        }
    }

    private mutating func compare(_ pause: Int) {
        if position < Self.sample { awake += pause } else if position < 2 * Self.sample { asleep += pause }
        position += 1
        if position == 2 * Self.sample {
            sleepsBetter = 9 * asleep < 8 * awake
        } else if position == Self.spell {
            (position, awake, asleep) = (0, 0, 0)
        }
    }
}
