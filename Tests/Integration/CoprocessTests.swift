import Foundation
import Support
import Testing

/// How pdns runs geopipe.
@Suite("Coprocesses of pdns_server")
struct CoprocessTests {
    @Test("pdns starts four, keeps three of them, and these stay the same over many questions")
    func number() async throws {
        try await NameServer.run(Backend()) { server in
            #expect(try eventually { try server.log().split(separator: "Backend launched with banner: OK").count == 5 })
            let coprocesses = try server.coprocesses()
            #expect(coprocesses.count == 3, "the first is for pdns to see that it starts")
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

    @Test("they let go of sockets and pipes that are handed down to them")
    func inheritance() async throws {
        try await NameServer.run(Backend()) { server in
            #expect(try eventually { try server.coprocesses().count == 3 })
            for process in try server.coprocesses() {
                // One that is just being started is still a copy of pdns.
                #expect(try eventually { try inherited(by: process) == [] })
            }
        }
    }

    /// The sockets and pipes that a process has open, but for its standard ones.
    private func inherited(by process: pid_t) throws -> [String] {
        let descriptors = "/proc/\(process)/fd"
        return try FileManager.default.contentsOfDirectory(atPath: descriptors)
            .filter { !["0", "1", "2"].contains($0) }
            .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(descriptors)/\($0)") }
            .filter { $0.hasPrefix("socket:") || $0.hasPrefix("pipe:") }
    }

    @Test("a limit on the size of files lets none end")
    func fileSize() throws {
        let folder = try Folder()
        let records = (0..<1000).map { "a\($0) A 192.0.2.1\n" }.joined()
        try "$TTL 60\n@ SOA a0 a0 1 2 3 4 5\n@ NS a0\n\(records)"
            .write(toFile: folder.path + "/zone", atomically: true, encoding: .utf8)
        try "zones: { example.com: { file: zone } }"
            .write(toFile: folder.path + "/geopipe.yaml", atomically: true, encoding: .utf8)
        let ending = try Program("prlimit").run(
            ["--fsize=16384", Program.geopipe.path, "--config", "geopipe.yaml"],
            input: Array("HELO\t1\nQ\ta7.example.com\tIN\tANY\t-1\t192.0.2.1\n".utf8), in: folder)
        #expect(!ending.isKilled && ending.status == 0)
        #expect(String(decoding: ending.output, as: UTF8.self).hasSuffix("\t192.0.2.1\nEND\n"), "\(ending.error)")
    }

    @Test("pdnsutil reaches its commands")
    func command() throws {
        let backend = try Backend()
        defer { backend.remove() }
        let result = try Tool("pdnsutil").run(
            ["--config-dir=\(backend.folder.path)", "backend-cmd", "pipe", "version"])
        #expect(result.status == 0)
        #expect(result.output.split(separator: "\n").contains { $0.hasPrefix("geopipe ") }, "\(result.output)")
    }
}
