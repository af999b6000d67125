import Foundation
import Testing

@testable import Configuration

@Suite("The example for Kubernetes")
struct ExampleTests {
    private let documents: [YAMLNode]

    init() throws {
        let project = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(
            contentsOf: project.appending(path: "examples/kubernetes/geopipe.yaml"), encoding: .utf8)
        documents = try text.components(separatedBy: "\n---\n").map { try #require(try YAMLComposer.document($0)) }
    }

    /// Returns the value at a path of keys and indices.
    private func value(_ node: YAMLNode, _ path: String) -> YAMLNode? {
        var node: YAMLNode? = node
        for key in path.split(separator: "/").map(String.init) {
            if case .sequence(let items)? = node?.value, let position = Int(key) {
                node = items.indices.contains(position) ? items[position] : nil
            } else {
                node = node?.mapping?.first { $0.key.scalar?.string == key }?.value
            }
        }
        return node
    }

    private func text(_ node: YAMLNode, _ path: String) -> String? { value(node, path)?.scalar?.string }

    private func document(_ kind: String) throws -> YAMLNode {
        try #require(documents.first { text($0, "kind") == kind }, "\(kind)")
    }

    private func items(_ node: YAMLNode, _ path: String) -> [YAMLNode] {
        guard case .sequence(let items)? = value(node, path)?.value else { return [] }
        return items
    }

    @Test("has documents with a kind")
    func kinds() {
        #expect(
            documents.compactMap { text($0, "kind") } == [
                "Namespace", "ConfigMap", "Secret", "Deployment", "Service", "Service", "PodDisruptionBudget",
            ])
        for document in documents {
            #expect(
                text(document, "apiVersion") != nil && text(document, "metadata/name")?.hasPrefix("geopipe") == true)
        }
    }

    @Test("gives no container more rights than it needs, and all of them probes and limits")
    func containers() throws {
        let pod = try #require(value(try document("Deployment"), "spec/template/spec"))
        #expect(text(pod, "securityContext/runAsNonRoot") == "true")
        #expect(text(pod, "securityContext/seccompProfile/type") == "RuntimeDefault")
        let containers = items(pod, "containers")
        #expect(containers.compactMap { text($0, "name") } == ["pdns", "agent"])
        let volumes = Set(items(pod, "volumes").compactMap { text($0, "name") })
        for container in containers {
            #expect(text(container, "securityContext/allowPrivilegeEscalation") == "false")
            #expect(text(container, "securityContext/readOnlyRootFilesystem") == "true")
            #expect(items(container, "securityContext/capabilities/drop").compactMap(\.scalar?.string) == ["ALL"])
            #expect(value(container, "securityContext/capabilities/add") == nil)
            #expect(value(container, "livenessProbe") != nil && text(container, "resources/limits/memory") != nil)
            let mounted = items(container, "volumeMounts").compactMap { text($0, "name") }
            #expect(!mounted.isEmpty && volumes.isSuperset(of: mounted))
        }
        #expect(value(containers[0], "readinessProbe") != nil && value(containers[0], "startupProbe") != nil)
    }

    @Test("serves UDP and TCP at one address, and keeps client addresses")
    func service() throws {
        let service = try document("Service")
        #expect(text(service, "spec/externalTrafficPolicy") == "Local")
        #expect(items(service, "spec/ports").compactMap { text($0, "protocol") } == ["UDP", "TCP"])
        #expect(items(service, "spec/ports").compactMap { text($0, "port") } == ["53", "53"])
    }
}
