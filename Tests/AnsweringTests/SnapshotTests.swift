import Configuration
import Foundation
import Platform
import Testing

@testable import Answering

@Suite("Snapshots")
struct SnapshotTests {
    @Test("need every database, and name all unusable ones at their place in the configuration")
    func databases() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("geopipe-\(UUID().uuidString).yaml")
            .path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = """
            databases:
              - missing.mmdb
              - \(file)
            zones:
              example.com: { soa: { primary: ns., contact: hostmaster. }, ns: [ns.] }
            """
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        let error = try #require(throws: ConfigurationError.self) { try Snapshot(Configuration.load(file)) }
        #expect(error.diagnostics.map(\.position?.line) == [2, 3])
        #expect(error.diagnostics.allSatisfy { $0.file == file })

        let override = try #require(throws: ConfigurationError.self) {
            try Snapshot(Configuration.load(file, databases: ["/nowhere.mmdb"]))
        }
        #expect(
            override.description.hasPrefix(
                "--database: cannot use the database /nowhere.mmdb: No such file or directory"))
    }
}
