import Foundation
import Support
import Testing

@Suite("geopipe diff and geopipe plan")
struct DiffTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        let example = try String(contentsOfFile: "\(Project.root)/examples/geopipe.yaml", encoding: .utf8)
            .replacing("demo/demo.mmdb", with: Project.demonstration)
            .replacing("state_directory: /run/geopipe ", with: "state_directory: \(folder.path)/state ")
        try #require(example.contains("NO: [oslo, ashburn]"))
        try folder.write(example.utf8, to: "old.yaml")
        try folder.write(example.replacing("NO: [oslo, ashburn]", with: "NO: [singapore, oslo]").utf8, to: "new.yaml")
    }

    private func run(_ arguments: String...) throws -> Program.Ending {
        try Program.geopipe.run(arguments, in: folder)
    }

    private func json(_ ending: Program.Ending) throws -> [String: Any] {
        try #require(
            JSONSerialization.jsonObject(with: Data(ending.output)) as? [String: Any], "\(ending.error)")
    }

    @Test("accept configurations and images, and print the documented output")
    func sides() throws {
        for name in ["old", "new"] {
            let ending = try run("compile", "--config", "\(name).yaml", "-o", "\(name).image")
            try #require(ending.status == 0, "\(ending.error)")
        }
        for files in [["old.yaml", "new.yaml"], ["old.image", "new.yaml"], ["old.image", "new.image"]] {
            let ending = try run("diff", files[0], files[1], "--json")
            #expect(ending.status == 0)
            let object = try json(ending)
            #expect(object["identical"] as? Bool == false)
            let services = try #require(object["services"] as? [[String: Any]])
            let my = try #require(services.first { $0["name"] as? String == "my" })
            let moves = try #require(my["moves"] as? [[String: Any]])
            #expect(moves.map { $0["from"] as? String } == ["oslo"])
            #expect(moves.map { $0["to"] as? String } == ["singapore"])
            #expect(moves.first?["ipv4"] as? Int == 131_072)
            #expect(moves.first?["share"] as? Double == 131_072 / 0x1p32)
            #expect(moves.first?["traffic"] == nil)
            #expect(my["ipv4Moved"] as? Int == 131_072)
            let countries = try #require(object["countries"] as? [[String: Any]])
            #expect(Set(countries.map { $0["country"] as? String }) == ["NO"])
            let names = try #require(object["names"] as? [String: Any])
            #expect(names["changed"] as? Int == 0)
        }
    }

    @Test("writes a well-formed HTML page with maps before and after")
    func page() throws {
        let ending = try run("diff", "old.yaml", "new.yaml", "--html")
        #expect(ending.status == 0)
        let page = String(decoding: ending.output, as: UTF8.self)
        #expect(page.components(separatedBy: "<figure>").count == 3)
        #expect(page.contains("go, before") && page.contains("go, after"))
        #expect(page.contains("<td>131,072</td>"))
        #expect(!page.contains("src=") && !page.contains("=\"https:") && !page.contains("href=\"http"))
        try folder.write(page.utf8, to: "page.html")
        let check = try Program("xmllint").run(["--html", "--noout", "\(folder.path)/page.html"], in: folder)
        #expect(!check.error.contains("error : Unexpected") && !check.error.contains("mismatch"), "\(check.error)")
    }

    @Test("compares one file with the image in force, and exits 1 if no change was expected")
    func whatRuns() throws {
        let none = try run("diff", "new.yaml", "--config", "old.yaml")
        #expect(none.status == 2)
        #expect(none.error.contains("there is no image of old.yaml in force"))
        #expect(try run("compile", "--config", "old.yaml").status == 0)
        let same = try run("diff", "old.yaml", "--config", "old.yaml", "--expect-no-change")
        #expect(same.status == 0, "\(same.error)")
        #expect(String(decoding: same.output, as: UTF8.self).contains("Nothing changes"))
        #expect(try run("diff", "new.yaml", "--config", "old.yaml", "--expect-no-change").status == 1)
        #expect(try run("diff", "new.yaml", "--config", "old.yaml").status == 0)
    }

    @Test("shows the changes of another database")
    func database() throws {
        let ending = try run("diff", "--config", "old.yaml", "--database", Project.demonstration, "--expect-no-change")
        #expect(ending.status == 0, "\(ending.error)")
        let hostile = try run("diff", "--config", "old.yaml", "--database", "\(Project.root)/README.md")
        #expect(hostile.status == 2)
        #expect(hostile.error.contains("README.md"))
    }

    @Test("refuse unreadable files with a reason and status 2")
    func badInput() throws {
        try folder.write("geopipe\nrubbish".utf8, to: "torn.image")
        try folder.write("zones: [".utf8, to: "torn.yaml")
        try folder.write("rubbish\n".utf8, to: "hits.tsv")
        for arguments in [
            ["diff", "old.yaml", "nowhere.yaml"], ["diff", "torn.image", "new.yaml"],
            ["diff", "old.yaml", "torn.yaml"],
            ["diff", "old.yaml", "new.yaml", "--hits", "nowhere"],
            ["diff", "old.yaml", "new.yaml", "--hits", "hits.tsv"],
            ["diff", "a", "b", "c"], ["plan", "old.yaml", "new.yaml", "--waive", "names"],
            ["plan", "old.yaml", "new.yaml", "--waive", "luck", "--reason", "x"],
            ["plan", "old.yaml", "new.yaml", "--max-move", "many"],
        ] {
            let ending = try Program.geopipe.run(arguments, in: folder)
            #expect(ending.status == 2, "\(arguments)")
            #expect(!ending.error.isEmpty)
        }
    }

    @Test("traffic from what has no end, or is no log, is refused with a reason")
    func endlessTraffic() throws {
        try #require(mkfifo("\(folder.path)/fifo", 0o600) == 0)
        let sparse = try folder.write([], to: "sparse")
        try #require(truncate(sparse, 10 << 30) == 0)
        try folder.write([UInt8](repeating: UInt8(ascii: "x"), count: 3 << 20), to: "line")
        for option in ["--hits", "--counters"] {
            for (file, reason) in [
                ("fifo", "no process writes to this pipe"), ("sparse", "bytes of value 0"),
                ("line", "a line of more than 1 MiB"), ("/dev/zero", "it is a device"),
            ] {
                let ending = try run("diff", "old.yaml", "new.yaml", option, file)
                #expect(ending.status == 2 && ending.error.contains(reason), "\(option) \(file): \(ending.error)")
            }
        }
    }

    @Test("traffic may come through a pipe, also from a slow writer")
    func pipedTraffic() throws {
        let hit = "2026-01-01T00:00:00Z\t129.240.0.0/16\tNO\t\t\tgo.example.com\tA\tmy\toslo\n"
        try folder.write(hit.utf8, to: "hits.tsv")
        let command = "'\(Coprocess.binary)' diff old.yaml new.yaml --json --hits"
        let direct = try Program("bash").run(["-c", "\(command) hits.tsv"], in: folder)
        try #require(direct.status == 0, "\(direct.error)")
        for source in ["cat hits.tsv", "sleep 1; cat hits.tsv", "head -c 20 hits.tsv; sleep 1; tail -c +21 hits.tsv"] {
            let piped = try Program("bash").run(["-c", "\(command) <(\(source))"], in: folder)
            #expect(piped.status == 0 && piped.output == direct.output, "\(source): \(piped.error)")
        }
    }

    @Test("the id of a plan depends on the content of files, not on their paths")
    func planIdentity() throws {
        func id(_ files: String...) throws -> String {
            let ending = try Program.geopipe.run(["plan"] + files + ["--json"], in: folder)
            return try #require(try json(ending)["id"] as? String)
        }
        let first = try id("old.yaml", "new.yaml")
        try FileManager.default.copyItem(atPath: "\(folder.path)/new.yaml", toPath: "\(folder.path)/moved.yaml")
        #expect(try id("old.yaml", "moved.yaml") == first)
        try folder.write((folder.text(of: "new.yaml") + "# more\n").utf8, to: "moved.yaml")
        #expect(try id("old.yaml", "moved.yaml") != first)
    }

    @Test("the id of a plan changes if two zone files are swapped")
    func planIdentityOfZones() throws {
        let example = folder.text(of: "old.yaml")
        try folder.write(
            (example + "\n  a.example: { file: a.zone }\n  b.example: { file: b.zone }\n").utf8, to: "zones.yaml")
        func zone(_ address: String) -> String {
            "@ 60 IN SOA ns.example.net. host.example.net. 1 60 60 60 60\n@ 60 IN NS ns.example.net.\nwww 60 IN A \(address)\n"
        }
        var ids: Set<String> = []
        for (a, b) in [("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")] {
            try folder.write(zone(a).utf8, to: "a.zone")
            try folder.write(zone(b).utf8, to: "b.zone")
            let ending = try run("plan", "old.yaml", "zones.yaml", "--json")
            ids.insert(try #require(try json(ending)["id"] as? String, "\(ending.error)"))
        }
        #expect(ids.count == 2)
    }

    @Test("a plan exits 2 for unreadable switches or a missing file, and errors are not waived")
    func planThatCannotBeTold() throws {
        try FileManager.default.createDirectory(atPath: "\(folder.path)/state", withIntermediateDirectories: true)
        for name in ["switches", "switches.copy"] { try folder.write("torn".utf8, to: "state/\(name)") }
        let torn = try run("plan", "old.yaml", "new.yaml", "--config", "old.yaml")
        #expect(torn.status == 2)
        #expect(torn.error.contains("switches"))
        #expect(try run("plan", "old.yaml", "absent.yaml", "--state", "none").status == 2)
        try folder.write(
            folder.text(of: "new.yaml").replacing("map: browser", with: "map: bowser").utf8, to: "bad.yaml")
        let waived = try run(
            "plan", "old.yaml", "bad.yaml", "--waive", "errors", "--reason", "x", "--state", "\(folder.path)/none")
        #expect(waived.status == 2)
        #expect(waived.error.contains("errors cannot be waived"), "\(waived.error)")
    }

    @Test("a zone with errors counts as a change although it keeps its old content")
    func zoneWithErrors() throws {
        let example = folder.text(of: "old.yaml")
        for name in ["a", "b"] {
            try folder.write((example + "\n  a.example: { file: \(name).zone }\n").utf8, to: "\(name).yaml")
        }
        let zone = "@ 60 IN SOA ns.example.net. host.example.net. 1 60 60 60 60\n@ 60 IN NS ns.example.net.\n"
        try folder.write(zone.utf8, to: "a.zone")
        try folder.write((zone + "www 60 IN A 192.0.2.999\n").utf8, to: "b.zone")
        let ending = try run("diff", "a.yaml", "b.yaml", "--json")
        #expect(ending.status == 1)
        let object = try json(ending)
        #expect(object["identical"] as? Bool == false)
        #expect((object["errors"] as? [String])?.first?.contains("b.zone:3") == true)
    }

    @Test("a plan exits 1 for NO-GO, also if the new configuration has errors")
    func verdicts() throws {
        let go = try run("plan", "old.yaml", "new.yaml", "--json")
        #expect(go.status == 0, "\(go.error)")
        #expect(try json(go)["verdict"] as? String == "GO")
        try folder.write(
            folder.text(of: "new.yaml").replacing("map: browser", with: "map: bowser").utf8, to: "bad.yaml")
        let bad = try run("plan", "old.yaml", "bad.yaml", "--json")
        #expect(bad.status == 1)
        let object = try json(bad)
        #expect(object["verdict"] as? String == "NO-GO")
        let items = try #require(object["items"] as? [[String: String]])
        #expect(items.first?["name"] == "errors")
        #expect(items.first?["result"] == "fail")
        #expect(items.first?["detail"]?.contains("bad.yaml:") == true)
    }
}
