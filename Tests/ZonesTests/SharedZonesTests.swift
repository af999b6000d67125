import Foundation
import Testing

@testable import Zones

@Suite("Zones in shared memory")
final class SharedZonesTests {
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

    @Test("are not made again while their files stay what they are")
    func unchanged() throws {
        let first = try zone(publishes: true)
        let second = try zone(publishes: true)
        #expect(first.image.base != second.image.base, "the same memory, in another place")
        #expect(first.isShared)
        #expect(second.isShared)
        #expect(try zone(publishes: false).isShared)
        #expect(address(second) == "192.0.2.1")
    }

    @Test("are made again when a file is another, even one of the same size in the same second")
    func changed() throws {
        let first = try zone(publishes: true)
        try write(address: "192.0.2.2")
        let second = try zone(publishes: false)
        #expect(!second.isShared)
        #expect(address(second) == "192.0.2.2")
        #expect(address(first) == "192.0.2.1", "who has it, keeps it")
    }

    @Test("may be looked for while a file changes all the time")
    func changing() throws {
        let file = folder.appending(path: "zone").path
        let content = try Data(contentsOf: URL(filePath: file))
        let end = ContinuousClock.now + .milliseconds(700)
        let writer = Thread {
            while ContinuousClock.now < end {
                try? content.write(to: URL(filePath: file), options: .atomic)
                usleep(.random(in: 0...10_000))
            }
        }
        writer.start()
        var last = try zone(publishes: true)
        while ContinuousClock.now < end {
            // What was made last is there to be found.
            last = try zone(publishes: true)
            try #require(address(last) == "192.0.2.1")
        }
    }

    @Test("are made again when an included file is another")
    func included() throws {
        let include = folder.appending(path: "more")
        try "www A 192.0.2.1\n".write(to: include, atomically: true, encoding: .utf8)
        try write(line: "$INCLUDE more")
        let first = try zone(publishes: true)
        try "www A 192.0.2.9\n".write(to: include, atomically: true, encoding: .utf8)
        #expect(address(try zone(publishes: true)) == "192.0.2.9")
        #expect(address(first) == "192.0.2.1")
        try FileManager.default.removeItem(at: include)
        #expect(library(publishes: true).zones([source]).zones.isEmpty)
    }

    @Test("are made again when the configuration lays something else over them")
    func overlay() throws {
        let first = try zone(publishes: true)
        var other = source
        other.records = [
            Record(
                owner: try DomainName("www.example.com."), type: .a, ttl: nil,
                content: try RecordContent("203.0.113.1", type: .a, origin: nil))
        ]
        #expect(address(try zone(of: other, publishes: true)) == "203.0.113.1")
        #expect(address(first) == "192.0.2.1")
        #expect(address(try zone(publishes: false)) == "192.0.2.1")
    }

    @Test("come with their warnings")
    func warnings() throws {
        try write(line: "www A 192.0.2.1\nelsewhere.example.net. A 192.0.2.1")
        let (_, problems, _) = library(publishes: true).zones([source])
        let (zones, again, _) = library(publishes: true).zones([source])
        #expect(problems.map(\.1.message).first?.contains("not in the zone") == true)
        #expect(problems.map(\.1) == again.map(\.1))
        #expect(zones.count == 1)
    }

    private func library(publishes: Bool) -> ZoneLibrary {
        ZoneLibrary(configuration: folder.appending(path: "geopipe.yaml").path, publishes: publishes)
    }

    private func zone(of source: ZoneSource? = nil, publishes: Bool) throws -> Zone {
        try #require(library(publishes: publishes).zones([source ?? self.source]).zones.first)
    }

    private func write(address: String) throws { try write(line: "www A \(address)") }

    private func write(line: String) throws {
        let text = "$TTL 60\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n\(line)\n"
        try text.write(to: URL(filePath: source.file!), atomically: false, encoding: .utf8)
    }

    /// The address of www.
    private func address(_ zone: Zone) -> String? {
        var key = NameKey()
        let name = Array("www.example.com".utf8)
        guard key.set(name.span), let node = zone.image.node(key) else { return nil }
        var address: String?
        node.forEachRecord(type: .a) { _, text, _, _ in
            address = String(decoding: text.withUnsafeBufferPointer { $0.dropLast() }, as: UTF8.self)
        }
        return address
    }
}
