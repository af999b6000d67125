import Glibc
import Platform
import State
import Synchronization

/// Writes what is known of the health into the state directory, soon after it changes and now and then.
final class HealthWriter: Sendable {
    private let directory: StateDirectory
    private let news: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    /// When it was last written, in seconds since 1970; `nil` if it never was.
    var lastWritten: Int? { written.withLock { $0 } }
    private let written = Mutex<Int?>(nil)

    /// Changes that come within this time are written together.
    private static let gathering = Duration.milliseconds(50)
    /// Between two reports without any change: the time of a report shows that an agent runs.
    private static let interval = Duration.seconds(4)

    init(_ directory: StateDirectory) {
        self.directory = directory
        (news, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Has it written soon.
    func poke() { continuation.yield() }

    /// Writes until the task is cancelled, and then once more.
    ///
    /// - Parameter report: the health, and how this agent stands with the vantage points if there are any.
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
            if failure != diagnostic { log.error("\(failure); coprocesses go by the health that they know") }
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
