import DNS
import Synchronization

/// Gives several threads, which compile zones at the same time, access to the serials, one thread at a time.
///
/// Each zone asks only for its own serial, so that the order of the threads does not matter.
final class SharedSerials: @unchecked Sendable {
    private let lock = Mutex(())
    /// The serials. Read them only when no other thread uses them.
    private(set) var serials: (any ZoneSerials)?
    /// Whether there are serials.
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
