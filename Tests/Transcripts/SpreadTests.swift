import Foundation
import Support
import Testing

/// Output of commands about clients that are spread over other datacenters.
@Suite("Spreading on failure")
struct SpreadTests {
    private let folder: Folder
    private let coprocess: Coprocess

    init() throws {
        folder = try Folder()
        try folder.write(
            """
            state_directory: state
            datacenters: { oslo: { capacity: 30 }, ashburn: { capacity: 60 }, singapore: { capacity: 30 } }
            maps: { m: { networks: { 10.0.0.0/8: { list: [oslo, ashburn], then: spread } }, default: [ashburn, oslo] } }
            services: { web: { map: m, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, singapore: 192.0.2.3 } } }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } } }
            """.utf8, to: "geopipe.yaml")
        coprocess = try Coprocess(["--config", "geopipe.yaml"], in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        try #require(try answer("10.1.2.0/24") == Answer(scope: "8", address: "192.0.2.1"))
    }

    private struct Answer: Equatable {
        var scope: String
        var address: String
    }

    private func answer(_ client: String) throws -> Answer? {
        try coprocess.send("Q\twww.example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t\(client)\n")
        let fields = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }.first { $0.hasPrefix("DATA") }?
            .split(separator: "\t").map(String.init)
        return fields.flatMap { $0.count < 2 ? nil : Answer(scope: $0[1], address: $0[$0.count - 1]) }
    }

    private func run(_ words: String...) throws -> (status: Int32, output: String) {
        let ending = try Program.geopipe.run(words + ["--config", "geopipe.yaml"], in: folder)
        return (ending.status, String(decoding: ending.output, as: UTF8.self))
    }

    /// The answers to 200 networks.
    private func answers() throws -> [Answer?] { try (0..<200).map { try answer("10.7.\($0).0/24") } }

    @Test("spreads the clients of a drained datacenter over all others, and a second drain moves only its own clients")
    func drains() throws {
        try #require(run("drain", "oslo", "--reason", "new routers").status == 0)
        let isThere = try eventually { try answer("10.1.2.0/24")?.address != "192.0.2.1" }
        try #require(isThere)
        let first = try answers()
        #expect(first.allSatisfy { $0?.scope == "24" })
        #expect(Set(first.map { $0?.address }) == ["192.0.2.2", "192.0.2.3"])
        #expect(try answer("203.0.113.0/24")?.address == "192.0.2.2", "its datacenter is available")
        #expect(try answer("203.0.113.0/24")?.scope != "24")

        let explanation = try run("explain", "www.example.com", "10.1.2.0/24").output
        #expect(explanation.contains(#/\n  1 +oslo +[^ ]+( km)? +drained /#), "\(explanation)")
        #expect(explanation.contains("{ list: [oslo, ashburn], then: spread }   <- wins"), "\(explanation)")
        #expect(
            explanation.contains(
                "then: spread: oslo is not available for this client, which is spread from oslo over all datacenters of the service, by capacity"
            ), "\(explanation)")
        #expect(
            try run("explain", "www.example.com", "10.1.2.0/24", "--json").output.contains(#""spreadFrom" : "oslo""#))

        try #require(run("drain", "singapore").status == 0)
        let isFollowed = try eventually { try answers().allSatisfy { $0?.address == "192.0.2.2" } }
        try #require(isFollowed)
        try #require(run("undrain", "singapore").status == 0)
        let isBack = try eventually { try answers() == first }
        try #require(isBack, "each has its place again")
        try #require(run("undrain", "oslo").status == 0)
        let isOver = try eventually { try answers().allSatisfy { $0 == Answer(scope: "8", address: "192.0.2.1") } }
        try #require(isOver)
    }
}
