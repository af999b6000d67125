import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import geopipe_agent

@Suite("Parts of the agent")
struct PartTests {
    private struct Broken: Error {}

    private func run(_ parts: [ServiceGroupConfiguration.ServiceConfiguration]) async throws {
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await ServiceGroup(configuration: ServiceGroupConfiguration(services: parts, logger: log)).run()
    }

    @Test("end if one fails, the last one first, and the failure is reported")
    func failure() async throws {
        let ended = Mutex<[String]>([])
        func part(_ name: String) -> ServiceGroupConfiguration.ServiceConfiguration {
            geopipe_agent.part(name) {
                await untilCancelled()
                ended.withLock { $0.append(name) }
            }
        }
        await #expect(throws: Broken.self) {
            try await run([part("a"), part("b"), geopipe_agent.part("broken") { throw Broken() }, part("c")])
        }
        #expect(ended.withLock { $0 } == ["c", "b", "a"])
    }

    @Test("are all cancelled if one ends early, and the failure names it")
    func ending() async throws {
        let parts = [part("goes on") { await untilCancelled() }, part("counters") {}]
        let error = await #expect(throws: ServiceGroupError.self) { try await run(parts) }
        #expect("\(try #require(error))".contains("counters"), "\(error!)")
    }
}
