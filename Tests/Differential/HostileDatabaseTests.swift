import Foundation
import Support
import Testing

/// With a damaged or malicious database, geopipe either reports that and exits with 2, or answers. It does not crash,
/// hang or use all memory.
@Suite("Hostile databases")
struct HostileDatabaseTests {
    /// Limits with ample reserve for a debug build on a busy machine.
    private static let seconds = 30

    /// The clients whose path through the tree meets the damage, and others.
    private static let clients = [
        "10.1.2.3", "129.240.1.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::ffff:10.1.2.3", "ffff::",
    ]

    @Test("the valid originals give answers", arguments: HostileDatabase.honest)
    func honest(database: HostileDatabase) throws {
        let ending = try serve(database.bytes)
        #expect(ending.status == 0 && !ending.isKilled)
        // Norway has a rule, and both databases have the country.
        #expect(String(decoding: ending.output, as: UTF8.self).contains("10.0.0.1"))
    }

    @Test("search trees", arguments: HostileDatabase.trees)
    func trees(database: HostileDatabase) throws { try expectRefusal(of: database) }

    @Test("records", arguments: HostileDatabase.records)
    func records(database: HostileDatabase) throws { try expectRefusal(of: database) }

    @Test("metadata", arguments: HostileDatabase.metadata)
    func metadata(database: HostileDatabase) throws { try expectRefusal(of: database) }

    @Test("a truncated database is refused")
    func truncated() throws {
        let whole = Array(try Data(contentsOf: URL(filePath: Project.demonstration)))
        var generator = SeededGenerator(seed: Effort.seed)
        var lengths = Set((1...40).map { whole.count - $0 } + (0..<20))
        for _ in 0..<60 * Effort.rounds { lengths.insert(generator.number(0...whole.count - 1)) }
        for length in lengths.sorted() {
            let ending = try serve(Array(whole.prefix(length)))
            #expect(isRefusal(ending), "cut off at \(length): \(description(of: ending))")
        }
    }

    @Test("a folder instead of a database is refused")
    func folder() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/spoilt.mmdb", withIntermediateDirectories: true)
        #expect(isRefusal(try serve(in: folder)))
    }

    private func expectRefusal(of database: HostileDatabase) throws {
        let ending = try serve(database.bytes)
        let isFine = isRefusal(ending) || !database.mustBeRefused && isAnswer(ending)
        #expect(isFine, "\(database.testDescription): \(description(of: ending))")
    }

    private func isRefusal(_ ending: Program.Ending) -> Bool {
        !ending.isKilled && ending.status == 2 && ending.error.contains("spoilt.mmdb")
    }

    private func isAnswer(_ ending: Program.Ending) -> Bool {
        let ends = ending.output.split(separator: UInt8(ascii: "\n")).count { $0.elementsEqual("END".utf8) }
        return !ending.isKilled && ending.status == 0 && ends == Self.clients.count
    }

    private func description(of ending: Program.Ending) -> String {
        let way =
            ending.tookTooLong
            ? "took too long" : ending.isKilled ? "killed by signal \(ending.status)" : "exit \(ending.status)"
        return "\(way); \(ending.error.prefix(500)); \(String(decoding: ending.output.prefix(500), as: UTF8.self))"
    }

    private func serve(_ database: [UInt8]) throws -> Program.Ending {
        let folder = try Folder()
        try folder.write(database, to: "spoilt.mmdb")
        return try serve(in: folder)
    }

    /// Asks geopipe with the database `spoilt.mmdb` for the answer to each client.
    private func serve(in folder: Folder) throws -> Program.Ending {
        var world = TestWorld()
        world.databases = ["\(folder.path)/spoilt.mmdb"]
        world.datacenters = [
            ReferenceLocation(latitude: 1.35, longitude: 103.82), ReferenceLocation(latitude: 59.91, longitude: 10.75),
        ]
        var map = MapRules()
        map.systems = [(2119, .datacenter(0))]
        map.countries = [("NO", .datacenter(1)), ("US", .list([.datacenter(0), .datacenter(1)]))]
        map.continents = [("EU", .datacenter(0))]
        map.fallback = .nearest
        world.maps = [map]
        world.services = [("first", 0, "")]
        let questions = Self.clients.map { PipeQuestion("first", Address($0)).line }.joined()
        return try Program.geopipe.run(
            ["--config", try world.write(to: folder)], input: Array("HELO\t5\n\(questions)".utf8), in: folder,
            seconds: Self.seconds)
    }
}
