import Testing

@testable import DNS
@testable import Zones

/// Records and services of the configuration in a zone that has a file.
@Suite("The configuration over zone files")
struct ZoneOverlayTests {
    private let folder: ZoneFolder

    init() throws { folder = try ZoneFolder() }

    @Test("records and services of the configuration replace those of the file")
    func overlay() throws {
        try folder.write(
            ZoneFolder.head
                + """
                a A 192.0.2.1
                a A 192.0.2.2
                a TXT stays
                b CNAME a
                c A 192.0.2.3
                c MX 5 ns1
                d A 192.0.2.4
                d AAAA 2001:db8::4
                d TXT stays
                e CNAME a
                f A 192.0.2.5
                """, "zone")
        var source = folder.source
        source.records = [
            try folder.record("a", .a, "203.0.113.1"), try folder.record("b", .a, "203.0.113.2"),
            try folder.record("c", .cname, "www.example.net."), try folder.record("g", .txt, "new"),
            try folder.record("@", .ns, "ns.example.net."),
        ]
        for (name, number, types) in [("d", 4, [.a, .aaaa]), ("e", 2, [.a]), ("f", 4, [RecordType.cname])] {
            source.services.append(
                .init(
                    owner: try DomainName(name, relativeTo: source.apex), service: number, types: Set(types),
                    position: nil))
        }
        let outcome = folder.zones([source])
        #expect(outcome.problems.isEmpty, "\(outcome.problems)")
        let zone = try #require(outcome.zones.first)
        #expect(zone.services == [4, 2])
        #expect(
            Set(folder.lines(zone)) == [
                "a A 3600 203.0.113.1", "a TXT 3600 \"stays\"", "b A 3600 203.0.113.2", "c CNAME 3600 www.example.net",
                "d TXT 3600 \"stays\"", "d service 0", "e service 1", "f service 0", "g TXT 3600 \"new\"",
            ])
        #expect(folder.all(zone).filter { $0.hasPrefix("@ NS") } == ["@ NS 3600 ns.example.net"])
    }

    @Test("a service that is a CNAME for some clients gets a warning if the file has other data")
    func crowdedAlias() throws {
        try folder.write(ZoneFolder.head + "a MX 5 ns1\nb A 192.0.2.1\nc MX 5 ns1", "zone")
        var source = folder.source
        for (line, name) in ["@", "a", "b", "c", "d"].enumerated() {
            source.services.append(
                .init(
                    owner: try DomainName(name, relativeTo: source.apex), service: 1,
                    types: name == "c" ? [.a] : [.a, .cname], position: SourcePosition(line: line, column: 1)))
        }
        let problems = folder.zones([source]).problems.map(\.1)
        #expect(problems.map(\.position?.line) == [1])
        #expect(problems.first?.isWarning == true)
        #expect(problems.first?.message.hasPrefix("a.example.com is a CNAME in some datacenters") == true)
    }
}
