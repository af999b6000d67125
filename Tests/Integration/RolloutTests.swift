import Foundation
import Support
import Testing

/// A rollout as clients of a pdns_server see it.
@Suite("Rollouts while pdns_server runs")
struct RolloutTests {
    private static func configuration(norway: String, address: String = "192.0.2.1") -> String {
        """
        databases: ["\(NameServer.project.path)/examples/demo/demo.mmdb"]
        state_directory: state
        datacenters: { oslo: {}, ashburn: {} }
        maps: { all: { countries: { NO: \(norway) }, default: ashburn } }
        services: { web: { map: all, answers: { oslo: \(address), ashburn: 192.0.2.2 } } }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: h.example.com., serial: 1 }
            ns: [ns1.geo.example.com.]
            records: { ns1: { A: 127.0.0.1 }, "*": { service: web } }
        """
    }

    private func makeBackend() throws -> Backend {
        let backend = try Backend(Self.configuration(norway: "oslo"))
        try backend.write(Self.configuration(norway: "ashburn"), to: "new.yaml")
        return backend
    }

    @discardableResult
    private func rollout(_ words: String..., on server: NameServer, status: Int32 = 0) throws -> [String: Any] {
        let folder = server.backend.folder
        let result = try Tool(path: folder.appending(path: "geopipe").path).run(
            ["rollout"] + words + ["--config", folder.appending(path: "geopipe.yaml").path, "--json"])
        try #require(result.status == status, "\(result.output)")
        guard status == 0 else { return [:] }
        let start = try #require(result.output.firstIndex(of: "{"))
        return try #require(
            JSONSerialization.jsonObject(with: Data(result.output[start...].utf8)) as? [String: Any])
    }

    /// The number of 1,000 Norwegian networks that get the new image.
    private func newNetworks(_ server: NameServer) throws -> Set<Int> {
        let questions = (0..<1_000).map {
            // 129.240.0.0/16 and 129.242.0.0/16 are Norwegian in the database.
            DNSClient.Question("a\($0).geo.example.com", .a, from: "129.\(240 + $0 / 250 / 2 * 2).\($0 % 250).0/24")
        }
        let answers = try DNSClient(port: server.port).ask(questions)
        #expect(answers.allSatisfy { $0.code == 0 && $0.addresses.count == 1 })
        return Set(answers.indices.filter { answers[$0].addresses == ["192.0.2.2"] })
    }

    @Test("dark, shares, places, and back: each is in force in all coprocesses when the command ends")
    func steps() async throws {
        try await NameServer.run(makeBackend()) { server in
            let folder = server.backend.folder.path
            #expect(try newNetworks(server).isEmpty)
            let started = try rollout("start", "\(folder)/new.yaml", "--dark", on: server)
            #expect(started["state"] as? String == "running")
            #expect(started["share"] as? Int == 0)
            #expect(try newNetworks(server).isEmpty)
            // Statuses are written once a second.
            #expect(
                try eventually {
                    let status = try rollout("status", on: server)
                    return (status["differing"] as? Int ?? 0) >= 1_000
                })
            let status = try rollout("status", on: server)
            let countries = try #require(status["byCountry"] as? [[String: Any]])
            #expect(countries.compactMap { $0["country"] as? String } == ["NO"])
            let moves = try #require(status["byDatacenter"] as? [[String: Any]])
            #expect(moves.first?["from"] as? String == "oslo" && moves.first?["to"] as? String == "ashburn")
            // Neither another operator nor the owner can start a second one.
            try rollout("start", "\(folder)/new.yaml", on: server, status: 1)
            var before: Set<Int> = []
            for percent in [5, 20, 50] {
                try rollout("share", "\(percent)%", on: server)
                let new = try newNetworks(server)
                #expect(before.isSubset(of: new))
                before = new
            }
            #expect(300...700 ~= before.count)
            try rollout("places", "SE", on: server)
            #expect(try newNetworks(server).isEmpty)
            try rollout("places", "NO", on: server)
            #expect(try newNetworks(server).count == 1_000)
            try rollout("abort", "--reason", "enough", on: server)
            #expect(try newNetworks(server).isEmpty)
        }
    }

    @Test("a scope is at least as long as the hashed prefix where both sides differ, and as before elsewhere")
    func scope() async throws {
        try await NameServer.run(makeBackend()) { server in
            let american = try server.dig("x.geo.example.com", "A", "+subnet=18.9.22.0/24").clientSubnet
            try rollout("start", "\(server.backend.folder.path)/new.yaml", on: server)
            try rollout("share", "50%", on: server)
            let norwegian = try #require(
                try server.dig("x.geo.example.com", "A", "+subnet=129.240.1.0/24").clientSubnet)
            #expect(norwegian.hasSuffix("/24/24"))
            #expect(try server.dig("y.geo.example.com", "A", "+subnet=18.9.22.0/24").clientSubnet == american)
        }
    }

    @Test("a rollout outlives pdns_server, a commit puts the configuration in force and on disk, and back undoes it")
    func commit() async throws {
        let backend = try makeBackend()
        try await NameServer.run(backend) { server in
            try rollout("start", "\(server.backend.folder.path)/new.yaml", on: server)
            try rollout("share", "100%", on: server)
            // Every coprocess starts again, as after a restart of pdns.
            for process in try server.coprocesses() { kill(process, SIGKILL) }
            #expect(
                eventually {
                    let addresses = (0..<20).compactMap {
                        try? DNSClient(port: server.port).ask([
                            .init("k\($0).geo.example.com", .a, from: "129.240.\($0).0/24")
                        ])[0].addresses
                    }
                    return Set(addresses) == [["192.0.2.2"]]
                })
            let file = server.backend.folder.appending(path: "geopipe.yaml")
            let before = try String(contentsOf: file, encoding: .utf8)
            // A commit that would lose changes is refused.
            try (before + "\n# changed\n").write(to: file, atomically: false, encoding: .utf8)
            try rollout("commit", on: server, status: 1)
            try rollout("abort", on: server)
            try before.write(to: file, atomically: false, encoding: .utf8)
            try rollout("start", "\(server.backend.folder.path)/new.yaml", on: server)
            let committed = try rollout("commit", on: server)
            #expect(committed["state"] as? String == "committed")
            #expect(try String(contentsOf: file, encoding: .utf8) == Self.configuration(norway: "ashburn"))
            #expect(try newNetworks(server).count == 1_000)
            let id = try #require(committed["id"] as? String)
            #expect(try String(contentsOfFile: "\(file.path).before-\(id)", encoding: .utf8) == before)
            // The files on disk match the image in force: coprocesses that check again compile nothing.
            let image = try status(server)
            try rollout("back", on: server)
            #expect(try eventually { try newNetworks(server).isEmpty })
            #expect(try String(contentsOf: file, encoding: .utf8) == before)
            #expect(try status(server) != image)
        }
    }

    /// The content id of the image in force.
    private func status(_ server: NameServer) throws -> String? {
        let folder = server.backend.folder
        let result = try Tool(path: folder.appending(path: "geopipe").path).run(
            ["status", "--config", folder.appending(path: "geopipe.yaml").path, "--json"])
        let start = try #require(result.output.firstIndex(of: "{"))
        let object = try JSONSerialization.jsonObject(with: Data(result.output[start...].utf8)) as? [String: Any]
        return (object?["image"] as? [String: Any])?["id"] as? String
    }
}
