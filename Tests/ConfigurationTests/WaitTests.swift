import Configuration
import Foundation
import Testing

@Suite("A configured wait")
struct WaitTests {
    private func load(_ line: String) throws -> Int {
        let file = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID()).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        let text = """
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            \(line)
            """
        try text.write(to: file, atomically: true, encoding: .utf8)
        return try Configuration.load(file.path).waitMicroseconds
    }

    @Test(
        "is 100 microseconds by default, or as configured",
        arguments: [
            ("", 100), ("wait: 0", 0), ("wait: 0us", 0), ("wait: 50us", 50), ("wait: 1ms", 1_000),
            ("wait: 10000us", 10_000), ("wait: 10ms", 10_000),
        ])
    func good(line: String, microseconds: Int) throws {
        #expect(try load(line) == microseconds)
    }

    @Test(
        "that is invalid is refused",
        arguments: ["100", "1s", "11ms", "10001us", "-1us", "us", "1.5ms", "99999999us", "yes", "1 ms"])
    func wrong(value: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try load("wait: \(value)") }
        #expect(
            error.description.hasSuffix(
                ".yaml:2:7: wait is '\(value)'; write 0, or a time up to 10ms, such as 100us"), "\(error)")
    }
}
