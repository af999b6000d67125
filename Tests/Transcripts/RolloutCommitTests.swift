import Foundation
import Testing

/// `geopipe rollout commit`, and the files that it writes.
@Suite("The commit of a rollout")
struct RolloutCommitTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    @Test("a commit puts the configuration on disk and in force, and back undoes it")
    func commit() throws {
        let before = folder.text(of: "geopipe.yaml")
        chmod(file, 0o640)
        try expect(1, "rollout", "start", path("next.yaml"))
        try expect(1, "rollout", "share", "50%")
        #expect(try expect(0, "rollout", "commit").output.contains("committed"))
        #expect(folder.text(of: "geopipe.yaml") == Self.text("192.0.2.2"))
        var mode = stat()
        stat(file, &mode)
        #expect(mode.st_mode & 0o777 == 0o640)
        #expect(try addresses().contains("192.0.2.2"))
        // The image in force is that of the files on disk.
        #expect(try expect(0, "explain", "www.example.com", "192.0.2.200").output.contains("from the image in force"))
        #expect(try expect(0, "rollout", "back").output.contains("what it was before the commit"))
        #expect(folder.text(of: "geopipe.yaml") == before)
        #expect(try addresses().contains("192.0.2.1"))
        let history = try expect(0, "history").output
        for words in [
            "started the rollout", "to 50% of the client networks", "committed the rollout", "went back to the image",
        ] {
            #expect(history.contains(words), "\(words)")
        }
        #expect(try expect(1, "rollout", "back", "ffffffffffffffff").error.contains("no kept image begins with"))
    }

    @Test(
        "a commit that was killed half-way is finished by the next one, or undone by an abort",
        arguments: [false, true])
    func killedCommit(isAborted: Bool) throws {
        let before = folder.text(of: "geopipe.yaml")
        let id = try beginCommit()
        if isAborted {
            // The file of NEW is edited after the start.
            try folder.write(Self.text("192.0.2.3").utf8, to: "next.yaml")
            #expect(try expect(1, "rollout", "commit").error.contains("next.yaml has changed since the start"))
            #expect(try expect(0, "rollout", "abort").output.contains("a commit did not finish"))
            #expect(folder.text(of: "geopipe.yaml") == before)
            return #expect(folder.text(of: "geopipe.yaml.aborted-\(id)") == Self.text("192.0.2.2"))
        }
        #expect(try expect(0, "rollout", "commit").output.contains("committed"))
        #expect(try addresses().contains("192.0.2.2"))
        try expect(0, "rollout", "back")
        #expect(folder.text(of: "geopipe.yaml") == before)
    }

    @Test("a commit that failed, or a touched file, leaves the next commit possible")
    func repeatedCommit() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        chmod(file, 0o600)
        chmod(file, 0o644)
        #expect(try expect(0, "rollout", "commit").output.contains("committed"))
    }

    @Test("a file written just before the start can be committed, unless it changes later")
    func freshFile() throws {
        try folder.write(Self.text("192.0.2.3").utf8, to: "next.yaml")
        try expect(1, "rollout", "start", path("next.yaml"))
        #expect(try expect(0, "rollout", "commit").output.contains("committed"))
        #expect(try addresses().contains("192.0.2.3"))
        try folder.write(Self.text("192.0.2.4").utf8, to: "next.yaml")
        try expect(1, "rollout", "start", path("next.yaml"))
        let committed = folder.text(of: "geopipe.yaml")
        try folder.write(Self.text("192.0.2.5").utf8, to: "next.yaml")
        try expect(1, "rollout", "commit")
        #expect(folder.text(of: "geopipe.yaml") == committed)
    }

    @Test("a commit is refused if the configuration or a file of NEW has changed")
    func refusedCommits() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try folder.write(Self.text("192.0.2.3").utf8, to: "next.yaml")
        #expect(try expect(1, "rollout", "commit").error.contains("has changed since the start"))
        #expect(try expect(0, "rollout", "status").output.contains("has changed since"))
        try expect(0, "rollout", "abort")
        try expect(1, "rollout", "start", path("next.yaml"))
        let changed = Self.text("192.0.2.1") + "# changed\n"
        try folder.write(changed.utf8, to: "geopipe.yaml")
        #expect(try expect(1, "rollout", "commit").error.contains("would be lost"))
        #expect(folder.text(of: "geopipe.yaml") == changed)
    }

    @Test("a commit of a configuration from another folder is refused if its relative paths mean other files there")
    func folders() throws {
        try FileManager.default.createDirectory(atPath: path("elsewhere"), withIntermediateDirectories: true)
        try folder.write(
            "$TTL 60\n@ SOA ns h 9 2 3 4 5\n@ NS ns\nns A 192.0.2.54\n".utf8, to: "elsewhere/zone")
        try folder.write(Self.text("192.0.2.2", state: path("state")).utf8, to: "elsewhere/next.yaml")
        usleep(50_000)
        let before = folder.text(of: "geopipe.yaml")
        #expect(try expect(1, "rollout", "start", path("elsewhere/next.yaml")).output.contains("another folder"))
        #expect(try expect(1, "rollout", "commit").error.contains("does not answer as it did"))
        #expect(folder.text(of: "geopipe.yaml") == before)
        #expect(try addresses().contains("192.0.2.1"))
        #expect(try expect(0, "rollout", "status").output.contains("dark"))
    }
}
