import Foundation
import Support
import Testing

/// Commands in README and docs, run as they are written.
@Suite("Documentation and packaging")
struct DocumentationTests {
    private let folder: Folder
    private let readme: String

    init() throws {
        folder = try Folder()
        readme = try String(contentsOfFile: "\(Project.root)/README.md", encoding: .utf8)
    }

    /// Runs lines of a page in the folder, which has the project's examples with a state directory of its own.
    private func run(_ script: String) throws -> Program.Ending {
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/.build/release", withIntermediateDirectories: true)
        let manager = FileManager.default
        if !manager.fileExists(atPath: "\(folder.path)/examples") {
            try manager.copyItem(atPath: "\(Project.root)/examples", toPath: "\(folder.path)/examples")
            try manager.createSymbolicLink(
                atPath: "\(folder.path)/.build/release/geopipe", withDestinationPath: Program.geopipe.path)
            let example = folder.text(of: "examples/geopipe.yaml")
            try #require(example.contains("state_directory: /run/geopipe "))
            try folder.write(
                example.replacing("state_directory: /run/geopipe ", with: "state_directory: \(folder.path)/state ")
                    .utf8, to: "examples/geopipe.yaml")
        }
        return try Program("sh").run(["-ec", script], in: folder)
    }

    /// Returns the indented lines of a page from one that begins with `first` to one that begins with `last`, without
    /// indentation.
    private func lines(of page: String, from first: String, to last: String) throws -> [String] {
        let all = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let start = try #require(all.firstIndex { $0.hasPrefix("    " + first) }, "no '\(first)'")
        let end = try #require(all[start...].firstIndex { $0.hasPrefix("    " + last) }, "no '\(last)'")
        return all[start...end].filter { $0.hasPrefix("    ") }.map { String($0.dropFirst(4)) }
    }

    @Test("questions by hand are answered for Oslo and Tokyo, as docs/getting-started.md says")
    func byHand() throws {
        let page = try String(contentsOfFile: "\(Project.root)/docs/getting-started.md", encoding: .utf8)
        let lines = try lines(of: page, from: "printf 'HELO", to: ".build/release/geopipe query")
        let commands = lines.joined(separator: "\n")
        let ending = try run(commands)
        #expect(ending.status == 0, "\(ending.error)")
        let output = String(decoding: ending.output, as: UTF8.self)
        #expect(output.contains("my.geo.example.com\tIN\tA\t60\t1\t192.0.2.10\n"), "\(output)")
        #expect(output.contains("my.geo.example.com\tIN\tA\t60\t1\t203.0.113.10\n"), "\(output)")
        #expect(output.contains("www.geo.example.com"), "\(output)")
    }

    @Test("check finds no problem in the fleet's configuration")
    func fleet() throws {
        let ending = try Program.geopipe.run(["check", "\(Project.root)/examples/fleet/geopipe.yaml"], in: folder)
        #expect(ending.status == 0 && !ending.error.contains("warning"), "\(ending)")
    }

