import Foundation
import Support
import Testing

@Suite("The hits log")
struct HitsLogTests {
    /// A site that logs hits to `hits.log`.
    private func site(_ settings: String = "file: ../hits.log", isStarted: Bool = true) throws -> Site {
        let site = try Site(isStarted: false)
        try configure(site, settings)
        if isStarted { try site.start() }
        return site
    }

    private func configure(_ site: Site, _ settings: String?, version: Int = 1) throws {
        let log = settings.map { "hits_log: { \($0) }\n" } ?? ""
        try site.replace("release/geopipe.yaml", with: Site.Part.configuration.content(version) + log.utf8)
    }

    private func ask(
        _ coprocess: Coprocess, _ count: Int = 1, _ name: String = "www.example.com",
        from client: String = "129.240.7.0/24",
        resolver: String = "192.0.2.1"
    ) throws {
        let question = "Q\t\(name)\tIN\tANY\t-1\t\(resolver)\t127.0.0.1\t\(client)\n"
        try coprocess.send(String(repeating: question, count: count))
        for _ in 0..<count { _ = try coprocess.answer() }
    }

    /// Returns the complete lines of a log. A reader may see a part of a line that is being written.
    private func lines(_ site: Site, _ name: String = "hits.log") -> [String] {
        let text = (try? String(contentsOfFile: site.path(name), encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    private func expectLines(
        _ site: Site, _ count: Int, at place: SourceLocation = #_sourceLocation
    )
        throws
    {
        let isThere = try eventually(within: Coprocess.timeout) {
            try site.coprocess.wait(.milliseconds(1))
            return lines(site).count >= count
        }
        let text = try String(contentsOfFile: site.path("hits.log"), encoding: .utf8)
        try #require(
            isThere && lines(site).count == count && text.hasSuffix("\n"), "\(lines(site).count) \(site.error)",
            sourceLocation: place)
    }

    @Test("has a line for each answer of a service, and none for pdns's own questions")
    func content() throws {
        let site = try site()
        try expectLines(site, 1)
        // Clients with shorter and longer prefixes than may be logged, without a subnet, and over IPv6.
        try ask(site.coprocess, 1, "WWW.example.com", from: "129.240.0.0/16")
        try ask(site.coprocess, 1, from: "129.240.7.77/32")
        try ask(site.coprocess, 1, from: "0.0.0.0/0", resolver: "129.240.8.9")
        try ask(site.coprocess, 1, from: "2001:db8:1:2:3::/80")
        try ask(site.coprocess, 1, from: "0.0.0.0/0", resolver: "0.0.0.0")
        try ask(site.coprocess, 1, "more.example.com")
        try ask(site.coprocess, 1, "nothing.example.com")
        #expect(try site.coprocess.finish() == .init(status: 0))
        let fields = lines(site).dropFirst().map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        try #require(fields.count == 4, "\(fields)")
        let times = try fields.map { fields in
            _ = try #require(fields[0].wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/))
            return try Date(fields[0], strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true))
        }
        #expect(times.allSatisfy { abs($0.timeIntervalSinceNow) < 60 })
        let known = ["NO", "59.91", "10.75"]
        #expect(
            fields.map { Array($0.dropFirst()) } == [
                ["129.240.0.0/16"] + known + ["WWW.example.com", "oslo", "web", fields[0].last!],
                ["129.240.7.0/24"] + known + ["www.example.com", "oslo", "web", fields[0].last!],
                ["129.240.8.0/24"] + known + ["www.example.com", "oslo", "web", fields[0].last!],
                ["2001:db8:1::/56", "", "", "", "www.example.com", "ashburn", "web", fields[3].last!],
            ])
        #expect(1...24 ~= Int(fields[0].last!)!)
    }

    @Test("has JSON objects with the same fields")
    func json() throws {
        let site = try site("file: ../hits.log, format: json")
        try ask(site.coprocess)
        _ = try site.coprocess.finish()
        let objects = try lines(site).map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
        try #require(objects.count == 2)
        let (unknown, known) = (try #require(objects[0]), try #require(objects[1]))
        #expect(
            Set(known.keys) == [
                "time", "client", "country", "latitude", "longitude", "name", "datacenters", "service", "scope",
            ])
        #expect(known["client"] as? String == "129.240.7.0/24")
        #expect(known["country"] as? String == "NO")
        #expect(known["latitude"] as? Double == 59.91)
        #expect(known["longitude"] as? Double == 10.75)
        #expect(known["name"] as? String == "www.example.com")
        #expect(known["datacenters"] as? [String] == ["oslo"])
        #expect(known["service"] as? String == "web")
        #expect((known["scope"] as? Int).map { 1...24 ~= $0 } == true)
        #expect(unknown["country"] is NSNull && unknown["latitude"] is NSNull)
        #expect(unknown["datacenters"] as? [String] == ["ashburn"])
    }

