/// Decides whether a reader stays awake for the next question or sleeps at once, by how soon the last questions came.
///
/// To wake a sleeping process takes longer than to answer it, but to stay awake takes processor time. So a reader waits
/// awake only where that pays: questions that come soon one after the other let it try, and it goes on as long as at
/// least two waits in three are answered. Waits in vain make the next try later. The policy reads no clock.
public struct WaitPolicy: Sendable {
    /// How long a reader stays awake for a question, in nanoseconds; with 0 it never does.
    public var limit = 0

    /// How many questions in a row must come soon before the next try.
    private var needed = 1
    /// How many questions in a row have come soon while the reader slept.
    private var soon = 0
    /// Above 0 while waiting pays.
    private var credit = 0

    private static let mostNeeded = 64
    private static let firstCredit = 4
    private static let mostCredit = 12
    /// What a wait in vain takes off; one that is answered adds 1.
    private static let penalty = 2
    /// A sleeping reader sees a longer pause, for both ends have to be woken: as many times the limit count as soon.
    private static let stretch = 4

    public init() {}

    /// Whether to stay awake for the next question.
    public var staysAwake: Bool { credit > 0 && limit > 0 }

    /// Notes that a question came.
    ///
    /// - Parameters:
    ///   - pause: since the last answer, in nanoseconds.
    ///   - wasAwake: whether the reader stayed awake until then.
    public mutating func questionCame(after pause: Int, wasAwake: Bool) {
        if wasAwake {
            credit = min(credit + 1, Self.mostCredit)
            if credit == Self.mostCredit { needed = 1 }
        } else if staysAwake {
            credit -= Self.penalty
            if credit <= 0 { needed = min(2 * needed, Self.mostNeeded) }
        } else {
            soon = pause <= Self.stretch * limit ? soon + 1 : 0
            guard soon >= needed else { return }
            soon = 0
            credit = Self.firstCredit
        }
    }
}
