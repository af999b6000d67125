import Glibc
import Platform
import State
import Synchronization

/// Writes the health to the state directory, soon after it changes and at regular intervals.
final class HealthWriter: Sendable {
    private let directory: StateDirectory
    private let news: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    /// The time of the last report, in seconds since 1970; `nil` before the first.
    var lastWritten: Int? { written.withLock { $0 } }
    private let written = Mutex<Int?>(nil)

    /// The time within which changes are collected for one report.
    private static let gathering = Duration.milliseconds(50)
    /// The interval of reports without changes: the time of a report shows that an agent runs.
    private static let interval = Duration.seconds(4)

    init(_ directory: StateDirectory) {
        self.directory = directory
        (news, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Requests a report.
    func poke() { continuation.yield() }

    /// Writes reports until the task is cancelled, and a last one afterwards.
    ///
    /// - Parameter report: returns the health, and the standing among vantage points if there are any.
    func run(_ report: @Sendable () async -> (HealthReport, VantageStanding?)) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                repeat {
                    self.poke()
                    try? await Task.sleep(for: Self.interval)
                } while !Task.isCancelled
            }
            var diagnostic: String?
            for await _ in news {
                try? await Task.sleep(for: Self.gathering)
                await write(report(), &diagnostic)
            }
            await write(report(), &diagnostic)
        }
    }

    private func write(_ news: (report: HealthReport, standing: VantageStanding?), _ diagnostic: inout String?) async {
        let (report, standing) = news
        let (directory, start) = (directory, monotonicTime())
        let failure = await inThread { () -> String? in
            do throws(StateDirectory.Failure) {
                try directory.tell(report)
                try directory.tell(standing)
                return nil
            } catch {
                return error.description
            }
        }
        if let failure {
            if failure != diagnostic { log.error("\(failure); coprocesses use the last health report") }
        } else {
            if diagnostic != nil { log.notice("the health can be written again") }
            log.debug(
                "health report written",
                metadata: ["targets": "\(report.states.count)", "ms": "\(millisecondsSince(start))"])
            written.withLock { $0 = report.time }
        }
        diagnostic = failure
    }
}
