import Synchronization

/// Checks that wait for the system, each in a thread of its own, and that may hang in it where nothing can end them.
final class DetachedProbes: Sendable {
    /// How many threads hang, by what they were to do.
    private let hanging = Mutex<[[String]: Int]>([:])

    /// Waits for an outcome, but not for ever. A thread that is late is left to itself, and what it does is not begun again as long
    /// as it hangs, so that threads do not pile up.
    ///
    /// - Parameters:
    ///   - words: what is done; the same for all that would hang in the same place.
    ///   - timeout: seconds that `body` has.
    ///   - grace: seconds more for one that looks at the clock itself, and can tell more.
    func run(
        _ words: [String], timeout: UInt32, grace: Double = 0, _ body: @escaping @Sendable () -> Outcome
    ) async -> Outcome {
        let late = Outcome.failure("timed out after \(timeout) s")
        guard hanging.withLock({ $0[words] == nil }) else { return late }
        return await withCheckedContinuation { continuation in
            let attempt = DetachedProbe(continuation)
            let timer = Task {
                do { try await Task.sleep(for: .seconds(Double(timeout) + grace)) } catch { return }
                self.hanging.withLock { hanging in
                    guard attempt.end(late) else { return }
                    hanging[words, default: 0] += 1
                }
            }
            startOrRun {
                let outcome = body()
                timer.cancel()
                self.hanging.withLock { hanging in
                    if attempt.end(outcome) { return }
                    hanging[words]! -= 1
                    if hanging[words] == 0 { hanging[words] = nil }
                }
            }
        }
    }
}

/// One whose outcome is waited for.
private final class DetachedProbe: Sendable {
    private let continuation: Mutex<CheckedContinuation<Outcome, Never>?>

    init(_ continuation: CheckedContinuation<Outcome, Never>) { self.continuation = Mutex(continuation) }

    /// - Returns: false if it has ended before.
    func end(_ outcome: Outcome) -> Bool {
        let continuation = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        continuation?.resume(returning: outcome)
        return continuation != nil
    }
}
