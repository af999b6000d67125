import Platform
import Testing

@testable import DNS
@testable import Zones

@Suite("Zone table")
struct ZoneTableTests {
    private let table: ZoneTable

    init() throws {
        var parent = try source("example.com.")
        parent.records += [
            try record("a.b.c.example.com.", .a, "192.0.2.1"),
            try record("cut.example.com.", .ns, "ns.cut.example.com."),
            try record("ns.cut.example.com.", .a, "192.0.2.2"), try record("cut.example.com.", .txt, "at the cut"),
            try record("cut.example.com.", .ds, "1 8 2 \(String(repeating: "ab", count: 32))"),
            try record("x.geo.example.com.", .a, "192.0.2.9"), try record("geo.example.com.", .ns, "ns1.example.com."),
            try record("deep.ent.cut.example.com.", .a, "192.0.2.3"),
        ]
        parent.services = [.init(owner: try DomainName("www.example.com."), service: 7, types: [.a], position: nil)]
        table = zoneTable(try zones([parent, source("geo.example.com.")]))
    }

    @Test("names are found without regard to case")
    func finds() {
        #expect(lines("A.b.C.Example.com") == ["A 192.0.2.1 +"])
        #expect(lines("a.b.c.example.com.") == ["A 192.0.2.1 +"])
        #expect(node("www.example.com")?.service == 0)
        #expect(node("a.b.c.example.com")?.service == -1)
        #expect(node("b.a.example.com") == nil)
        #expect(node("com") == nil)
    }

    @Test("an empty non-terminal has a marker")
    func emptyNonTerminals() {
        #expect(lines("b.c.example.com") == ["TYPE65280 \\# 0 +"])
        #expect(lines("c.example.com") == ["TYPE65280 \\# 0 +"])
        #expect(lines("c.example.com", .a) == [])
    }

    @Test("delegations and glue are not authoritative")
    func delegations() {
        #expect(lines("example.com", .ns) == ["NS ns1.example.com +"])
        #expect(lines("cut.example.com", .ns) == ["NS ns.cut.example.com -"])
        #expect(lines("cut.example.com", .txt) == [#"TXT "at the cut" -"#])
        #expect(lines("cut.example.com", .ds).map(\.last) == ["+"])
        #expect(lines("ns.cut.example.com") == ["A 192.0.2.2 -"])
        #expect(lines("ent.cut.example.com") == ["TYPE65280 \\# 0 -"])
    }

