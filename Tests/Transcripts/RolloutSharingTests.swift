import Foundation
import State
import Support
import Testing

/// Rollouts with several configurations in one state directory, and several paths to one configuration.
@Suite("Rollouts and their coprocesses")
struct RolloutSharingTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    /// The configuration `other.yaml`, with an image in force.
    private func makeOther() throws -> String {
        let other = try folder.write(Self.text("192.0.2.7").utf8, to: "other.yaml")
        try folder.write(Self.text("192.0.2.8").utf8, to: "other-next.yaml")
        usleep(50_000)
        try expect(0, "compile", config: other)
        return other
    }

    @Test("a coprocess with backend --image does not count as a follower")
    func imageCoprocess() throws {
        try expect(0, "compile", "-o", path("own.image"))
        let fixed = try start("--config", file, "--image", path("own.image"))
        let alone = try expect(1, "rollout", "start", path("next.yaml")).output
        #expect(alone.contains("no coprocess follows: none that runs can"), "\(alone)")
        #expect(
            alone.contains("coprocess \(fixed.identifier) does not count: it answers from \(path("own.image")) alone"))
        try expect(0, "rollout", "abort")
        let following = try start("--config", file)
        let started = try expect(0, "rollout", "start", path("next.yaml")).output
        #expect(started.contains("the only coprocess follows"), "\(started)")
        let report = try json(0, "rollout", "share", "100%")
        #expect(report["followers"] as? Int == 1)
        #expect(report["coprocesses"] as? Int == 1)
        #expect(try answer(of: fixed).contains("192.0.2.1"))
        #expect(try answer(of: following).contains("192.0.2.2"))
        let status = try #require(state.coprocesses().first { $0.process == Int(fixed.identifier) })
        #expect(status.rollout == nil)
        #expect(try fixed.finish().status == 0)
        #expect(try following.finish().status == 0)
    }

    @Test("a state directory has one rollout at a time, and commands of another configuration name its configuration")
    func otherConfiguration() throws {
        let other = try makeOther()
        try expect(1, "rollout", "start", path("next.yaml"))
        let rollout = try #require(try state.rollout().value)
        let refused = try expect(1, "rollout", "start", path("other-next.yaml"), config: other).error
        #expect(refused.contains("one at a time runs in a state directory"))
        #expect(refused.contains("is of \(file), and not of \(other)"))
        #expect(refused.contains("add --config \(file)"))
        #expect(refused.split(separator: rollout.id).count == 2, "\(refused)")
        let status = try expect(0, "rollout", "status", config: other).output
        #expect(status.contains("no rollout of \(other) runs") && status.contains("is of \(file)"), "\(status)")
        let object = try json(0, "rollout", "status", config: other)
        #expect(object["state"] as? String == "none")
        #expect((object["other"] as? [String: Any])?["configuration"] as? String == file)
        #expect(try expect(1, "status", config: other).output.contains("Rollout of \(file)\n  \(rollout.id)"))
        for step in ["commit", "abort"] {
            #expect(try expect(1, "rollout", step, config: other).error.contains("is of \(file)"))
        }
        #expect(try state.rollout().value == rollout)
    }

    @Test(
        "only its own configuration can acknowledge an automatic abort, and a rollout that replaces it mentions it"
    )
    func unseen() throws {
        let other = try makeOther()
        try expect(1, "rollout", "start", path("next.yaml"))
        try #require(
            try state.abort(try #require(try state.rollout().value), because: "it fell", by: "geopipe[1]", at: 1))
        #expect(try expect(1, "rollout", "abort", config: other).error.contains("no rollout runs"))
        #expect(try state.rollout().value?.end?.isAutomatic == true)
        #expect(try expect(1, "status", config: other).output.contains("it fell"))
        let started = try expect(1, "rollout", "start", path("other-next.yaml"), config: other)
        #expect(started.error.contains("of \(file) was aborted automatically before: it fell"))
        #expect(try expect(0, "rollout", "status").output.contains("is of \(other)"))
    }

    /// Moves the configuration to another folder, with a link in its place.
    private func moveBehindLink() throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: path("real"), withIntermediateDirectories: true)
        try manager.moveItem(atPath: file, toPath: path("real/geopipe.yaml"))
        try manager.createSymbolicLink(atPath: file, withDestinationPath: "real/geopipe.yaml")
        usleep(50_000)
        try expect(0, "compile")
    }

    @Test("with a link to the configuration, relative paths start at the link, and the link stays")
    func link() throws {
        try moveBehindLink()
        #expect(try !expect(1, "rollout", "start", path("next.yaml")).output.contains("another folder"))
        #expect(try expect(0, "rollout", "commit").output.contains("committed"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: file) == "real/geopipe.yaml")
        #expect(folder.text(of: "real/geopipe.yaml") == Self.text("192.0.2.2"))
        try folder.write(Self.text("192.0.2.3", zone: "../zone", state: "../state").utf8, to: "real/next.yaml")
        usleep(50_000)
        #expect(try expect(1, "rollout", "start", path("real/next.yaml")).output.contains("is in another folder"))
    }

    @Test(
        "coprocesses with another path to the configuration are reported as not following, with the path to write"
    )
    func otherPath() throws {
        let link = path("link.yaml")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
        let coprocess = try start("--config", file)
        let refused = try expect(2, "rollout", "start", path("next.yaml"), config: link).error
        #expect(refused.contains("coprocesses run with \(file)"), "\(refused)")
        #expect(try problems(config: link).contains { $0.contains("by another path") })
        usleep(50_000)
        try expect(0, "compile", config: link)
        let started = try expect(1, "rollout", "start", path("next.yaml"), config: link).output
        #expect(
            started.contains("coprocess \(coprocess.identifier) does not count: it runs with \(file)"), "\(started)")
        #expect(try json(0, "rollout", "status", config: link)["coprocesses"] as? Int == 0)
        // It has the same image under its own path, which is not a problem.
        #expect(try problems(config: link).allSatisfy { !$0.contains("answers from image") })
        #expect(try coprocess.finish().status == 0)
    }

    @Test("a coprocess that was started elsewhere with a relative path is found")
    func relativePath() throws {
        let coprocess = try start("--config", "geopipe.yaml")
        let elsewhere = try Folder()
        let started = try Program.geopipe.run(
            ["rollout", "start", path("next.yaml"), "--config", file], in: elsewhere)
        #expect(started.status == 0, "\(String(decoding: started.output, as: UTF8.self))\(started.error)")
        #expect(try coprocess.finish().status == 0)
    }
}
