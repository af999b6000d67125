import Configuration
import Synchronization

/// Brings snapshots to the thread that answers, from wherever they are made. That thread never waits for one.
public final class Supply: Sendable {
    private let next = Handover<Snapshot>()
    /// What is not answered from any more, to be let go of by somebody who has time.
    private let retired = Handover<Snapshot>()

    public init() {}

    /// Takes what is newer than `snapshot`, if anything is.
    @inline(__always)
    func renew(_ snapshot: inout Snapshot?) {
        guard let newer = next.take() else { return }
        exchange(&snapshot, newer)
    }

    @inline(never)
    private func exchange(_ snapshot: inout Snapshot?, _ newer: Snapshot) {
        if let older = snapshot { retired.leave(older) }
        snapshot = newer
    }

    /// Leaves a snapshot to answer from.
    public func deliver(_ snapshot: Snapshot) { next.leave(snapshot) }

    /// Lets go of what nobody answers from any more.
    public func discard() { _ = retired.take() }
}