    @Test("a name belongs to the lowest zone, unless pdns asks for another")
    func nestedZones() throws {
        #expect(try find("geo.example.com")?.zone == 1)
        #expect(try find("x.geo.example.com") == nil)
        #expect(try find("example.com")?.zone == 0)
        #expect(try find("geo.example.com", zoneID: table.ids[0])?.zone == 0)
        #expect(lines("geo.example.com", .ns, zoneID: table.ids[0]) == ["NS ns1.example.com -"])
        #expect(
            try find("example.com", zoneID: table.ids[1])?.zone == 0, "pdns knows the id from another configuration")
        #expect(try find("geo.example.com", zoneID: 99)?.zone == 1)
    }

    @Test("nested zones have the same ids in every configuration")
    func ids() throws {
        let other = zoneTable(
            try zones([source("new.example.org."), source("geo.example.com."), source("example.com.")]))
        #expect(other.ids[1] == table.ids[1])
        #expect(other.ids[2] == table.ids[0])
        #expect(Set((0..<3).map { other.ids[$0] }).count == 3)
        for table in [table, other, zoneTable(try zones([source("example.com."), source("example.org.")]))] {
            for zone in 0..<2 { #expect(table.ids.zone(table.ids[zone]) == zone) }
            for id in [-1, 0, 4, 1 << 31] { #expect(table.ids.zone(id) == nil) }
        }
        #expect(try find("x.geo.example.com", zoneID: other.ids[0]) == nil, "an id that is not known here")
    }

    @Test("a zone is found by its apex only")
    func apexes() throws {
        #expect(table.zone(try key("geo.EXAMPLE.com.")) == 1)
        #expect(table.zone(try key("www.example.com")) == nil)
        #expect(table.zone(try key("com")) == nil)
    }

    @Test("a table with any byte damaged is refused, or read without a fault")
    func damaged() throws {
        var columns = ColumnWriter()
        ZoneTable.write(try zones([source("example.com."), source("geo.example.com.")]), to: &columns)
        let memory = columns.finish()
        defer { PageMemory.free(memory) }
        var name = try key("www.example.com")
        for position in memory.indices {
            let good = memory[position]
            for change in [0x01, 0x80, 0xff] as [UInt8] {
                memory[position] = good ^ change
                var reader = ColumnReader(UnsafeRawBufferPointer(memory))
                guard let table = try? ZoneTable(from: &reader) else { continue }
                for text in ["www.example.com", "ns1.geo.example.com", "com"] {
                    let bytes = Array(text.utf8)
                    _ = name.set(bytes.span)
                    guard let (_, node) = table.find(name, zoneID: 1) else { continue }
                    node.forEachRecord(type: .any) { head, text, _, _ in
                        _ = head.count > 0 ? head[head.count - 1] : 0
                        _ = text.count > 0 ? text[text.count - 1] : 0
                    }
                }
                table.forEachNode(inZone: 0) { $0.withName { _ = $0.count } }
            }
            memory[position] = good
        }
        for length in 0..<memory.count {
            var reader = ColumnReader(UnsafeRawBufferPointer(rebasing: memory[..<length]))
            #expect(throws: MalformedColumns.self) { try ZoneTable(from: &reader) }
        }
    }

    @Test("the root may be a zone")
    func root() throws {
        let table = zoneTable(try zones([source("."), source("example.com.")]))
        #expect(table.zone(try key(".")) == 0)
        #expect(table.find(try key("ns1.example.com"), zoneID: -1)?.zone == 1)
        #expect(table.find(try key("com"), zoneID: -1) == nil)
        #expect(table.find(try key("ns1"), zoneID: -1)?.zone == 0)
    }

    @Test("each of many names is found and listed once")
    func many() throws {
        var source = try source("example.com.")
        let content = try RecordContent("192.0.2.1", type: .a, origin: nil)
        source.records += try (0..<5000).map {
            Record(owner: try DomainName("host\($0).example.com."), type: .a, ttl: 60, content: content)
        }
        let table = zoneTable(try zones([source]))
        for i in 0..<10_000 {
            #expect((table.find(try key("host\(i).example.com"), zoneID: 1) != nil) == (i < 5000))
        }
        var names: [String] = []
        table.forEachNode(inZone: 0) { node in
            names.append(node.withName { String(decoding: $0.withUnsafeBufferPointer { Array($0) }, as: UTF8.self) })
        }
        #expect(names.first == "example.com")
        #expect(Set(names).count == 5002)
        #expect(names.count == 5002)
    }

    @Test("the records of a type are found among many at a name")
    func types() throws {
        var source = try source("example.com.")
        for number in 0..<300 {
            let type = RecordType(rawValue: UInt16(65_300 + number % 100))
            source.records.append(try record("many.example.com.", type, "\\# 2 \(String(number + 4096, radix: 16))"))
        }
        let table = zoneTable(try zones([source]))
        let node = try #require(table.find(try key("many.example.com"), zoneID: -1)?.node)
        for number in 0..<100 {
            var found = 0
            node.forEachRecord(type: RecordType(rawValue: UInt16(65_300 + number))) { _, _, _, _ in found += 1 }
            #expect(found == 3)
        }
        node.forEachRecord(type: .a) { _, _, _, _ in Issue.record("there is no A record") }
    }

    private func find(_ name: String, zoneID: Int = -1) throws -> (zone: Int, node: ZoneNode)? {
        table.find(try key(name), zoneID: zoneID)
    }

    private func node(_ name: String) -> ZoneNode? { try? find(name)?.node }

    /// Returns the type, the content and the `auth` flag of each record.
    private func lines(_ name: String, _ type: RecordType = .any, zoneID: Int = -1) -> [String] {
        guard let node = try? find(name, zoneID: zoneID)?.node else { return ["no such name"] }
        var lines: [String] = []
        node.forEachRecord(type: type) { _, text, type, isAuthoritative in
            let text = String(decoding: text.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
            lines.append("\(type) \(text.dropLast()) \(isAuthoritative ? "+" : "-")")
        }
        return lines
    }
}

private func key(_ name: String) throws -> NameKey {
    var key = NameKey()
    let bytes = Array(name.utf8)
    let isName = key.set(bytes.span)
    try #require(isName)
    return key
}

private func record(_ owner: String, _ type: RecordType, _ content: String) throws -> Record {
    Record(
        owner: try DomainName(owner), type: type, ttl: 60, content: try RecordContent(content, type: type, origin: nil))
}

/// Returns a zone with SOA and NS.
private func source(_ apex: String) throws -> ZoneSource {
    let name = try DomainName(apex)
    let server = try DomainName("ns1", relativeTo: name)
    var source = ZoneSource(apex: name)
    let soa = RecordContent(
        primary: server, contact: server, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 30)
    source.records = [
        Record(owner: name, type: .soa, ttl: 60, content: soa),
        try record(apex, .ns, "\(server)."), try record("\(server).", .a, "192.0.2.53"),
    ]
    return source
}

private func zones(_ sources: [ZoneSource]) throws -> [Zone] {
    let outcome = ZoneLoader().zones(sources)
    try #require(outcome.problems.filter { !$0.problem.isWarning }.isEmpty)
    return outcome.zones
}

/// A table of zones that keeps its memory.
func zoneTable(_ zones: [Zone]) -> ZoneTable {
    var columns = ColumnWriter()
    ZoneTable.write(zones, to: &columns)
    var reader = ColumnReader(UnsafeRawBufferPointer(columns.finish()))
    do { return try ZoneTable(from: &reader) } catch { fatalError("\(error)") }
}
