import Configuration
import Glibc
import Platform
import Synchronization

/// Runs a program that notifies people of changes: once for all changes within a second, and not more often than
/// configured. Checks do not wait for it.
final class Notifier: Sendable {
    private struct State {
        var command: NotifyCommand?
        /// The changes since the last run.
        var lines: [String] = []
        /// The number of changes that were dropped.
        var dropped = 0
    }

    private let state: Mutex<State>
    private let news: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// The time within which changes are collected, because simultaneous failures belong together.
    private static let gathering = Duration.seconds(1)
    /// The maximum number of lines that are kept for the next run.
    static let lineLimit = 10_000

    init(_ command: NotifyCommand?) {
        state = Mutex(State(command: command))
        (news, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Uses another command from now on; `nil` for none.
    func follow(_ command: NotifyCommand?) { state.withLock { $0.command = command } }

    /// Adds a change to the next run.
    func add(_ change: HealthChange) {
        let isWanted = state.withLock { state in
            guard state.command != nil else { return false }
            let lines = change.lines.prefix(Self.lineLimit - state.lines.count)
            state.lines += lines
            state.dropped += change.lines.count - lines.count
            return true
        }
        if isWanted { continuation.yield() }
    }

    /// Runs the program until the task is cancelled; the log has changes that were not passed on by then. A running
    /// program is not awaited.
    func run() async {
        let work = Task { await tell() }
        await untilCancelled()
        work.cancel()
    }

    private func tell() async {
        for await _ in news {
            try? await Task.sleep(for: Self.gathering)
            guard !Task.isCancelled, let (command, input) = take() else { continue }
            let start = monotonicTime()
            let outcome = await inThread {
                CommandProbe.run(command.command, timeout: command.timeout, input: input)
            }
            switch outcome {
            case .success(let reason, _):
                log.debug(
                    "notify: \(command.command[0]): \(reason)",
                    metadata: ["bytes": "\(input.utf8.count)", "ms": "\(millisecondsSince(start))"])
            case .error(CommandProbe.ending): break
            case .failure(let reason): log.error("notify: \(command.command[0]): \(reason)")
            case .error(let reason): log.error("notify: cannot run \(command.command[0]): \(reason)")
            }
            let rest = Double(command.every) - (monotonicTime() - start)
            if rest > 0 { try? await Task.sleep(for: .seconds(rest)) }
        }
    }

    /// Takes the pending changes and the command.
    private func take() -> (NotifyCommand, input: String)? {
        state.withLock { state in
            defer { (state.lines, state.dropped) = ([], 0) }
            guard let command = state.command, !state.lines.isEmpty else { return nil }
            let more = state.dropped > 0 ? [JSON.object(["dropped": .integer(state.dropped)]).compact] : []
            return (command, (state.lines + more).map { $0 + "\n" }.joined())
        }
    }
}
