import Foundation
import State
import Support
import Testing

/// Root's commands on a state directory whose owner, the user of pdns, is hostile.
@Suite(
    "A state directory of another user, against root",
    .enabled(if: geteuid() == 0, "only root can give a folder away"))
struct ForeignStateTests: AtRolloutSite {
    let site: RolloutSite
    private let owner: uid_t = 65_534

    init() throws {
        site = try RolloutSite()
        try #require(chmod(folder.path, 0o755) == 0)
        try giveAway()
    }

    private func giveAway() throws {
        try #require(try Tool("chown").run(["-hR", "\(owner):\(owner)", path("state")]).status == 0)
    }

    private func make(_ name: String, _ text: String, mode: mode_t = 0o644, user: uid_t = 0) throws {
        try folder.write(text.utf8, to: name)
        try #require(chmod(path(name), mode) == 0 && chown(path(name), user, user) == 0)
    }

    /// Writes a rollout file as the owner of the state directory.
    private func forge(_ change: (inout Rollout) -> Void) throws {
        try state.changeRollout { known in
            var rollout = known!
            change(&rollout)
            return (rollout, nil)
        }
    }

    @Test("a rollout that names another file does not make root write to it")
    func otherFile() throws {
        try make("victim", "root:x:0:0\n")
        try make("evil", "evil:x:0:0\n", user: owner)
        try expect(1, "rollout", "start", path("next.yaml"))
        let victim = contentIdentity(ofFile: path("victim"))
        try forge {
            $0.configuration = path("victim")
            $0.configurationState = victim
            $0.source = path("evil")
        }
        let refused = try expect(1, "rollout", "commit").error
        #expect(refused.contains("and not of"), "\(refused)")
        #expect(folder.text(of: "victim") == "root:x:0:0\n")
        try expect(1, "rollout", "abort")
        // A link is another path, wherever it leads now.
        try FileManager.default.createSymbolicLink(atPath: path("link.yaml"), withDestinationPath: file)
        try forge { $0.configuration = path("link.yaml") }
        try expect(1, "rollout", "commit")
        // A FIFO without a writer does not block.
        try #require(mkfifo(path("fifo"), 0o666) == 0)
        try forge { $0.configuration = path("fifo") }
        try expect(1, "rollout", "commit")
        try expect(0, "rollout", "status")
    }

    @Test("a forged commit does not make root restore a file, neither by abort nor by drain")
    func begunCommit() throws {
        try make("victim", "root:x:0:0\n")
        try expect(1, "rollout", "start", path("next.yaml"))
        try expect(1, "rollout", "share", "100%")
        let id = try #require(try state.rollout().value?.id)
        try make("victim.before-\(id)", "evil:x:0:0\n", user: owner)
        let kept = contentIdentity(ofFile: path("victim.before-\(id)"))
        try forge {
            $0.configuration = path("victim")
            $0.configurationState = kept
            $0.commit = Rollout.Commit(content: "1", image: "")
        }
        try expect(1, "rollout", "abort")
        #expect(folder.text(of: "victim") == "root:x:0:0\n")
        // It breaks the safety rule of the new image, which ends its rollout.
        try expect(1, "drain", "oslo")
        _ = try Program.geopipe.run(
            ["drain", "ashburn", "--override", "in_use", "--reason", "x", "--config", file], in: folder)
        #expect(folder.text(of: "victim") == "root:x:0:0\n")
    }

