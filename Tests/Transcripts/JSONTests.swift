import Foundation
import Support
import Testing

/// The JSON output of commands, on which programs rely.
@Suite("JSON of commands")
struct JSONTests {
    /// The arguments of a command, and the keys of its object. A key with a dot names members or items.
    private static let commands: [(words: String, keys: String)] = [
        ("compile", "image id bytes seconds inputs diagnostics inputs.path"),
        ("compile -o i", "image id bytes seconds inputs diagnostics inputs.path"),
        (
            "status",
            """
            datacenters coprocesses image rollout problems services databases time datacenters.name datacenters.state \
            datacenters.drains datacenters.health coprocesses.pid coprocesses.image coprocesses.questions image.id \
            services.name services.spreads services.datacenters \
            services.datacenters.name services.datacenters.state services.datacenters.isForced
            """
        ),
        ("drain oslo", "changed followers stranded coprocesses lines notes stranded.map stranded.rules"),
        ("force oslo up", "changed followers stranded coprocesses lines notes"),
        ("undrain oslo", "changed followers stranded coprocesses lines notes"),
        (
            "history",
            "history unreadable history.time history.who history.action history.datacenter history.places history.reason"
        ),
        ("explain www.example.com 129.240.1.1", "name client image answer databases service image.id answer.records"),
        ("query www.example.com ANY 129.240.1.1", "exists records records.name records.type records.ttl records.scope"),
        ("upgrade", "current upgraded failures"),
    ]

    @Test("has all documented keys")
    func keys() throws {
        let site = try Site()
        try #require(site.run("force", "oslo", "up").status == 0)
        for command in Self.commands {
            try expect(
                command.words.split(separator: " ").map(String.init) + ["--json", "--config", "current/geopipe.yaml"],
                command.keys, site)
        }
        try site.folder.write(Site.Part.configuration.badContent, to: "bad.yaml")
        try expect(
            ["check", "bad.yaml", "--json"],
            """
            errors warnings diagnostics diagnostics.file diagnostics.line diagnostics.column diagnostics.severity \
            diagnostics.message diagnostics.hint
            """, site)
    }

    @Test(
        "of a change that is refused or not needed has the same keys but that of coprocesses, as docs/switches.md says",
        arguments: [("drain osl", 1), ("undrain oslo", 0), ("force oslo auto", 0)])
    func unchanged(words: String, status: Int32) throws {
        let site = try Site(isStarted: false)
        let ending = try Program.geopipe.run(
            words.split(separator: " ").map(String.init) + ["--json", "--config", "current/geopipe.yaml"],
            in: site.folder)
        #expect(ending.status == status, "\(ending)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(ending.output)) as? [String: Any])
        #expect(Set(object.keys) == ["changed", "followers", "stranded", "lines", "notes"])
        #expect(object["changed"] as? Bool == false && object["followers"] as? Int == 0)
        let page = try String(contentsOfFile: "\(Project.root)/docs/switches.md", encoding: .utf8)
        #expect(page.replacing("\n", with: " ").contains("`followers` is 0, and `coprocesses` is not there"))
    }

    private func expect(_ words: [String], _ keys: String, _ site: Site) throws {
        let ending = try Program.geopipe.run(words, in: site.folder)
        let command = words.first!
        #expect(ending.output.first == UInt8(ascii: "{"), "\(command): \(ending)")
        let object = try JSONSerialization.jsonObject(with: Data(ending.output))
        for key in keys.split(separator: " ") {
            let path = key.split(separator: ".")
            var values = [object]
            for name in path {
                values = values.flatMap { $0 as? [Any] ?? [$0] }
                let found = values.compactMap { ($0 as? [String: Any])?[String(name)] }
                #expect(found.count == values.count && (path.count == 1 || !values.isEmpty), "\(command): \(key)")
                values = found
            }
        }
    }
}
