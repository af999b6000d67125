import Foundation
import Platform
import Testing

@testable import Geography

@Suite("MaxMind databases")
struct MaxMindDatabaseTests {
    private let demo = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../examples/demo/demo.mmdb").standardizedFileURL.path

    @Test("a missing database is refused, and the message names it")
    func missing() {
        let error = #expect(throws: DatabaseError.self) { try load("/nowhere/at-all.mmdb") }
        #expect(error?.description.contains("/nowhere/at-all.mmdb: No such file or directory") == true)
    }

    @Test("folders and named pipes are refused without blocking")
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

    @Test("errors say what to do")
    func advice() throws {
        try withDatabase(Data()) { path in
            let error = #expect(throws: DatabaseError.self) { try load(path) }
            #expect(error?.reason == "it is empty")
            #expect(error?.advice.contains("MaxMind") == false)
        }
        try withDatabase(Data("PK".utf8)) { path in
            let error = #expect(throws: DatabaseError.self) { try load(path) }
            #expect(error?.advice.contains("a file in MaxMind's format (.mmdb)") == true)
        }
        #expect(DatabaseError(path: "x.mmdb", error: EACCES).advice.contains("chmod a+r"))
        #expect(DatabaseError(path: "x.mmdb", error: ENOENT).isMissingFile)
        #expect(!DatabaseError(path: "x.mmdb", error: EIO).advice.contains(".mmdb"))
        #expect(DatabaseError(path: "x.BIN", reason: "").advice.contains("IP2Location"))
        #expect(DatabaseError(path: "x.tar.gz", reason: "").advice.contains("unpack"))
    }

    @Test("the metadata have the build time and the database type")
    func metadata() throws {
        let metadata = try MaxMindDatabase(path: demo).metadata
        #expect(metadata.type == "GeoLite2-City")
        #expect(metadata.built ?? 0 > 1_500_000_000)
    }

    @Test(
        "a country code has its continent",
        arguments: [
            ("NO", "EU"), ("US", "NA"), ("TR", "AS"), ("CY", "EU"), ("AU", "OC"), ("BR", "SA"), ("ZA", "AF"),
            ("AQ", "AN"),
            ("XK", "EU"), ("TL", "OC"), ("GE", "AS"), ("EG", "AF"), ("GL", "NA"), ("RU", "EU"), ("YT", "AF"),
            ("BQ", "NA"),
        ])
    func continents(country: String, continent: String) {
        #expect(PlaceCode(country)!.continent == PlaceCode(continent)!)
    }

