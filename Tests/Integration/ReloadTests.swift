import Foundation
import Support
import Testing

/// Changes by operators reach clients through all coprocesses of a pdns_server.
@Suite("Changes while pdns_server runs")
struct ReloadTests {
    private static let configuration = """
        state_directory: state
        datacenters: { oslo: {}, ashburn: {} }
        maps: { all: { default: [oslo, ashburn] } }
        services: { web: { map: all, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } } }
        zones:
          geo.example.com: { file: geo.zone, records: { "*": { service: web } } }
        """

    private static func zone(_ address: String) -> String {
        "$TTL 60\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 127.0.0.1\nstatic A \(address)\n"
    }

    private func makeBackend() throws -> Backend {
        let backend = try Backend(Self.configuration)
        try backend.write(Self.zone("192.0.2.80"), to: "geo.zone")
        // The cache times of pdns limit how long the test waits.
        let settings = try String(contentsOf: backend.folder.appending(path: "pdns.conf"), encoding: .utf8)
        try backend.write(settings.replacing("query-cache-ttl=20", with: "query-cache-ttl=1"), to: "pdns.conf")
        return backend
    }

    private func command(_ words: String..., on server: NameServer) throws {
        let folder = server.backend.folder
        let result = try Tool(path: folder.appending(path: "geopipe").path).run(
            words + ["--config", folder.appending(path: "geopipe.yaml").path])
        try #require(result.status == 0, "\(result.output)")
    }

    /// Returns the addresses that 2,000 clients get, with enough at once to keep all coprocesses busy.
    private func addresses(_ server: NameServer) throws -> Set<String> {
        let questions = (0..<2_000).map {
            DNSClient.Question("name\($0).geo.example.com", .a, from: "10.\($0 / 200).\($0 % 200).0/24")
        }
        let answers = try DNSClient(port: server.port).ask(questions)
        #expect(answers.allSatisfy { $0.code == 0 && $0.addresses.count == 1 })
        return Set(answers.flatMap(\.addresses))
    }

    @Test("a drain takes effect in all coprocesses, and so does its end")
    func drain() async throws {
        try await NameServer.run(makeBackend()) { server in
            #expect(try addresses(server) == ["192.0.2.1"])
            for word in ["drain", "undrain", "drain", "undrain", "drain"] {
                try command(word, "oslo", on: server)
                let expected: Set = [word == "drain" ? "192.0.2.2" : "192.0.2.1"]
                #expect(try eventually { try addresses(server) == expected })
                // No coprocess returns the old one.
                #expect(try addresses(server) == expected)
            }
        }
    }

    @Test("a changed zone file is served, at the latest when pdns's caches expire")
    func zoneFile() async throws {
        try await NameServer.run(makeBackend()) { server in
            let ask = { try DNSClient(port: server.port).ask([.init("static.geo.example.com", .a)])[0].addresses }
            #expect(try ask() == ["192.0.2.80"])
            try server.backend.write(Self.zone("192.0.2.81"), to: "geo.zone")
            #expect(try eventually { try ask() == ["192.0.2.81"] })
        }
    }

    @Test("a zone whose file was never valid fails at once and alone, and kills no coprocess")
    func brokenZone() async throws {
        let backend = try Backend(
            Self.configuration + "\n  broken.example.com: { file: broken.zone }\n")
        try backend.write(Self.zone("192.0.2.80"), to: "geo.zone")
        try backend.write("@ SOA none\n", to: "broken.zone")
        try await NameServer.run(backend) { server in
            // pdns may start more coprocesses under load.
            let coprocesses = Set(try server.coprocesses())
            for round in 0..<5 {
                for name in ["broken.example.com", "www.broken.example.com", "round\(round).broken.example.com"] {
                    // pdns waits five seconds before it kills a coprocess that seems stuck.
                    let broken = try DNSClient(port: server.port).ask([.init(name, .a)], timeout: 3)[0]
                    #expect(broken.code == 2, "\(name)")
                    let good = try DNSClient(port: server.port).ask([.init("static.geo.example.com", .a)])[0]
                    #expect(good.addresses == ["192.0.2.80"])
                }
            }
            #expect(coprocesses.isSubset(of: try server.coprocesses()))
            // It is served as soon as it is corrected.
            try server.backend.write(Self.zone("192.0.2.90"), to: "broken.zone")
            #expect(
                try eventually {
                    try DNSClient(port: server.port).ask([.init("static.broken.example.com", .a)])[0].addresses
                        == ["192.0.2.90"]
                })
        }
    }
}
