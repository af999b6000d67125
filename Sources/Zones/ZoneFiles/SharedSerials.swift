import DNS
import Synchronization

/// The serials of zones that several threads make at the same time: one at a time asks for them.
///
/// Each zone asks for its own alone, so that it makes no difference which of them comes first.
final class SharedSerials: @unchecked Sendable {
    private let lock = Mutex(())
    /// Without the lock, only while no other thread uses it.
    private(set) var serials: (any ZoneSerials)?
    /// Whether there are any.
    let areKnown: Bool

    init(_ serials: (any ZoneSerials)?) {
        self.serials = serials
        areKnown = serials != nil
    }

    /// Calls `body` with the serials; `nil` if there are none.
    func use<Result: Sendable>(_ body: (inout any ZoneSerials) -> Result) -> Result? {
        lock.withLock { _ in
            guard serials != nil else { return nil }
            return body(&serials!)
        }
    }
}
