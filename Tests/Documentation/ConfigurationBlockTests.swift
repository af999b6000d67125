import Configuration
import Foundation
import Platform
import Support
import Testing

/// The YAML blocks in the documentation, in which `geopipe check` must find no error.
@Suite("Configurations in the documentation")
struct ConfigurationBlockTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    /// All YAML blocks, except those that a comment before them marks as another program's: `<!-- not geopipe's -->`.
    static let blocks = Page.all.flatMap(\.blocks).filter { $0.language == "yaml" && $0.mark != "not geopipe's" }

    @Test("have no errors", arguments: blocks)
    func check(block: Page.Block) throws {
        let value = try #require(JSON(yaml: block.text), "\(block.place) is not YAML")
        let whole = try Self.completed(value, block.place)
        for zone in whole["zones"]?.members ?? [] {
            guard let file = zone.value["file"]?.string else { continue }
            let text = "@ 60 SOA ns1.example.net. h.example.net. 1 2 3 4 5\n@ 60 NS ns1.example.net.\n"
            try folder.write(text.utf8, to: file)
        }
        let text = Self.isComplete(value) ? block.text : whole.compact
        try folder.write(text.utf8, to: "geopipe.yaml")
        let ending = try Program.geopipe.run(
            ["check", "geopipe.yaml", "--database", Project.demonstration], in: folder)
        let output = String(decoding: ending.output, as: UTF8.self)
        #expect(ending.status == 0, "\(block.place): \(output)\(ending.error)\n\(text)")
    }

    @Test("are accepted by the schema")
    func schema() throws {
        let values = try Self.blocks.map {
            try Self.completed(try #require(JSON(yaml: $0.text), "\($0.place) is not YAML"), $0.place)
        }
        let validator = try SchemaValidator(schema: ConfigurationSchema.document.pretty)
        for (block, complaint) in zip(Self.blocks, try validator.diagnostics(about: values)) {
            #expect(complaint == nil, "\(block.place)")
        }
    }

    @Test("are found")
    func count() { #expect(Self.blocks.count > 15) }

    private static func isComplete(_ value: JSON) -> Bool { value["zones"] != nil && value["services"] != nil }

    /// A part of a configuration, completed with what it needs.
    private static func completed(_ piece: JSON, _ place: String) throws -> JSON {
        var whole = piece
        let sections = try #require(KeyGroup.all.first { $0.name == "configuration" })
        let keys = piece.members.map(\.name)
        if !keys.allSatisfy(sections.names.contains) {
            let places = [
                "service": ["services", "web"], "map": ["maps", "world"], "zone": ["zones", "example.com"],
            ]
            let group = KeyGroup.all.first { places[$0.name] != nil && keys.allSatisfy($0.names.contains) }
            let path = try #require(
                group.flatMap { places[$0.name] }, "\(place): \(keys) are not keys of one part of a configuration")
            whole = piece.members.reduce(.object([])) { $0.setting($1.value, at: path + [$1.name]) }
        }
        if whole["datacenters"] == nil {
            let named = (whole["services"]?.members ?? []).flatMap { $0.value["answers"]?.members.map(\.name) ?? [] }
            for name in ["oslo", "ashburn", "singapore"] + named {
                let location = JSON.list([.number(59.91), .number(10.75)])
                whole = whole.setting(location, at: ["datacenters", name, "location"])
            }
        }
        let datacenters = whole["datacenters"]?.members.map(\.name) ?? []
        if whole["regions"] == nil { whole = whole.setting(.list([.text("NO")]), at: ["regions", "nordics"]) }
        var services = (whole["services"]?.members ?? []).map(\.name)
        let maps = services.compactMap { whole.value(at: ["services", $0, "map"])?.string }
        for map in maps + ["world"] where whole.value(at: ["maps", map, "default"]) == nil {
            whole = whole.setting(.text(datacenters[0]), at: ["maps", map, "default"])
        }
        if services.isEmpty { services = ["web"] }
        for service in services {
            if whole.value(at: ["services", service, "map"]) == nil {
                whole = whole.setting(.text("world"), at: ["services", service, "map"])
            }
            guard whole.value(at: ["services", service, "answers"]) == nil else { continue }
            for (number, datacenter) in datacenters.enumerated() {
                whole = whole.setting(
                    .text("192.0.2.\(number + 10)"), at: ["services", service, "answers", datacenter])
            }
        }
        if whole["zones"] == nil { whole = whole.setting(.object([]), at: ["zones", "example.com"]) }
        for zone in whole["zones"]?.members ?? [] where zone.value["file"] == nil && zone.value["soa"] == nil {
            let soa = JSON(yaml: "{ primary: ns1.example.net., contact: hostmaster@example.net }") ?? .null
            whole = whole.setting(soa, at: ["zones", zone.name, "soa"])
                .setting(.text("ns1.example.net."), at: ["zones", zone.name, "ns"])
        }
        return whole["state_directory"] == nil ? whole.setting(.text("none"), at: ["state_directory"]) : whole
    }
}
