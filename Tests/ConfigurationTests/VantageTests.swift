import Configuration
import Foundation
import Testing

@Suite("The vantage points of a configuration")
struct VantageTests {
    private func load(_ health: String) throws -> Configuration {
        let folder = URL.temporaryDirectory.appending(path: "geopipe-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = """
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            health:
            \(health.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
            """
        let file = folder.appending(path: "geopipe.yaml").path
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return try Configuration.load(file)
    }

    private static let points = "vantage_points: [{ name: oslo, url: 'http://192.0.2.1:9353' }]"

    @Test("have names and URLs, and the default times")
    func usual() throws {
        let health = try #require(
            load(
                """
                token_file: /etc/geopipe/token
                vantage_points:
                  - { name: oslo, url: "http://192.0.2.1:9353" }
                  - { name: nyc.1, url: "https://[2001:db8::1]/agent/vantage", token_file: other }
                """
            ).vantagePoints)
        #expect(health.tokenFile == "/etc/geopipe/token")
        #expect([health.interval, health.timeout, health.maxAge] == [2, 2, 10])
        #expect(health.points[0] == VantagePoints.Point(name: "oslo", address: "192.0.2.1", port: 9353))
        let other = health.points[1]
        #expect(other.isSecure && other.address == "2001:db8::1" && other.port == 443 && other.path == "/agent/vantage")
        #expect(other.tokenFile?.hasSuffix("/other") == true)
        #expect(health.points.map(\.url) == ["http://192.0.2.1:9353", "https://[2001:db8::1]:443/agent/vantage"])
        #expect(try load("token_file: t\n\(Self.points)\ninterval: 30s").vantagePoints?.maxAge == 64)
    }

    @Test(
        "are refused with the position and a remedy",
        arguments: [
            ("token_file: t", "3:3: health has no 'vantage_points'; add vantage_points: …"),
            (points, "3:3: health has no 'token_file'; add token_file: …"),
            (
                "token_file: t\nvantage_points: []",
                "4:19: vantage_points of health must be a list; write [{ name: NAME, url: \"http://192.0.2.1:9353\" }, …]"
            ),
            ("token_file: t\nvantage_points: [{ name: oslo }]", "4:20: a vantage point has no 'url'; add url: …"),
            (
                "token_file: t\nvantage_points: [{ name: 'a b', url: 'http://192.0.2.1:1' }]",
                "4:28: 'a b' cannot name a vantage point; write at most 63 letters, digits, - _ ."
            ),
            (
                "token_file: t\nvantage_points: [{ name: a, url: 'http://192.0.2.1:1' }, { name: a, url: 'http://192.0.2.2:1' }]",
                "4:68: two vantage points have the name 'a'; give each its own"
            ),
            (
                "token_file: t\nvantage_points: [{ name: a, url: 'http://192.0.2.1' }, { name: b, url: 'http://192.0.2.1:80/' }]",
                "4:74: the vantage points a and b have the same url; one agent has one vote, so remove one of them"
            ),
            ("token_file: t\n\(points)\ninterval: 0", "5:13: interval of health is 0; write at least 1"),
            (
                "token_file: t\n\(points)\nmax_age: 3",
                "5:12: max_age of health is 3 s, too short for a second report; write at least 4 s, which is the timeout and the longer of interval and timeout"
            ),
            ("token_file: t\n\(points)\nmaxage: 3", "5:3: unknown key 'maxage' in health; did you mean 'max_age'?"),
        ])
    func errors(health: String, diagnostic: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try load(health) }
        #expect(error?.description.contains("geopipe.yaml:\(diagnostic)") == true, "\(error?.description ?? "")")
    }

    @Test(
        "have URLs with addresses only",
        arguments: [
            "192.0.2.1:9353", "http://oslo.example.com:9353", "ftp://192.0.2.1", "http://192.0.2.1:0",
            "http://192.0.2.1:65536", "http://192.0.2.1:", "http://[192.0.2.1]:80", "http://2001:db8::1:80", "http://",
            "http://[2001:db8::1", "http://[2001:db8::1]x:80", "http://user@192.0.2.1:80", "http://192.0.2.1/a b",
            "http://192.0.2.1/a\rb", "http://192.0.2.1/#a", "http://192.0.2.1:80:81", "http://192.0.2.01:80", "",
        ])
    func urls(url: String) { #expect(VantagePoints.Point(name: "a", url: url) == nil) }
}
