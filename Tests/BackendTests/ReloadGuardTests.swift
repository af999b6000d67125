import Configuration
import Foundation
import Support
import Testing

@testable import Backend

@Suite("A reload")
struct ReloadGuardTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text = """
            databases: [{ path: places.mmdb, optional: true }]
            datacenters: { oslo: {} }
            maps: { m: { countries: { NO: oslo }, default: oslo } }
            zones: { example.com: { soa: { primary: ns., contact: hostmaster. }, ns: [ns.] } }
            """
        try text.write(toFile: "\(folder)/geopipe.yaml", atomically: false, encoding: .utf8)
    }

    private func plan(hasDatabase: Bool) throws -> SnapshotPlan {
        let database = "\(folder)/places.mmdb"
        try? FileManager.default.removeItem(atPath: database)
        if hasDatabase { try FileManager.default.copyItem(atPath: Project.demonstration, toPath: database) }
        return try SnapshotPlan(Configuration.load("\(folder)/geopipe.yaml"))
    }

    @Test("waits for an optional database that was there, but not for ever")
    func optionalDatabase() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let without = try plan(hasDatabase: false)
        let with = try plan(hasDatabase: true)
        let guardian = ReloadGuard()
        guardian.accept(without)
        // It never was there.
        #expect(guardian.objection(to: without, at: 1_000) == nil)
        guardian.accept(with)
        #expect(guardian.objection(to: without, at: 1_000)?.retryIn == 60)
        #expect(guardian.objection(to: without, at: 1_059)?.retryIn == 1)
        #expect(guardian.objection(to: without, at: 1_060) == nil)
        guardian.accept(without)
        #expect(guardian.objection(to: without, at: 1_061) == nil)
        // What comes back is waited for once more.
        guardian.accept(with)
        #expect(guardian.objection(to: without, at: 2_000)?.retryIn == 60)
        #expect(guardian.objection(to: with, at: 2_010) == nil)
        #expect(guardian.objection(to: without, at: 2_100)?.retryIn == 60)
    }
}

extension ReloadGuard.Objection: Equatable {
    public static func == (a: Self, b: Self) -> Bool { a.complaints == b.complaints && a.retryIn == b.retryIn }
}
