import Foundation
import Support
import Testing

@Suite("The examples for Prometheus")
struct PrometheusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../examples/prometheus").standardizedFileURL.path

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8)
    }

    /// The names of the agent's metrics, with the derived names of histograms.
    private func servedNames() throws -> Set<String> {
        let agent = try Agent([])
        var page: String?
        let isServed = agent.waits {
            page = WebAnswer("/metrics", port: agent.port)?.body
            return page != nil
        }
        try #require(isServed, "\(agent.said)")
        let types = try Metrics(page!).types
        return types.reduce(into: []) { names, type in
            names.formUnion(
                type.value == "histogram" ? ["_bucket", "_sum", "_count"].map { type.key + $0 } : [type.key])
        }
    }

    private func names(in text: String) -> Set<String> {
        Set(text.matches(of: /\b(geopipe|process)_[a-z_]+/).map { String($0.output.0) })
    }

    @Test("name only metrics that the agent has")
    func names() throws {
        let served = try servedNames()
        for file in ["geopipe-alerts.yaml", "geopipe-alerts-test.yaml", "geopipe-dashboard.json"] {
            let named = try names(in: text(file))
            #expect(!named.isEmpty && named.isSubset(of: served), "\(file): \(named.subtracting(served).sorted())")
        }
    }

    @Test("and the docs name all of them, and no others")
    func documented() throws {
        let page = try String(contentsOfFile: "\(Self.folder)/../../docs/monitoring.md", encoding: .utf8)
        let served = try servedNames()
        let bases = Set(
            served.map { $0.replacing(/^(geopipe_answer_duration_seconds)_[a-z]+$/) { String($0.output.1) } })
        let named = names(in: page)
        #expect(named == bases, "\(named.symmetricDifference(bases).sorted())")
    }

    @Test("have a dashboard in JSON, whose panels have queries and unique numbers")
    func dashboard() throws {
        let dashboard = try #require(
            JSONSerialization.jsonObject(with: Data(text("geopipe-dashboard.json").utf8)) as? [String: Any])
        let panels = try #require(dashboard["panels"] as? [[String: Any]])
        #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        for panel in panels where panel["type"] as? String != "row" {
            let targets = try #require(panel["targets"] as? [[String: Any]])
            #expect(
                !targets.isEmpty && targets.allSatisfy { ($0["expr"] as? String)?.contains("_") == true }, "\(panel)")
        }
    }

    @Test("have alerts that promtool accepts, and whose tests pass")
    func alerts() throws {
        for arguments in [
            ["check", "rules", "\(Self.folder)/geopipe-alerts.yaml"],
            ["test", "rules", "\(Self.folder)/geopipe-alerts-test.yaml"],
            ["check", "config", "\(Self.folder)/../fleet/prometheus.yml"],
        ] {
            let result = try Tool("promtool").run(arguments)
            #expect(result.status == 0, "\(result.output)")
        }
    }
}
