import Testing

@testable import Zones

@Suite("The zone table")
struct ZoneTableTests {
    private var store = RecordStore()
    private let table: ZoneTable

    init() throws {
        func record(_ owner: String, _ type: RecordType, _ content: String) throws -> Record {
            Record(
                owner: try DomainName(owner), type: type, ttl: 60,
                content: try RecordContent(content, type: type, origin: nil))
        }
        let parent = Zone(
            apex: try DomainName("example.com."), defaultTTL: 60, negativeTTL: 30,
            records: [
                try record("example.com.", .ns, "ns1.example.com."), try record("a.b.c.example.com.", .a, "192.0.2.1"),
                try record("cut.example.com.", .ns, "ns.cut.example.com."),
                try record("ns.cut.example.com.", .a, "192.0.2.2"),
                try record("cut.example.com.", .txt, "at the cut"), try record("x.geo.example.com.", .a, "192.0.2.9"),
            ], services: [(name: try DomainName("www.example.com."), service: 7)])
        let child = Zone(
            apex: try DomainName("geo.example.com."), defaultTTL: 60, negativeTTL: 30,
            records: [try record("geo.example.com.", .ns, "ns1.example.com.")], services: [])
        table = ZoneTable([parent, child], store: &store)
    }

    @Test("finds names in either case")
    func finds() {
        #expect(lines("A.b.C.Example.com") == ["A 192.0.2.1 +"])
        #expect(lines("a.b.c.example.com.") == ["A 192.0.2.1 +"])
        #expect(node("www.example.com")?.service == 7)
        #expect(node("b.a.example.com") == nil)
        #expect(node("com") == nil)
    }

    @Test("has a marker where only names below exist")
    func emptyNonTerminals() {
        #expect(lines("b.c.example.com") == ["TYPE65280 \\# 0 +"])
        #expect(lines("c.example.com") == ["TYPE65280 \\# 0 +"])
        #expect(lines("c.example.com", .a) == [])
    }

    @Test("is not authoritative for delegations and glue")
    func delegations() {
        #expect(lines("example.com") == ["NS ns1.example.com +"])
        #expect(Set(lines("cut.example.com")) == ["NS ns.cut.example.com -", #"TXT "at the cut" -"#])
        #expect(lines("ns.cut.example.com") == ["A 192.0.2.2 -"])
    }

    @Test("gives a name to the lowest zone that it is in")
    func nestedZones() {
        #expect(node("geo.example.com")?.zone == 1)
        #expect(node("x.geo.example.com") == nil)
        #expect(node("example.com")?.zone == 0)
    }

    @Test("finds one name among many, and no other")
    func many() throws {
        var store = RecordStore()
        let content = try RecordContent("192.0.2.1", type: .a, origin: nil)
        let records = try (0..<5000).map {
            Record(owner: try DomainName("host\($0).example.com."), type: .a, ttl: 60, content: content)
        }
        let zone = Zone(
            apex: try DomainName("example.com."), defaultTTL: 60, negativeTTL: 60, records: records, services: [])
        let table = ZoneTable([zone], store: &store)
        var key = NameKey()
        for i in 0..<10_000 {
            let name = Array("host\(i).example.com".utf8)
            let isFound = key.set(name.span) && table.node(key) != nil
            #expect(isFound == (i < 5000))
        }
    }

    private func node(_ name: String) -> ZoneTable.Node? {
        var key = NameKey()
        let bytes = Array(name.utf8)
        return key.set(bytes.span) ? table.node(key) : nil
    }

    /// Type, content, and whether it is authoritative.
    private func lines(_ name: String, _ type: RecordType = .any) -> [String] {
        guard let node = node(name) else { return ["no such name"] }
        var lines: [String] = []
        store.forEach(node.records, type: type) { line, _, isAuthoritative in
            let fields = String(decoding: line.withUnsafeBufferPointer { Array($0) }, as: UTF8.self).split(
                separator: "\t")
            lines.append("\(fields[1]) \(fields[4].dropLast()) \(isAuthoritative ? "+" : "-")")
        }
        return lines
    }
}
