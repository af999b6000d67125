import Foundation
import Platform
import Testing

@testable import DNS
@testable import Zones

@Suite("Reuse of compiled zones")
final class ZoneArchiveTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID().uuidString)")
    private let source: ZoneSource

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var source = ZoneSource(apex: try DomainName("example.com."))
        source.file = folder.appending(path: "zone").path
        self.source = source
        try "zones:".write(to: folder.appending(path: "geopipe.yaml"), atomically: true, encoding: .utf8)
        try write(address: "192.0.2.1")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test("a zone is not compiled again while its files do not change")
    func unchanged() throws {
        let first = try zone()
        let second = try zone(after: first)
        #expect(address(second) == "192.0.2.1")
        #expect(second.imageBytes.baseAddress != first.imageBytes.baseAddress, "a copy, as in an image")
        #expect(try zone(after: second).imageBytes.elementsEqual(first.imageBytes))
        // The archive is read, not the file.
        #expect(try archive([second]).unchanged(source, key: source.cacheKey, SharedSerials(nil)) != nil)
    }

    @Test("a zone is compiled again after its file is replaced, even by one of the same size in the same second")
    func changed() throws {
        let first = try zone()
        try write(address: "192.0.2.2")
        #expect(address(try zone(after: first)) == "192.0.2.2")
    }

    @Test("a zone is compiled again after an included file changes")
    func included() throws {
        let include = folder.appending(path: "more")
        try "www A 192.0.2.1\n".write(to: include, atomically: true, encoding: .utf8)
        try write(line: "$INCLUDE more")
        let first = try zone()
        try "www A 192.0.2.9\n".write(to: include, atomically: true, encoding: .utf8)
        let second = try zone(after: first)
        #expect(address(second) == "192.0.2.9")
        try FileManager.default.removeItem(at: include)
        #expect(try library(after: second).zones([source]).zones.isEmpty)
    }

    @Test("a zone is compiled again after its records in the configuration change")
    func overlay() throws {
        let first = try zone()
        var other = source
        other.records = [
            Record(
                owner: try DomainName("www.example.com."), type: .a, ttl: nil,
                content: try RecordContent("203.0.113.1", type: .a, origin: nil))
        ]
        #expect(address(try zone(of: other, after: first)) == "203.0.113.1")
        #expect(address(try zone(after: first)) == "192.0.2.1")
    }

    @Test("a reused zone keeps its warnings")
    func warnings() throws {
        try write(line: "www A 192.0.2.1\nelsewhere.example.net. A 192.0.2.1")
        let first = ZoneLoader().zones([source])
        let again = try library(after: first.zones.first).zones([source])
        #expect(first.problems.map(\.problem.message).first?.contains("not in the zone") == true)
        #expect(first.problems.map(\.problem) == again.problems.map(\.problem))
        #expect(again.zones.count == 1)
    }

    @Test("a zone with errors keeps its last good content, or has none if there never was any")
    func kept() throws {
        let first = try zone()
        try write(line: "www A 192.0.2.256")
        let library = ZoneLoader(archive: try archive([first]), keepsLastGood: true)
        let outcome = library.zones([source])
        #expect(outcome.unusable == [0])
        #expect(outcome.problems.map(\.problem.position?.line) == [5])
        let kept = try #require(outcome.zones.first)
        #expect(address(kept) == "192.0.2.1")
        #expect(kept.keptSince != nil)
        // The next image keeps it, too, with the same time.
        let after = ZoneLoader(archive: try archive([kept]), keepsLastGood: true).zones([source])
        #expect(after.zones.first.map(address) == "192.0.2.1")
        #expect(after.zones.first?.keptSince == kept.keptSince)
        let broken = ZoneLoader(keepsLastGood: true).zones([source])
        #expect(broken.zones.map(\.isBroken) == [true])
        try write(address: "192.0.2.3")
        #expect(address(try zone(after: kept)) == "192.0.2.3")
    }

    private func archive(_ zones: [Zone]) throws -> ZoneArchive {
        let table = zoneTable(zones)
        var columns = ColumnWriter()
        ZoneArchive.write(zones, serviceNames: [], to: &columns)
        var reader = ColumnReader(UnsafeRawBufferPointer(columns.finish()))
        return try ZoneArchive(from: &reader, table, owner: 0)
    }

    private func library(after zone: Zone?) throws -> ZoneLoader {
        ZoneLoader(archive: try zone.map { try archive([$0]) })
    }

    private func zone(of source: ZoneSource? = nil, after zone: Zone? = nil) throws -> Zone {
        try #require(try library(after: zone).zones([source ?? self.source]).zones.first)
    }

    private func write(address: String) throws { try write(line: "www A \(address)") }

    private func write(line: String) throws {
        let text = "$TTL 60\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n\(line)\n"
        try text.write(to: URL(filePath: source.file!), atomically: false, encoding: .utf8)
    }

    /// Returns the address of www.
    private func address(_ zone: Zone) -> String? {
        var key = NameKey()
        let name = Array("www.example.com".utf8)
        guard key.set(name.span), let node = zone.image?.node(key) else { return nil }
        var address: String?
        node.forEachRecord(type: .a) { _, text, _, _ in
            address = String(decoding: text.withUnsafeBufferPointer { $0.dropLast() }, as: UTF8.self)
        }
        return address
    }
}
