import Synchronization
import Telemetry

/// Brings what is to be answered from to the thread that answers, from wherever it is made. That thread never waits for one.
public final class ServingMailbox: Sendable {
    private let next = Mailbox<Serving>()
    /// What is not answered from any more, to be let go of by somebody who has time.
    private let retired = Mailbox<Serving>()

    /// What is counted of the answers.
    package let recorder = MetricsRecorder()
    /// How many questions were answered.
    private let answered = Atomic<Int>(0)

    public init() {}

    /// Tells how many questions were answered up to now.
    @inline(__always)
    func count(_ questions: Int) { answered.store(questions, ordering: .relaxed) }

    /// How many questions were answered.
    package var questions: Int { answered.load(ordering: .relaxed) }

    /// Takes what is newer than `serving`, if anything is.
    ///
    /// - Returns: whether it did.
    @inline(__always)
    func renew(_ serving: inout Serving?) -> Bool { next.isFull && exchange(&serving) }

    @inline(never)
    private func exchange(_ serving: inout Serving?) -> Bool {
        // To leave a second one would let go of the first here.
        guard !retired.isFull, let newer = next.take() else { return false }
        if let older = serving { retired.leave(older) }
        serving = newer
        return true
    }

    /// Leaves a serving to answer from.
    public func deliver(_ serving: Serving) {
        discard()
        next.leave(serving)
    }

    /// Lets go of what nobody answers from any more.
    public func discard() { _ = retired.take() }
}
