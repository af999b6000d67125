import Foundation
import Testing

@testable import Geography

@Suite("MaxMind databases")
struct MaxMindDatabaseTests {
    private let demo = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../examples/demo/demo.mmdb").standardizedFileURL.path

    @Test("that are not there are refused by name")
    func missing() {
        let error = #expect(throws: DatabaseError.self) { try load("/nowhere/at-all.mmdb") }
        #expect(error?.description.contains("/nowhere/at-all.mmdb: No such file or directory") == true)
    }

    @Test("that are folders or named pipes are refused, and not waited for")
    func noFile() throws {
        let pipe = FileManager.default.temporaryDirectory.appendingPathComponent("geopipe-\(UUID().uuidString).pipe")
            .path
        #expect(mkfifo(pipe, 0o600) == 0)
        defer { try? FileManager.default.removeItem(atPath: pipe) }
        for path in [pipe, "/tmp"] {
            let error = #expect(throws: DatabaseError.self) { try load(path) }
            #expect(error?.reason == "not a regular file")
        }
    }

    @Test("that were cut off anywhere are refused or read, and never crash")
    func truncated() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: demo))
        for length in stride(from: 0, to: whole.count, by: whole.count / 97) {
            try withDatabase(whole.prefix(length)) { path in
                #expect(throws: DatabaseError.self) { try load(path) }
            }
        }
    }

    @Test("with any byte changed are refused or read, and never crash or hang")
    func mutated() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: demo))
        for position in stride(from: 0, to: whole.count, by: 41) {
            for value: UInt8 in [0x00, 0xff, whole[position] ^ 0x20] {
                var changed = whole
                changed[position] = value
                try withDatabase(changed) { path in
                    do { try load(path) } catch is DatabaseError {}
                }
            }
        }
    }

    @Test("whose search tree leads back to itself are refused")
    func cycle() throws {
        var changed = try Data(contentsOf: URL(fileURLWithPath: demo))
        // The root's two records, of whatever size, lead to the root.
        for i in 0..<6 { changed[i] = 0 }
        try withDatabase(changed) { path in
            let error = #expect(throws: DatabaseError.self) { try load(path) }
            #expect(error?.reason.contains("search tree") == true)
        }
    }

    private func load(_ path: String) throws {
        var atlas = Atlas()
        try atlas.add(try MaxMindDatabase(path: path))
    }

    private func withDatabase(_ contents: Data, _ body: (String) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("geopipe-\(UUID().uuidString).mmdb")
        try contents.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try body(file.path)
    }
}
