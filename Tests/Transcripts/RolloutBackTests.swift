import Foundation
import State
import Support
import Testing

/// Taking back a commit, or one that was killed.
@Suite("Going back from a rollout")
struct RolloutBackTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    /// Starts a rollout of a configuration, commits it, and returns its id.
    @discardableResult
    private func commit(_ new: String = "next.yaml", config: String? = nil) throws -> String {
        try expect(1, "rollout", "start", path(new), config: config)
        #expect(try expect(0, "rollout", "commit", config: config).output.contains("committed"))
        return try #require(try state.rollout().value?.id)
    }

    private func put(_ text: String, in name: String = "geopipe.yaml") throws {
        try folder.write(text.utf8, to: name)
        usleep(50_000)
        try expect(0, "compile")
    }

    @Test("going back twice never puts the committed image in force again, even after compilations in between")
    func twice() throws {
        try commit()
        try expect(0, "rollout", "back")
        #expect(try addresses().contains("192.0.2.1"))
        let refused = try expect(1, "rollout", "back").error
        #expect(refused.contains("no older kept image answers differently from the one in force"), "\(refused)")
        #expect(refused.contains(", which was rolled back"), "\(refused)")
        #expect(try addresses().contains("192.0.2.1"))
        try put(Self.text("192.0.2.3"))
        #expect(try expect(0, "rollout", "back").output.contains("are unchanged"))
        #expect(try addresses().contains("192.0.2.1"))
        try expect(1, "rollout", "back")
        #expect(try addresses().contains("192.0.2.1"))
    }

    @Test("an undone image can be named, and going back from it leads to the one before it")
    func named() throws {
        try put(Self.text("192.0.2.3"))
        let id = try #require(try json(1, "status")["image"] as? [String: Any])["id"] as? String
        try expect(0, "rollout", "back")
        #expect(try addresses().contains("192.0.2.1"))
        try expect(0, "rollout", "back", try #require(id))
        #expect(try addresses().contains("192.0.2.3"))
        try expect(0, "rollout", "back")
        #expect(try addresses().contains("192.0.2.1"))
    }

    @Test("images with the same answers take only one of the kept places")
    func places() throws {
        for _ in 0..<3 {
            try commit()
            try expect(0, "rollout", "back")
        }
        let images = try FileManager.default.subpathsOfDirectory(atPath: path("state/images"))
        #expect(images.count { $0.hasSuffix(".image") && !$0.hasSuffix(".undone.image") } == 1, "\(images)")
        try put(Self.text("192.0.2.3"))
        try expect(0, "rollout", "back")
        #expect(try addresses().contains("192.0.2.1"))
    }

    @Test(
        "going back after a commit and a zone change restores the old configuration, and keeps the change")
    func afterChange() throws {
        let before = folder.text(of: "geopipe.yaml")
        try commit()
        try put("$TTL 60\n@ SOA ns h 9 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nnew A 192.0.2.77\n", in: "zone")
        let back = try expect(0, "rollout", "back", "--reason", "wrong map").output
        #expect(back.contains("what it was before the commit"), "\(back)")
        #expect(!back.contains("has changed since the commit"), "\(back)")
        #expect(folder.text(of: "geopipe.yaml") == before)
        #expect(try addresses().contains("192.0.2.1"))
        #expect(try expect(0, "query", "new.example.com", "A", "192.0.2.200").output.contains("192.0.2.77"))
        let inForce = try #require(try json(1, "status")["image"] as? [String: Any])["id"] as? String
        #expect(back.contains("the image \(try #require(inForce))"), "\(back)")
        #expect(try expect(0, "history").output.contains("went back to the image \(inForce!): wrong map"))
        #expect(try expect(0, "rollout", "status").output.contains("committed, and taken back"))
        let report = try json(0, "rollout", "status")
        #expect(report["state"] as? String == "back")
        #expect(report["share"] as? Int == 0)
    }

    @Test("a configuration that was edited after the commit stays, and going back names the backup")
    func editedConfiguration() throws {
        let id = try commit()
        let edited = Self.text("192.0.2.2") + "# edited\n"
        try put(edited)
        let back = try expect(0, "rollout", "back").output
        #expect(back.contains("has changed since the commit, and stays"), "\(back)")
        #expect(back.contains("geopipe.yaml.before-\(id)"), "\(back)")
        #expect(folder.text(of: "geopipe.yaml") == edited)
        #expect(try addresses().contains("192.0.2.1"))
        #expect(try json(0, "rollout", "status")["state"] as? String == "back")
    }

    @Test("going back completes an earlier attempt that was killed")
    func killedBack() throws {
        try commit()
        try put(Self.text("192.0.2.1"))
        #expect(try expect(0, "rollout", "back").output.contains("is already what it was before the commit"))
        #expect(try addresses().contains("192.0.2.1"))
        try expect(1, "rollout", "back")
        #expect(try addresses().contains("192.0.2.1"))
    }

    @Test("a commit can be taken back after other rollouts were started, of this configuration or another one")
    func afterOthers() throws {
        let before = folder.text(of: "geopipe.yaml")
        let other = try folder.write(Self.text("192.0.2.7").utf8, to: "other.yaml")
        try folder.write(Self.text("192.0.2.8").utf8, to: "other-next.yaml")
        usleep(50_000)
        try expect(0, "compile", config: other)
        try commit()
        try folder.write(Self.text("192.0.2.3").utf8, to: "third.yaml")
        usleep(50_000)
        try expect(1, "rollout", "start", path("third.yaml"))
        try expect(0, "rollout", "abort")
        try commit("other-next.yaml", config: other)
        #expect(try expect(0, "rollout", "back").output.contains("what it was before the commit"))
        #expect(folder.text(of: "geopipe.yaml") == before)
        #expect(try addresses().contains("192.0.2.1"))
        #expect(try state.rollout().value?.progress == .committed, "the other one's")
        try expect(1, "rollout", "back")
        #expect(try expect(0, "rollout", "back", config: other).output.contains("what it was before the commit"))
        #expect(folder.text(of: "other.yaml") == Self.text("192.0.2.7"))
    }

    @Test("going back waits until coprocesses answer from the image")
    func waits() throws {
        let coprocess = try start("--config", file)
        try expect(0, "rollout", "start", path("next.yaml"))
        try expect(0, "rollout", "commit")
        #expect(try answer(of: coprocess).contains("192.0.2.2"))
        #expect(try expect(0, "rollout", "back").output.contains("the only coprocess follows"))
        #expect(try answer(of: coprocess).contains("192.0.2.1"))
        #expect(try coprocess.finish().status == 0)
    }

    @Test(
        "if the configuration cannot be written, going back changes nothing, or only the image with --image-only"
    )
    func imageOnly() throws {
        let id = try commit()
        // A folder blocks the path.
        try FileManager.default.createDirectory(
            atPath: path("geopipe.yaml.committed-\(id)"), withIntermediateDirectories: true)
        let refused = try expect(2, "rollout", "back").error
        #expect(refused.contains("nothing is changed; with --image-only"), "\(refused)")
        #expect(try addresses().contains("192.0.2.2"))
        #expect(try expect(0, "rollout", "back", "--image-only").output.contains("stays the committed one"))
        #expect(folder.text(of: "geopipe.yaml") == Self.text("192.0.2.2"))
        #expect(try addresses().contains("192.0.2.1"))
        #expect(try json(0, "rollout", "status")["state"] as? String == "back")
    }

    @Test("a killed commit is a problem, and an automatic abort restores the old configuration")
    func killedCommit() throws {
        let id = try beginCommit()
        let words = "but did not finish"
        #expect(try problems().contains { $0.contains(words) })
        #expect(try expect(1, "rollout", "status").output.contains(words))
        #expect(try json(1, "rollout", "status")["hasBegunCommit"] as? Bool == true)
        let rollout = try #require(try state.rollout().value)
        #expect(try state.abort(rollout, because: "it fell", by: "geopipe[1]", at: 1))
        #expect(folder.text(of: "geopipe.yaml") == Self.text("192.0.2.1"))
        #expect(folder.text(of: "geopipe.yaml.aborted-\(id)") == Self.text("192.0.2.2"))
        #expect(try !problems().contains { $0.contains(words) })
        #expect(try problems().contains { $0.contains("it fell; a commit did not finish") })
    }

    @Test("a configuration that an automatic abort cannot restore stays a problem until a manual abort restores it")
    func blockedAbort() throws {
        let id = try beginCommit()
        let obstacle = path("geopipe.yaml.aborted-\(id)")
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        let rollout = try #require(try state.rollout().value)
        #expect(try state.abort(rollout, because: "it fell", by: "geopipe[1]", at: 1))
        #expect(try state.rollout().value?.progress == .aborted)
        #expect(try problems().contains { $0.contains("cannot be restored") })
        #expect(try expect(1, "rollout", "abort").error.contains("geopipe rollout abort tries that again"))
        #expect(try problems().contains { $0.contains("but did not finish") })
        try FileManager.default.removeItem(atPath: obstacle)
        try expect(0, "rollout", "abort")
        #expect(folder.text(of: "geopipe.yaml") == Self.text("192.0.2.1"))
        #expect(try !problems().contains { $0.contains("but did not finish") })
    }

    @Test("the next step removes the temporary files of killed commands")
    func leftovers() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        // No process has this number.
        let names = [
            "geopipe.yaml.99999999.new", "geopipe.yaml.before-X.99999999.new", "state/rollout.copy.99999999.new",
        ]
        for name in names { try folder.write("rubbish".utf8, to: name) }
        try folder.write("mine".utf8, to: "geopipe.yaml.my.new")
        try expect(1, "rollout", "share", "5%")
        for name in names { #expect(!FileManager.default.fileExists(atPath: path(name)), "\(name)") }
        #expect(folder.text(of: "geopipe.yaml.my.new") == "mine")
    }
}

extension AtRolloutSite {
    /// Leaves the state of a commit that was killed right after it replaced the configuration.
    ///
    /// - Returns: the id of the rollout.
    func beginCommit() throws -> String {
        try expect(1, "rollout", "start", path("next.yaml"))
        try state.changeRollout { known in
            var rollout = known!
            rollout.commit = .init(content: contentIdentity(ofFile: path("next.yaml")), image: "")
            return (rollout, nil)
        }
        let id = try #require(try state.rollout().value?.id)
        let before = folder.text(of: "geopipe.yaml")
        try folder.write(before.utf8, to: "geopipe.yaml.before-\(id)")
        try folder.write(folder.text(of: "next.yaml").utf8, to: "geopipe.yaml")
        return id
    }
}
