import Configuration
import Foundation
import Geography
import Platform
import Support
import Testing

@testable import State

@Suite("Safety rules")
struct SafetyTests {
    /// Three datacenters for web, two of them also for api.
    private func configuration(_ safety: String) throws -> Configuration {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            datacenters: { oslo: { capacity: 30 }, ashburn: { capacity: 60 }, tokyo: { capacity: 10 }, unused: {} }
            safety: \(safety)
            maps: { all: { default: [oslo, ashburn, tokyo] }, two: { default: [oslo, ashburn] } }
            services:
              web: { map: all, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, tokyo: 192.0.2.3 } }
              api: { map: two, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """.utf8, to: "geopipe.yaml")
        return try Configuration.load(file)
    }

    private func breaches(_ safety: String, _ before: [Switch] = [], then entry: Switch) throws -> [String] {
        try configuration(safety).breaches(from: before, to: before + [entry]).map(\.words)
    }

    @Test("count the datacenters that are not fully drained")
    func inUse() throws {
        let rule = "{ in_use: 2 }"
        #expect(try breaches(rule, then: drained("oslo")) == [])
        #expect(
            try breaches(rule, [drained("ashburn")], then: drained("oslo"))
                == ["safety rule in_use: 2: 1 of 3 datacenters would stay in use (tokyo)"])
        #expect(try breaches(rule, [drained("ashburn")], then: drained("oslo", share: 99)) == [])
        #expect(try breaches(rule, [drained("ashburn", share: 99)], then: drained("oslo")) == [])
        #expect(try breaches("{}", [drained("ashburn")], then: drained("oslo")) == [])
        #expect(try breaches(rule, [drained("ashburn"), drained("tokyo")], then: drained("ashburn")) == [], "no worse")
    }

    @Test("count the datacenters that clients are spread over")
    func spread() throws {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {}, tokyo: {} }
            safety: { in_use: 2 }
            maps: { all: { default: { list: [oslo], then: spread } } }
            services: { web: { map: all, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, tokyo: 192.0.2.3 } } }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """.utf8, to: "geopipe.yaml")
        let configuration = try Configuration.load(file)
        #expect(configuration.datacentersInUse(byService: nil) == [0, 1, 2])
        #expect(configuration.datacentersInUse(byService: "web") == [0, 1, 2])
        #expect(configuration.breaches(from: [], to: [drained("oslo")]).isEmpty)
    }

    @Test("count the capacity, also for each service with a drain of its own")
    func capacity() throws {
        let rule = "{ capacity: 60% }"
        #expect(try breaches(rule, then: drained("oslo")) == [])
        #expect(
            try breaches(rule, then: drained("ashburn"))
                == ["safety rule capacity: 60%: 40% of the capacity would stay in use"])
        #expect(try breaches(rule, then: drained("ashburn", share: 66)) == [])
        #expect(try breaches(rule, then: drained("ashburn", share: 67)).count == 1)
        #expect(
            try breaches(rule, then: drained("ashburn", service: "api"))
                == ["safety rule capacity: 60% for service api: 33% of the capacity would stay in use"])
        #expect(try breaches(rule, then: drained("oslo", service: "api")) == [])
        #expect(
            try breaches("{ in_use: 1 }", [drained("oslo", service: "api")], then: drained("ashburn"))
                == ["safety rule in_use: 1 for service api: 0 of 2 datacenters would stay in use"])
        var placed = drained("ashburn")
        placed.areas = [Area("NO")!]
        #expect(try breaches(rule, then: placed) == [], "it is in use elsewhere")
    }

    @Test(
        "are refused if they make no sense",
        arguments: [
            ("{ in_use: 5 }", "in_use of safety is 5, and there are 4 datacenters"),
            ("{ in_use: 0 }", "in_use of safety is '0'"), ("{ capacity: 60 }", "capacity of safety is '60'"),
            ("{ capacity: 101% }", "capacity of safety is '101%'"), ("{ inuse: 2 }", "did you mean 'in_use'?"),
        ])
    func refused(safety: String, diagnostic: String) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(safety) }
        #expect(error?.diagnostics.contains { $0.message.contains(diagnostic) } == true, "\(error?.diagnostics ?? [])")
    }
}