    @Test("a rollout with another source publishes no file that only root can read, and none that the owner wrote")
    func otherSource() throws {
        let before = folder.text(of: "geopipe.yaml")
        try make("secret", "root:secret\n", mode: 0o600)
        try make("evil", Self.text("192.0.2.66"), user: owner)
        try make("dark", Self.text("192.0.2.66"), mode: 0o600)
        for (name, reason) in [("dark", "cannot open"), ("evil", "belongs to the user of the state directory")] {
            let refused = try expect(1, "rollout", "start", path(name)).error
            #expect(refused.contains(reason) && refused.contains("nothing is started"), "\(refused)")
        }
        try expect(1, "rollout", "start", path("next.yaml"))
        for (name, reason) in [
            ("secret", "cannot open"), ("evil", "belongs to the user of the state directory"),
            ("state", "not a regular file"),
        ] {
            try forge { $0.source = path(name) }
            let refused = try expect(2, "rollout", "commit").error
            #expect(refused.contains(reason) && refused.contains("nothing is changed"), "\(refused)")
            #expect(folder.text(of: "geopipe.yaml") == before)
        }
        try forge { $0.source = path("next.yaml") }
        #expect(try expect(0, "rollout", "commit").output.contains("committed"))
        #expect(folder.text(of: "geopipe.yaml") == folder.text(of: "next.yaml"))
        try expect(0, "rollout", "back")
        #expect(folder.text(of: "geopipe.yaml") == before)
    }

    @Test(
        "whatever is put in the place of a file of it, root writes nowhere else, tells nothing, and waits for nothing")
    func traps() throws {
        let commands = [
            ["drain", "oslo"], ["undrain", "oslo"], ["force", "oslo", "up"], ["compile"], ["status"], ["history"],
            ["rollout", "start", path("next.yaml")], ["rollout", "status"], ["rollout", "abort"], ["rollout", "back"],
            ["query", "www.example.com", "A", "192.0.2.200"], ["upgrade"], ["check", file],
        ]
        try expect(1, "drain", "oslo", "--reason", "x")
        try expect(1, "rollout", "start", path("next.yaml"))
        try expect(0, "rollout", "abort")
        try giveAway()
        try #require(try Tool("cp").run(["-a", path("state"), path("kept")]).status == 0)
        let names = try FileManager.default.subpathsOfDirectory(atPath: path("kept")) + ["live.sock", "agent.sock"]
        try make("secret", "topsecret\n", mode: 0o600)
        try FileManager.default.createDirectory(atPath: path("roots"), withIntermediateDirectories: true)
        try #require(chmod(path("roots"), 0o755) == 0)
        var turn = 0
        for trap in ["link", "hard link", "FIFO", "folder", "link to a folder"] {
            for name in names {
                try #require(try Tool("rm").run(["-rf", path("state")]).status == 0)
                try #require(try Tool("cp").run(["-a", path("kept"), path("state")]).status == 0)
                try #require(try Tool("rm").run(["-rf", path("state/\(name)")]).status == 0)
                switch trap {
                case "link": try #require(symlink(path("secret"), path("state/\(name)")) == 0)
                case "hard link": try #require(Glibc.link(path("secret"), path("state/\(name)")) == 0)
                case "FIFO": try #require(mkfifo(path("state/\(name)"), 0o666) == 0)
                case "folder": try #require(mkdir(path("state/\(name)"), 0o755) == 0)
                default: try #require(symlink(path("roots"), path("state/\(name)")) == 0)
                }
                try #require(lchown(path("state/\(name)"), owner, owner) == 0 || trap == "hard link")
                if trap == "hard link" { try #require(chown(path("secret"), 0, 0) == 0) }
                let words = commands[turn % commands.count]
                turn += 1
                let ending = try Program.geopipe.run(
                    words + (words[0] == "check" ? [] : ["--config", file]), in: folder, seconds: 60)
                let said = String(decoding: ending.output, as: UTF8.self) + ending.error
                #expect(!ending.tookTooLong && !ending.isKilled, "\(words), \(trap) at \(name): \(said)")
                #expect(!said.contains("topsecret"), "\(words), \(trap) at \(name): \(said)")
                var status = stat()
                #expect(lstat(path("secret"), &status) == 0 && status.st_mode & 0o7777 == 0o600)
                #expect(status.st_uid == 0 || trap == "hard link", "\(words), \(trap) at \(name)")
                #expect(folder.text(of: "secret") == "topsecret\n", "\(words), \(trap) at \(name)")
                let found = try FileManager.default.contentsOfDirectory(atPath: path("roots"))
                #expect(found == [], "\(words), \(trap) at \(name)")
            }
        }
    }
}