    @Test("the map of docs/maps.md is drawn")
    func map() throws {
        let page = try String(contentsOfFile: "\(Project.root)/docs/maps.md", encoding: .utf8)
        let command = try lines(of: page, from: "geopipe map web -o web.html", to: "geopipe map web -o web.html")
            .map { ".build/release/\($0.prefix { $0 != "#" }) --config examples/geopipe.yaml" }
        let ending = try run(command.joined(separator: "\n") + " --state \(folder.path)/state")
        #expect(ending.status == 0, "\(ending.error)")
        #expect(folder.text(of: "web.html").contains("Where clients of web go"))
    }

    @Test("check finds no problem in README's configuration")
    func configuration() throws {
        let start = try #require(readme.range(of: "```yaml\n")).upperBound
        let end = try #require(readme.range(of: "```", range: start..<readme.endIndex)).lowerBound
        try folder.write(readme[start..<end].utf8, to: "geopipe.yaml")
        try FileManager.default.copyItem(
            atPath: Project.demonstration, toPath: "\(folder.path)/GeoLite2-City.mmdb")
        let ending = try Program.geopipe.run(["check", "geopipe.yaml"], in: folder)
        #expect(ending.status == 0, "\(ending.error)")
    }

    @Test("the steps of docs/getting-started.md lead to a working configuration")
    func steps() throws {
        let page = try String(contentsOfFile: "\(Project.root)/docs/getting-started.md", encoding: .utf8)
        let steps = try lines(of: page, from: "examples=/usr/share/doc", to: "cp $examples/pdns.conf")
            .map {
                $0.replacing("/usr/share/doc/geopipe/examples", with: "\(Project.root)/examples")
                    .replacing("/etc/", with: "\(folder.path)/etc/")
            }
        let ending = try run((["mkdir -p \(folder.path)/etc/powerdns"] + steps).joined(separator: "\n"))
        try #require(ending.status == 0, "\(ending.error)")
        let check = try Program.geopipe.run(["check", "etc/geopipe/geopipe.yaml"], in: folder)
        #expect(check.status == 0, "\(check.error)")
        #expect(folder.text(of: "etc/powerdns/pdns.conf").contains("launch=pipe"))
    }

    @Test("the search of docs/monitoring.md for slow checks finds each target of a datacenter, shared or not")
    func slowChecks() throws {
        func check(_ datacenter: String, _ milliseconds: String) -> String {
            "check failed: timeout address=192.0.2.1 datacenter=\(datacenter) ms=\(milliseconds) service=web target=tcp://192.0.2.1:80"
        }
        let slow = ["oslo", "oslo,ashburn", "ashburn,oslo", "ashburn,oslo,tokyo"].map { check($0, "2000.31") }
        let others = [
            check("oslo", "999.99"), check("ashburn,oslo", "1.5"), check("ashburn", "2000.31"),
            check("oslo2", "2000.31"), check("new-oslo,ashburn", "2000.31"), "health report written ms=2000.31",
        ]
        try folder.write((others + slow).map { $0 + "\n" }.joined().utf8, to: "log")
        let page = try String(contentsOfFile: "\(Project.root)/docs/monitoring.md", encoding: .utf8)
        let journal = "journalctl -u geopipe-agent | grep"
        let command = try #require(try lines(of: page, from: journal, to: journal).first)
        let ending = try run(command.replacing("journalctl -u geopipe-agent", with: "cat log"))
        #expect(String(decoding: ending.output, as: UTF8.self) == slow.map { $0 + "\n" }.joined(), "\(ending)")
    }

    @Test("examples/ci/changes reports a change as Markdown, and fails with the plan", arguments: [true, false])
    func pipeline(isGo: Bool) throws {
        try FileManager.default.copyItem(atPath: "\(Project.root)/examples", toPath: "\(folder.path)/examples")
        let base = folder.text(of: "examples/geopipe.yaml")
        try #require(base.contains("NO: [oslo, ashburn]") && base.contains("soa: { primary: ns1.geo"))
        let new =
            isGo
            ? base.replacing("NO: [oslo, ashburn]", with: "NO: [singapore, oslo]")
            : base.replacing("soa: { primary: ns1.geo", with: "soa: { primary: ns2.geo")
        try folder.write(new.utf8, to: "examples/new.yaml")
        let ending = try Program("sh").run(
            [
                "-c",
                "GEOPIPE=\(Program.geopipe.path) examples/ci/changes examples/geopipe.yaml examples/new.yaml report.md",
            ], in: folder)
        #expect(ending.status == (isGo ? 0 : 1), "\(ending.error)")
        let report = folder.text(of: "report.md")
        #expect(report.contains("| oslo | singapore |") == isGo)
        #expect(report.contains(isGo ? "\nGO  plan " : "\nNO-GO  plan "), "\(report)")
        #expect(report.contains("fail    apex") != isGo)
        // Errors in the base do not prevent a correction.
        try folder.write("zones: [".utf8, to: "examples/broken.yaml")
        for (arguments, status) in [("broken.yaml examples/new.yaml", 0), ("new.yaml examples/broken.yaml", 1)] {
            let ending = try Program("sh").run(
                ["-c", "GEOPIPE=\(Program.geopipe.path) examples/ci/changes examples/\(arguments) report.md"],
                in: folder)
            #expect(Int(ending.status) == status)
            #expect(folder.text(of: "report.md").contains("geopipe check"))
        }
    }

    @Test("check finds no problem in the configuration in the example for Kubernetes")
    func configMap() throws {
        let page = try String(
            contentsOfFile: "\(Project.root)/examples/kubernetes/geopipe.yaml", encoding: .utf8)
        let start = try #require(page.range(of: "\n  geopipe.yaml: |\n"))
        let end = try #require(page[start.upperBound...].range(of: "\n---\n"))
        let text = page[start.upperBound..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false).map
        {
            $0.hasPrefix("    ") ? String($0.dropFirst(4)) : String($0)
        }
        try folder.write(text.map { $0 + "\n" }.joined().utf8, to: "geopipe.yaml")
        let check = try Program.geopipe.run(["check", "geopipe.yaml"], in: folder)
        let output = String(decoding: check.output, as: UTF8.self)
        #expect(check.status == 0 && output.hasPrefix("ok: 1 zone ") && !output.contains("warning"), "\(check)")
        // It contains the names that the probes query.
        let query = try Program.geopipe.run(
            ["query", "geo.example.com", "SOA", "192.0.2.1", "--config", "geopipe.yaml", "--state", "state"], in: folder
        )
        #expect(query.status == 0 && page.contains("[geopipe-probe, geo.example.com]"), "\(query)")
    }

    @Test("the probe of the container accepts answers, but neither SERVFAIL nor silence")
    func probe() throws {
        try FileManager.default.createDirectory(atPath: folder.path + "/bin", withIntermediateDirectories: true)
        for (answer, status) in [
            (";; ->>HEADER<<- opcode: QUERY, rcode: NOERROR, id: 1", 0),
            (";; ->>HEADER<<- opcode: QUERY, rcode: REFUSED, id: 1", 0),
            (";; ->>HEADER<<- opcode: QUERY, rcode: SERVFAIL, id: 1", 1),
            ("Error: error sending query: Could not send or receive, because of network error", 1), ("", 1),
        ] {
            try folder.write("#!/bin/sh\necho '\(answer)'\n".utf8, to: "bin/drill")
            try #require(chmod(folder.path + "/bin/drill", 0o755) == 0)
            let ending = try Program("sh").run(
                ["-c", "PATH=\(folder.path)/bin:$PATH exec sh \(Project.root)/packaging/container/probe"], in: folder)
            #expect(Int(ending.status) == status, "\(answer): \(ending)")
        }
    }

    @Test("the container has the volumes, the port and the user of the example for Kubernetes")
    func container() throws {
        let recipe = try String(contentsOfFile: "\(Project.root)/Dockerfile", encoding: .utf8)
        let example = try String(
            contentsOfFile: "\(Project.root)/examples/kubernetes/geopipe.yaml", encoding: .utf8)
        for path in ["/etc/geopipe", "/var/lib/geopipe", "/run/geopipe", "/run/pdns"] {
            #expect(recipe.contains("\"\(path)\"") && example.contains("mountPath: \(path)"), "\(path)")
        }
        #expect(recipe.contains("--local-port=5300") && example.contains("containerPort: 5300"))
        #expect(recipe.contains("USER 953:953") && example.contains("runAsUser: 953"))
    }

    @Test("systemd accepts the drop-in for pdns, and finds less exposed with it")
    func hardening() throws {
        let systemd = folder.path + "/etc/systemd/system"
        let dropIn = "examples/systemd/pdns.service.d"
        try FileManager.default.createDirectory(atPath: systemd, withIntermediateDirectories: true)
        // The changes to Debian's unit.
        try folder.write(
            "[Service]\nExecStart=/bin/true\nUser=pdns\nAmbientCapabilities=CAP_CHOWN\nSystemCallFilter=~@clock\n".utf8,
            to: "etc/systemd/system/pdns.service")
        func exposure() throws -> Double {
            let ending = try Program("systemd-analyze").run(
                ["security", "--offline=true", "--no-pager", "\(systemd)/pdns.service"], in: folder)
            let words = String(decoding: ending.output, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            #expect(ending.error == "", "\(ending)")
            let colon = try #require(words.lastIndex(of: "pdns.service:"), "\(ending)")
            return try #require(Double(words[colon + 1]))
        }
        let before = try exposure()
        try FileManager.default.copyItem(
            atPath: "\(Project.root)/\(dropIn)", toPath: "\(systemd)/pdns.service.d")
        let after = try exposure()
        #expect(after < before - 2, "\(before) \(after)")
        let verified = try Program("systemd-analyze").run(
            ["verify", "--man=no", "\(systemd)/pdns.service"], in: folder)
        #expect(!verified.error.contains("hardening.conf"), "\(verified)")
    }

    @Test("systemd accepts the agent's unit")
    func unit() throws {
        let unit = try String(contentsOfFile: "\(Project.root)/packaging/geopipe-agent.service", encoding: .utf8)
        let agent = URL(filePath: Program.geopipe.path).deletingLastPathComponent().appending(path: "geopipe-agent")
        try #require(unit.contains("ExecStart=/usr/bin/geopipe-agent\n"))
        // Neither it nor its manual is installed here.
        let here = unit.replacing("/usr/bin/geopipe-agent", with: agent.path)
            .replacing(#/\nDocumentation=.*/#, with: "")
        try folder.write(here.utf8, to: "geopipe-agent.service")
        let ending = try Program("systemd-analyze").run(
            ["verify", "--man=no", "\(folder.path)/geopipe-agent.service"], in: folder)
        #expect(ending.status == 0 && !ending.error.contains("geopipe"), "\(ending.error)")
    }

    @Test("sh can read Debian's scripts", arguments: ["postinst", "postrm", "prerm"])
    func scripts(name: String) throws {
        let ending = try Program("sh").run(["-n", "\(Project.root)/packaging/debian/\(name)"], in: folder)
        #expect(ending.status == 0, "\(ending.error)")
    }

    @Test("man pages are generated from the pages in docs and packaging", arguments: [1, 5, 8])
    func manual(section: Int) throws {
        let ending = try Program("bash").run(
            [
                "\(Project.root)/scripts/manual", Program.geopipe.path, "/usr/share/doc/geopipe",
                "\(section)",
            ], in: folder)
        #expect(ending.status == 0 && ending.error == "", "\(ending.error)")
        let page = String(decoding: ending.output, as: UTF8.self)
        #expect(page.contains(section == 5 ? ".TH" : ".Dt") && page.contains("geopipe"), "\(page.prefix(300))")
        #expect(page.count > 1_000)
    }
}
