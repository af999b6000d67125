import Synchronization
import Telemetry

/// Passes each new `Serving` to the answering thread, which never waits for one.
public final class ServingMailbox: Sendable {
    private let next = Mailbox<Serving>()
    /// The serving that was replaced. Another thread releases it, since that may take long.
    private let retired = Mailbox<Serving>()

    /// Records the metrics of answers.
    package let recorder = MetricsRecorder()
    /// The number of answered questions.
    private let answered = Atomic<Int>(0)

    /// Makes an empty mailbox.
    public init() {}

    /// Stores the number of questions answered so far.
    @inline(__always)
    func count(_ questions: Int) { answered.store(questions, ordering: .relaxed) }

    /// The number of answered questions.
    package var questions: Int { answered.load(ordering: .relaxed) }

    /// Replaces `serving` with a newer one, if there is one.
    ///
    /// - Returns: whether it did.
    @inline(__always)
    func renew(_ serving: inout Serving?) -> Bool { next.isFull && exchange(&serving) }

    @inline(never)
    private func exchange(_ serving: inout Serving?) -> Bool {
        // Leaving a second one would release the first on this thread.
        guard !retired.isFull, let newer = next.take() else { return false }
        if let older = serving { retired.leave(older) }
        serving = newer
        return true
    }

    /// Delivers a serving to the answering thread.
    public func deliver(_ serving: Serving) {
        discard()
        next.leave(serving)
    }

    /// Releases the serving that was replaced.
    public func discard() { _ = retired.take() }
}
