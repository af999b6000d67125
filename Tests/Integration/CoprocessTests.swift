import Foundation
import Support
import Testing

/// How pdns runs geopipe.
@Suite("Coprocesses of pdns_server")
struct CoprocessTests {
    @Test("the tests start the release of pdns that they run for")
    func release() throws {
        let started = try #require(PowerDNSRelease.started)
        #expect(PowerDNSRelease.expected == nil || "\(started)" == PowerDNSRelease.expected)
    }

    @Test(
        "pdns keeps three of the four coprocesses that it starts (from 5.1: three), and these stay the same over many questions"
    )
    func number() async throws {
        try await NameServer.run(Backend()) { server in
            #expect(try eventually { try server.launches() == NameServer.launchesAtStart })
            let coprocesses = try server.coprocesses()
            #expect(coprocesses.count == 3)
            let questions = (0..<500).map { DNSClient.Question("name\($0).geo.geo.example.com", .a) }
            let answers = try DNSClient(port: server.port).ask(questions)
            #expect(answers.allSatisfy { $0 == .init(code: 0, addresses: ["203.0.113.99"]) })
            #expect(try server.coprocesses() == coprocesses)
        }
    }

    @Test("they end with pdns, however it ends", arguments: [SIGTERM, SIGKILL])
    func end(signal: CInt) async throws {
        try await NameServer.run(Backend()) { server in
            #expect(try eventually { try server.coprocesses().count == 3 })
            let coprocesses = try server.coprocesses()
            kill(server.process, signal)
            #expect(eventually { !coprocesses.contains(where: isRunning) })
        }
    }

    @Test("they close inherited sockets and pipes")
    func inheritance() async throws {
        try await NameServer.run(Backend()) { server in
            #expect(try eventually { try server.coprocesses().count == 3 })
            for process in try server.coprocesses() {
                // A coprocess that is just starting is still a copy of pdns.
                #expect(try eventually { try pipes(of: process).isDisjoint(with: pipes(of: server.process)) })
            }
        }
    }

    /// The sockets and pipes that a process has open, except its standard ones.
    private func pipes(of process: pid_t) throws -> Set<String> {
        let descriptors = "/proc/\(process)/fd"
        let targets = try FileManager.default.contentsOfDirectory(atPath: descriptors)
            .filter { !["0", "1", "2"].contains($0) }
            .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(descriptors)/\($0)") }
        return Set(targets.filter { $0.hasPrefix("socket:") || $0.hasPrefix("pipe:") })
    }

    @Test("pdnsutil reaches their commands")
    func command() throws {
        let backend = try Backend()
        defer { backend.remove() }
        let result = try Tool("pdnsutil").run(
            ["--config-dir=\(backend.folder.path)", "backend-cmd", "pipe", "version"])
        #expect(result.status == 0)
        #expect(result.output.split(separator: "\n").contains { $0.hasPrefix("geopipe ") }, "\(result.output)")
    }
}
