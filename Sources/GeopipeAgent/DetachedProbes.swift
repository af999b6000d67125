import Synchronization

/// Checks that block in system calls, each on its own thread, and may hang where nothing can end them.
final class DetachedProbes: Sendable {
    /// The number of hanging threads for each key.
    private let hanging = Mutex<[[String]: Int]>([:])

    /// Runs `body` on a thread of its own, and waits for the outcome up to a limit. A late thread is abandoned, and
    /// nothing with the same key starts while it hangs, so that threads do not pile up.
    ///
    /// - Parameters:
    ///   - words: the key; equal for everything that would hang in the same place.
    ///   - timeout: seconds that `body` has.
    ///   - grace: additional seconds, for a `body` that watches the clock itself and can report more.
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

/// A probe whose outcome is awaited.
private final class DetachedProbe: Sendable {
    private let continuation: Mutex<CheckedContinuation<Outcome, Never>?>

    init(_ continuation: CheckedContinuation<Outcome, Never>) { self.continuation = Mutex(continuation) }

    /// - Returns: false if it has already ended.
    func end(_ outcome: Outcome) -> Bool {
        let continuation = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        continuation?.resume(returning: outcome)
        return continuation != nil
    }
}