    @Test("has the requested sample", arguments: [(10.0, 350...650), (100, 5_000...5_000)])
    func sample(percent: Double, expected: ClosedRange<Int>) throws {
        let site = try site("file: ../hits.log, sample: \(percent)%")
        for _ in 0..<5 {
            try ask(site.coprocess, 1_000)
            // So that none is dropped.
            try site.coprocess.wait(.milliseconds(100))
        }
        _ = try site.coprocess.finish()
        #expect(expected ~= lines(site).count { $0.contains("129.240.7.0/24") })
    }

    @Test("continues in a new file when the old one is moved away, and loses nothing")
    func rotation() throws {
        let site = try site()
        try ask(site.coprocess, 10)
        try expectLines(site, 11)
        try #require(rename(site.path("hits.log"), site.path("hits.log.1")) == 0)
        try ask(site.coprocess, 10)
        try expectLines(site, 10)
        #expect(lines(site, "hits.log.1").count == 11)
        try #require(unlink(site.path("hits.log")) == 0)
        try ask(site.coprocess, 3)
        try expectLines(site, 3)
        #expect(!site.error.contains("hits.log"))
    }

    @Test("may be shared by several coprocesses, whose lines stay whole")
    func sharing() throws {
        let site = try site(isStarted: false)
        let coprocesses = try (0..<3).map { _ in try site.launch() }
        for coprocess in coprocesses { try coprocess.send("HELO\t5\n") }
        for coprocess in coprocesses { _ = try coprocess.answer() }
        for _ in 0..<4 {
            for coprocess in coprocesses { try ask(coprocess, 500) }
            try coprocesses[0].wait(.milliseconds(100))
        }
        try expectLines(site, 6_000)
        for coprocess in coprocesses { _ = try coprocess.finish() }
        let lines = lines(site)
        #expect(lines.count == 6_000)
        #expect(lines.allSatisfy { $0.count { $0 == "\t" } == 8 && $0.contains("\tNO\t") })
    }

    @Test(
        "that cannot be written is reported once, and stops nothing",
        arguments: ["gone/hits.log", "state", "/dev/full"])
    func broken(file: String) throws {
        let site = try site("file: \(file.hasPrefix("/") ? file : "../\(file)")", isStarted: false)
        try FileManager.default.createDirectory(atPath: site.path("state"), withIntermediateDirectories: true)
        try site.start()
        for _ in 0..<5 {
            try ask(site.coprocess, 1_000)
            try site.coprocess.wait(.milliseconds(200))
        }
        try site.expectError("hits are not logged")
        #expect(site.error.split(separator: "\n").count { $0.contains("hits are not logged") } == 1, "\(site.error)")
        guard file == "gone/hits.log" else { return }
        try FileManager.default.createDirectory(atPath: site.path("gone"), withIntermediateDirectories: true)
        try ask(site.coprocess, 10)
        let isThere = try eventually(within: Coprocess.timeout) {
            try site.coprocess.wait(.milliseconds(1))
            return lines(site, file).count >= 10
        }
        #expect(isThere)
    }

    @Test("follows the configuration")
    func reload() throws {
        let site = try site()
        try expectLines(site, 1)
        try configure(site, "file: ../other.log, format: json", version: 2)
        try site.expect(.configuration, 2)
        try ask(site.coprocess, 5, from: "129.240.9.0/24")
        let isThere = try eventually(within: Coprocess.timeout) {
            try site.coprocess.wait(.milliseconds(1))
            return lines(site, "other.log").count { $0.contains("129.240.9.0/24") && $0.hasPrefix("{") } == 5
        }
        #expect(isThere)
        try configure(site, nil, version: 3)
        try site.expect(.configuration, 3)
        try ask(site.coprocess, 5, from: "129.240.10.0/24")
        _ = try site.coprocess.finish()
        #expect(!(lines(site) + lines(site, "other.log")).contains { $0.contains("129.240.10.0/24") })
        #expect(!lines(site).contains { $0.contains("129.240.9.0/24") })
    }
}