    @Test("every country code has a continent, and no other code has one")
    func allContinents() {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        let codes = letters.flatMap { first in letters.map { "\(first)\($0)" } }
        // 249 of ISO 3166-1, Kosovo, and four codes that are not countries.
        #expect(codes.count { PlaceCode($0)!.continent != nil } == 254)
        for code in ["UK", "XX", "ZZ", "AA"] { #expect(PlaceCode(code)!.continent == nil) }
    }

    @Test("the place index finds the continent, the country, the subdivision and nearby coordinates of every client")
    func placeIndex() throws {
        var atlas = Atlas()
        try atlas.add(try MaxMindDatabase(path: demo), fields: .clientPlace)
        let memory = ColumnMemory { PlaceIndex.write(atlas, to: &$0) }
        defer { withExtendedLifetime(memory) {} }
        var reader = memory.reader
        let index = try PlaceIndex(from: &reader)
        #expect(reader.isAtEnd)
        for client in ["129.240.1.0/24", "129.240.1.1", "::ffff:129.240.1.1", "2001:700:100::/48"] {
            let place = try #require(index.find(IPPrefix(client)!), "\(client)")
            #expect(place.continent?.description == "EU")
            #expect(place.country?.description == "NO")
        }
        #expect(index.find(IPPrefix("129.240.1.1")!)?.coordinates == Coordinates(latitude: 59.91, longitude: 10.75))
        for unknown in ["203.0.113.1", "2001:db8::1", "2002::/16", "::"] {
            #expect(index.find(IPPrefix(unknown)!) == nil, "\(unknown)")
        }
        // The index has every place of the database, or another place in the same cell.
        let gazetteer = atlas.gazetteer
        for (start, place) in zip(atlas.places.ipv4.starts, atlas.places.ipv4.values) where start & 0xff == 0 {
            let known = gazetteer[gazetteer.entries[Int(place)]]
            let found = index.find(IPPrefix(.v4(start), length: 24)!)
            #expect(found?.country == known.country)
            guard start & 0x3ff == 0 else { continue }
            #expect(found?.subdivision == known.subdivisions.first)
            guard let found = found?.coordinates, let known = known.coordinates else { continue }
            #expect(abs(found.latitude - known.latitude) <= 1 && abs(found.longitude - known.longitude) <= 1)
        }
    }

    @Test("truncated databases are refused")
    func truncated() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: demo))
        for length in stride(from: 0, to: whole.count, by: whole.count / 97) {
            try withDatabase(whole.prefix(length)) { path in
                #expect(throws: DatabaseError.self) { try load(path) }
            }
        }
    }

    @Test("databases with any byte changed are refused or read, without a crash or a hang")
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

    @Test("a search tree with a cycle is refused")
    func cycle() throws {
        var changed = try Data(contentsOf: URL(fileURLWithPath: demo))
        // Both records of the root node, of any record size, point to the root.
        for i in 0..<6 { changed[i] = 0 }
        try withDatabase(changed) { path in
            let error = #expect(throws: DatabaseError.self) { try load(path) }
            #expect(error?.reason.contains("search tree") == true)
        }
    }

    @Test(
        "unsupported metadata are refused with the reason",
        arguments: [
            ("record_size", UInt8(0x1c), UInt8(0x10), "records of 16 bits, and not of 24, 28 or 32"),
            ("binary_format_major_version", 2, 3, "version 3, and not 2"),
            ("ip_version", 6, 5, "IP version 5, and not 4 or 6"),
        ])
    func metadataValues(name: String, from: UInt8, to: UInt8, reason: String) throws {
        var changed = try Data(contentsOf: URL(fileURLWithPath: demo))
        let key = try #require(changed.range(of: Data(name.utf8), options: .backwards))
        // The value follows its control byte.
        let value = key.upperBound + 1
        changed[value] = to
        try withDatabase(changed) { path in
            let error = #expect(throws: DatabaseError.self) { try load(path) }
            #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "none")")
        }
    }

    @Test("metadata that pointers make exponentially long take no time and memory")
    func exponentialMetadata() throws {
        var database = MinimalDatabase()
        database.nesting = 9
        try withDatabase(Data(database.bytes)) { path in
            let type = try MaxMindDatabase(path: path).metadata.type
            #expect(type == "Test")
        }
    }

    @Test("dense records take memory in proportion to the size of the file")
    func denseRecords() throws {
        var database = MinimalDatabase()
        database.bits = 12
        database.data = [UInt8](repeating: 0xe0, count: 1 << 20)
        try withDatabase(Data(database.bytes)) { path in
            let database = try MaxMindDatabase(path: path)
            let tree = database.tree
            var index = RecordIndex(dataCount: tree.dataCount)
            try tree.forEachIPv4Networks { networks throws(DataSection.Malformed) in
                try index.insert(networks.records, of: tree)
            }
            try tree.forEachIPv6Networks { networks throws(DataSection.Malformed) in
                try index.insert(networks.records, of: tree)
            }
            #expect(database.metadata.built == nil)
            #expect(index.number() == 1 << 12)
            index.withNumbers { number in
                for offset in 0..<UInt64(1 << 12) { #expect(number(offset) == Int(offset)) }
            }
            try load(path)
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

/// A database whose tree has a leaf for each value of the first bits of an IPv4 address. Each leaf points to the next
/// byte of the data.
private struct MinimalDatabase {
    var bits = 1
    var data: [UInt8] = [0xe0, 0xe0]
    /// The depth of `languages`: an array of twenty pointers to an array of twenty pointers, and so on.
    var nesting = 1

    var bytes: [UInt8] {
        let nodes = 1 << bits - 1
        func record(_ number: Int) -> [UInt8] {
            let value = number < nodes ? number : nodes + 16 + number - nodes
            return (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xff) }
        }
        func text(_ text: String) -> [UInt8] { [0x40 | UInt8(text.utf8.count)] + text.utf8 }
        func number(_ control: UInt8, _ value: Int) -> [UInt8] { [control, UInt8(value >> 8), UInt8(value & 0xff)] }
        func array(_ count: Int) -> [UInt8] { [UInt8(count), 0x04] }
        var metadata: [UInt8] = [0xe0 | 7] + text("x") + array(nesting)
        var element: [UInt8] = [0x40]
        for _ in 0..<nesting {
            let offset = metadata.count
            metadata += array(20) + (0..<20).flatMap { _ in element }
            element = [UInt8(0x20 | offset >> 8), UInt8(offset & 0xff)]
        }
        metadata += text("languages") + element
        metadata += text("node_count") + number(0xc2, nodes)
        metadata += text("record_size") + number(0xa2, 32)
        metadata += text("ip_version") + number(0xa2, 4)
        metadata += text("database_type") + text("Test")
        metadata += text("binary_format_major_version") + number(0xa2, 2)
        let tree = (0..<nodes).flatMap { record(2 * $0 + 1) + record(2 * $0 + 2) }
        return tree + [UInt8](repeating: 0, count: 16) + data + [0xab, 0xcd, 0xef] + Array("MaxMind.com".utf8)
            + metadata
    }
}
