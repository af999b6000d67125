import Foundation
import Support
import Testing

/// `geopipe status`: its output, and who can see it.
@Suite("geopipe status")
struct StatusTests: AtStatusSite {
    let site: StatusSite

    init() throws { site = try StatusSite() }

    @Test("exits 0 without problems")
    func well() throws {
        let coprocess = try start()
        try tell()
        let status = try run("status")
        #expect(status.code == 0 && status.output.hasPrefix("No problems\n"), "\(status)")
        #expect(status.output.contains(#/\n  pid +version +up +questions +image +loaded\n  [0-9]+ /#), "\(status)")
        #expect(status.output.contains(#/\n  web +oslo, ashburn +- +-\n  api +oslo, ashburn +- +-\n/#), "\(status)")
        // With the UTC offset and the age.
        #expect(status.output.contains(#/compiled 20[0-9-]+ [0-9:]{8} [+-][0-9]{2}:[0-9]{2} \([0-9]+ s ago\)/#))
        let keys = try report().object
        for key in ["problems", "datacenters", "services", "coprocesses", "image", "rollout", "databases", "health"] {
            #expect(keys[key] != nil, "\(key)")
        }
        #expect(keys["rollout"] is NSNull)
        let first = (keys["coprocesses"] as? [[String: Any]])?.first ?? [:]
        #expect(first["pid"] as? Int == Int(coprocess.identifier))
        #expect(first["image"] as? String == (keys["image"] as? [String: Any])?["id"] as? String)
        #expect(first["questions"] is Int)
        let datacenter = (keys["datacenters"] as? [[String: Any]])?.first ?? [:]
        #expect(datacenter["name"] as? String == "oslo" && datacenter["state"] as? String == "in_use")
        #expect(datacenter["drains"] is [Any] && datacenter["health"] is [String: Any])
    }

    @Test("needs no configuration with backend --image")
    func imageFile() throws {
        try run("compile", "-o", "i")
        try FileManager.default.removeItem(atPath: "\(folder.path)/geopipe.yaml")
        let coprocess = try start("--config", "geopipe.yaml", "--image", "i", "--state", "state")
        let ending = try Program.geopipe.run(
            ["status", "--config", "geopipe.yaml", "--state", "state"], in: folder)
        // No agent checks its addresses.
        let output = String(decoding: ending.output, as: UTF8.self)
        #expect(
            output.contains("\n  oslo     in use\n") && output.contains(#/\n  web +oslo, ashburn +- +-\n/#), "\(output)"
        )
        #expect(!output.contains("cannot read") && !output.contains("no image"), "\(output)")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test(
        "can be seen by any user, such as that of a monitoring system",
        .enabled(if: canBeRunByOthers, "only root can become another user"))
    func otherUser() throws {
        try run("compile")
        try #require(chmod(folder.path, 0o755) == 0)
        let owner = try Tool("chown").run(["-R", "65534:65534", state.path])
        try #require(owner.status == 0)
        let status = try Tool("setpriv").run([
            "--reuid", "65533", "--clear-groups", Coprocess.binary, "status", "--json", "--config",
            "\(folder.path)/geopipe.yaml", "--state", state.path,
        ])
        #expect(status.status == 1 && status.output.contains("\"compiled\" :"), "\(status)")
        #expect(!status.output.contains("not trusted"), "\(status)")
    }

    /// Whether an unprivileged user can run the built program.
    private static let canBeRunByOthers =
        geteuid() == 0
        && (try? Tool("setpriv").run(["--reuid", "65533", "--clear-groups", Coprocess.binary, "--version"]).status) == 0

    @Test("exits 2 when the status is unknown")
    func untellable() throws {
        try folder.write(
            Self.configuration.replacing("state_directory: state", with: "state_directory: none").utf8,
            to: "geopipe.yaml")
        #expect(try run("status").code == 2)
        try folder.write(Self.configuration.utf8, to: "geopipe.yaml")
        try FileManager.default.createDirectory(atPath: state.path, withIntermediateDirectories: true)
        try folder.write("no folder".utf8, to: "state/coprocesses")
        let status = try run("status")
        #expect(status.code == 2 && status.error.contains("cannot read"), "\(status)")
    }

    @Test("prints no control characters from statuses of coprocesses")
    func escapes() throws {
        let coprocess = try start()
        try tell()
        kill(coprocess.identifier, SIGSTOP)
        let file = "state/coprocesses/\(coprocess.identifier)"
        let evil = "\u{1b}[31m\u{9b}2J\u{202e}"
        let text = folder.text(of: file).replacing(#/(?m)^version\t.*$/#, with: "version\t\(evil)")
            .replacing("\nend", with: "\ncomplaint\t\(evil)\nend")
        try folder.write(text.utf8, to: file)
        for arguments in [["status"], ["status", "--json"]] {
            let ending = try Program.geopipe.run(arguments + ["--config", "geopipe.yaml"], in: folder)
            let output = String(decoding: ending.output, as: UTF8.self)
            #expect(output.contains("[31m") && !output.contains { "\u{1b}\u{9b}\u{202e}".contains($0) }, "\(output)")
        }
        try tell(down: "192.0.2.1")
        kill(coprocess.identifier, SIGCONT)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
