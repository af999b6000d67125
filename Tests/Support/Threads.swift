import Foundation
import Synchronization

/// A counter that several threads may change.
package final class Counter: Sendable {
    private let value = Atomic(0)

    package init() {}

    package var now: Int { value.load(ordering: .sequentiallyConsistent) }
    package func add(_ number: Int) { value.add(number, ordering: .sequentiallyConsistent) }
}

/// Runs `body` in `count` threads at once, and waits for all of them.
package func inThreads(_ count: Int, _ body: @escaping @Sendable (_ thread: Int) -> Void) {
    let group = DispatchGroup()
    for thread in 0..<count {
        group.enter()
        Thread.detachNewThread {
            body(thread)
            group.leave()
        }
    }
    group.wait()
}
