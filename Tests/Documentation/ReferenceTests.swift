import Configuration
import Foundation
import Platform
import Support
import Testing

/// The descriptions of keys that the parser uses, and the texts made from them.
@Suite("The reference of the configuration")
struct ReferenceTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.write(
            "@ 60 SOA ns1.example.net. h.example.net. 1 2 3 4 5\n@ 60 NS ns1.example.net.\n".utf8,
            to: "example.org.zone")
    }

    /// A configuration with everything that an example may refer to.
    private static let base = JSON(
        yaml: """
            datacenters:
              oslo: { location: [59.91, 10.75] }
              ashburn: { location: [39.04, -77.49] }
              singapore: { location: [1.35, 103.82] }
            databases: [some.mmdb]
            regions: { nordics: [NO, SE] }
            maps: { world: { default: oslo } }
            services:
              web: { map: world, answers: { oslo: 192.0.2.10, ashburn: 198.51.100.10, singapore: 203.0.113.10 } }
            zones:
              geo.example.com:
                soa: { primary: ns1.example.net., contact: hostmaster.example.net., serial: 7 }
                ns: [ns1.example.net.]
                records: { www: { service: web } }
            """)!

    /// A key of a group.
    struct Described: CustomTestStringConvertible {
        let group: KeyGroup
        let key: Key
        var testDescription: String { "\(group.name): \(key.name)" }

        static let all = KeyGroup.all.flatMap { group in group.keys.map { Described(group: group, key: $0) } }

        /// The example, with the keys that it needs beside it.
        var example: JSON { JSON(yaml: "{ \(key.example) }") ?? .null }
    }

    /// The base with a mapping of this group in its place.
    private func configuration(with mapping: JSON, of group: KeyGroup) throws -> JSON {
        let path = try #require(KeyGroup.paths[group.name], "\(group.name) stands nowhere")
        var place = path.replacing("[]", with: "").split(separator: ".").map(String.init)
        if place.first == "DESTINATION" {
            let isGroup = place.last == "then"
            let value =
                isGroup
                ? JSON.object([("list", .list([.text("oslo"), .text("ashburn")])), ("then", mapping)]) : mapping
            return Self.base.setting(value, at: ["maps", "world", "default"])
        }
        if place == ["health", "vantage_points"] {
            let health: JSON = .object([("token_file", .text("token")), ("vantage_points", .list([mapping]))])
            return Self.base.setting(health, at: ["health"])
        }
        let names = ["MAP": "world", "SERVICE": "web", "DATACENTER": "oslo", "ZONE": "geo.example.com"]
        for number in place.indices {
            let isRecord = number > 0 && place[number - 1] == "records"
            place[number] = place[number] == "NAME" ? isRecord ? "api" : "oslo" : names[place[number]] ?? place[number]
        }
        // The other keys that the group needs stay.
        let merged = mapping.members.reduce(Self.base.value(at: place) ?? .object([])) {
            $0.setting($1.value, at: [$1.name])
        }
        return Self.base.setting(merged, at: place)
    }

    private func load(_ configuration: JSON, hasZones: Bool = true) throws -> Configuration {
        let file = try folder.write(configuration.compact.utf8, to: "geopipe.yaml")
        return try Configuration.load(file, hasZones: hasZones, advises: false)
    }

    @Test("is the program's output")
    func pages() throws {
        for (path, text) in [
            ("docs/configuration-reference.md", ReferencePage.markdown),
            ("docs/geopipe.schema.json", ConfigurationSchema.document.pretty + "\n"),
        ] {
            let written = try? String(contentsOfFile: "\(Project.root)/\(path)", encoding: .utf8)
            #expect(written == text, "\(path) is not what the sources describe; run `make reference`")
        }
        for (arguments, text) in [
            (["schema"], ConfigurationSchema.document.pretty + "\n"),
            (["schema", "--markdown"], ReferencePage.markdown),
        ] {
            let ending = try Program.geopipe.run(arguments, in: folder)
            #expect(ending.status == 0 && String(decoding: ending.output, as: UTF8.self) == text)
        }
    }

    @Test("has an example of every key that the parser accepts", arguments: Described.all)
    func example(described: Described) throws {
        #expect(described.example[described.key.name] != nil, "the example is another key's: \(described.key.example)")
        let configuration = try configuration(with: described.example, of: described.group)
        #expect(throws: Never.self, "\(described.key.example)") { _ = try load(configuration) }
    }

    @Test("describes no key that the parser ignores", arguments: Described.all)
    func wrongValue(described: Described) throws {
        let wrong = JSON.object([("no such key", .list([.list([])]))])
        let mapping = described.example.setting(wrong, at: [described.key.name])
        let configuration = try configuration(with: mapping, of: described.group)
        #expect(throws: ConfigurationError.self) { _ = try load(configuration) }
    }

    @Test("has the defaults of keys", arguments: Described.all.filter { $0.key.usual != nil })
    func usualValue(described: Described) throws {
        func summary(_ configuration: JSON) throws -> [String] {
            var text = ""
            // Compiled zones contain addresses of memory; their sources do not.
            dump(try load(configuration, hasZones: false), to: &text)
            // Positions, and the hash and time of the file.
            let places = ["line:", "column:", "contentHash:", "hash:", "modified:", "changed:", "seconds:"]
            return text.split(separator: "\n").map(String.init).filter { line in
                !places.contains { line.contains($0) }
            }.sorted()
        }
        let usual = try #require(described.key.usual.flatMap { JSON(yaml: $0) })
        let key = described.key.name
        let without = try summary(configuration(with: described.example.removing(key), of: described.group))
        let with = try summary(configuration(with: described.example.setting(usual, at: [key]), of: described.group))
        #expect(without == with, "\(Set(without).symmetricDifference(with))")
    }

    @Test("has one sentence for each description, and unique names")
    func texts() {
        for group in KeyGroup.all {
            #expect(Set(group.names).count == group.names.count, "\(group.name)")
            for text in [group.text] + group.keys.map(\.text) {
                #expect(text.hasSuffix(".") && text.count > 8, "\(text)")
                #expect(text.filter { $0 == "`" }.count % 2 == 0, "\(text)")
            }
        }
        #expect(Set(KeyGroup.all.map(\.name)).count == KeyGroup.all.count)
    }

    // MARK: The schema

    @Test("gives a schema that accepts every example, and rejects what the parser rejects")
    func examplesBySchema() throws {
        let all = Described.all
        let sound = try all.map { try configuration(with: $0.example, of: $0.group) }
        let wrong = JSON.object([("no such key", .list([.list([])]))])
        let broken = try all.map {
            try configuration(with: $0.example.setting(wrong, at: [$0.key.name]), of: $0.group)
        }
        // An additional key. In a mapping that also has names, it would be a name.
        let surplus = try all.map {
            try configuration(with: $0.example.setting(.text("1"), at: ["no such key"]), of: $0.group)
        }
        for configuration in surplus { #expect(throws: ConfigurationError.self) { _ = try load(configuration) } }
        let validator = try SchemaValidator(schema: ConfigurationSchema.document.pretty)
        let diagnostics = try validator.diagnostics(about: sound + broken + surplus)
        try #require(diagnostics.count == 3 * all.count)
        for (number, described) in all.enumerated() {
            #expect(diagnostics[number] == nil, "\(described.testDescription)")
            #expect(diagnostics[all.count + number] != nil, "\(described.testDescription) with a wrong value")
            #expect(diagnostics[2 * all.count + number] != nil, "\(described.testDescription) with a key too many")
        }
    }

    @Test("gives a schema that rejects wrong forms")
    func formsBySchema() throws {
        let wrong = [
            "zones: {}", "zones:", "zone: { example.com: {} }", "zones: { example.com: { soa: {}, ns: [a.] } }",
            "zones: { example.com: { ns: [a.] } }", "zones: { example.com: { soa: { primary: a., contact: b. } } }",
        ]
        let pieces = [
            "wait: 11s", "wait: 100", "state_directory: [a]", "databases: { file: a }", "hits_log: a.log",
            "hits_log: { file: a, format: xml }", "hits_log: { file: a, sample: 1 }", "notify: { command: /bin/true }",
            "safety: { capacity: 60 }", "safety: { in_use: 0 }", "plan: { max_move: ten }",
            "datacenters: { oslo: { location: [1] } }", "datacenters: { oslo: { location: [1, 2, 3] } }",
            "datacenters: { oslo: { capacity: 0 } }", "datacenters: { nearest: {} }", "datacenters: { \"a b\": {} }",
            "datacenters: [oslo]", "regions: { a: [Norway] }", "maps: { world: {} }",
            "maps: { world: { default: [] } }",
            "maps: { world: { default: [oslo, none] } }", "maps: { world: { default: { oslo: 0 } } }",
            "maps: { world: { default: [{ list: [oslo], then: spread }] } }",
            "maps: { world: { default: { list: [oslo], nearest: all } } }",
            "maps: { world: { default: { nearest: all, limit: 0 } } }", "maps: { world: { default: {} } }",
            "maps: { world: { default: oslo, countries: { NOR: oslo } } }",
            "maps: { world: { default: oslo, continents: { XX: oslo } } }",
            "maps: { world: { default: oslo, networks: { here: oslo } } }",
            "services: { web: { map: world } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, pick: 65 } }",
            "services: { web: { map: world, answers: { oslo: www.example.com } } }",
            "services: { web: { map: world, answers: { oslo: { NONE: 192.0.2.1 } } } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, check: { tcp: 0 } } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, check: { tcp: 1, http: {} } } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, check: { interval: 10 } } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, check: { http: { verify: false } } } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, check: [] } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, sticky: yes } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, when_all_down: never } }",
            "services: { web: { map: world, answers: { oslo: 192.0.2.1 }, ttl: 1 hour } }",
        ]
        let values =
            try wrong.map { try #require(JSON(yaml: $0)) }
            + pieces.map { piece in
                try #require(JSON(yaml: piece)).members.reduce(Self.base) { $0.setting($1.value, at: [$1.name]) }
            }
        for (text, value) in zip(wrong + pieces, values) {
            #expect(throws: ConfigurationError.self, "\(text)") { _ = try load(value) }
        }
        let validator = try SchemaValidator(schema: ConfigurationSchema.document.pretty)
        for (text, complaint) in zip(wrong + pieces, try validator.diagnostics(about: values)) {
            #expect(complaint != nil, "\(text)")
        }
    }

    @Test("gives a schema that agrees with the parser about all configurations of the project")
    func files() throws {
        var paths: [String] = []
        for top in ["examples", "Tests", "Benchmarks"] {
            for case let path as String in FileManager.default.enumerator(atPath: "\(Project.root)/\(top)")! {
                let isConfiguration = path.hasSuffix(".yaml") || path.hasPrefix("Fuzz/corpus/configuration/")
                if isConfiguration, !path.contains(".build") { paths.append("\(top)/\(path)") }
            }
        }
        var values: [(path: String, value: JSON, isSound: Bool)] = []
        for path in paths.sorted() {
            let file = "\(Project.root)/\(path)"
            guard let text = try? String(contentsOfFile: file, encoding: .utf8), let value = JSON(yaml: text) else {
                continue
            }
            do {
                _ = try Configuration.load(file)
                values.append((path, value, true))
            } catch {
                // A schema cannot know other errors.
                let form = ["unknown key", "must be a mapping", "must be a string", "is not a string", " has no '"]
                guard
                    error.diagnostics.contains(where: { complaint in form.contains { complaint.message.contains($0) } })
                else { continue }
                values.append((path, value, false))
            }
        }
        #expect(
            values.count(where: \.isSound) > 10 && values.count(where: { !$0.isSound }) > 2, "\(values.map(\.path))")
        let validator = try SchemaValidator(schema: ConfigurationSchema.document.pretty)
        for (value, complaint) in zip(values, try validator.diagnostics(about: values.map(\.value))) {
            #expect((complaint == nil) == value.isSound, "\(value.path): \(complaint ?? "the schema takes it")")
        }
    }
}
