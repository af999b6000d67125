import Foundation
import Testing

@testable import geopipe_agent

@Suite("Detached probes")
struct AttemptsTests {
    private let late = Outcome.failure("timed out after 1 s")

    @Test("return their outcome if it is in time")
    func inTime() async {
        for outcome in [Outcome.success("a"), .failure("b"), .error("c")] {
            #expect(await DetachedProbes().run(["a"], timeout: 300) { outcome } == outcome)
        }
    }

    @Test("time out where they hang, do not start again meanwhile, and work as before after that")
    func hanging() async throws {
        let attempts = DetachedProbes()
        let gate = DispatchSemaphore(value: 0)
        await withTaskGroup(of: Outcome.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await attempts.run(["a", "b"], timeout: 1) {
                        gate.wait()
                        return .success("late")
                    }
                }
            }
            for await outcome in group { #expect(outcome == late) }
        }
        let good = Outcome.success("good")
        #expect(await attempts.run(["a", "b"], timeout: 1) { good } == late)
        #expect(await attempts.run(["a"], timeout: 300) { good } == good)
        for _ in 0..<3 { gate.signal() }
        let isOver = await eventually { await attempts.run(["a", "b"], timeout: 300) { good } == good }
        #expect(isOver)
    }

    private func eventually(_ condition: () async -> Bool) async -> Bool {
        for _ in 0..<3_000 {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
