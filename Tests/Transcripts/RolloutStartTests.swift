import Foundation
import State
import Support
import Testing

/// `geopipe rollout start`, also with the id of a plan.
@Suite("The start of a rollout")
struct RolloutStartTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    @Test("a start is refused for the same files, the same answers, errors, and while another rollout runs")
    func refusedStarts() throws {
        #expect(try expect(1, "rollout", "start", file).error.contains("is the configuration in force"))
        try folder.write(Self.text("192.0.2.1").utf8, to: "same.yaml")
        #expect(try expect(1, "rollout", "start", path("same.yaml")).error.contains("nothing to roll out"))
        try folder.write(Self.text("192.0.2.2", state: "other").utf8, to: "moved.yaml")
        #expect(try expect(1, "rollout", "start", path("moved.yaml")).error.contains("state_directory"))
        try folder.write("zones: [".utf8, to: "wrong.yaml")
        #expect(try expect(1, "rollout", "start", path("wrong.yaml")).error.contains("nothing is started"))
        try expect(1, "rollout", "share", "5%")
        try expect(1, "rollout", "commit")
        // No coprocess runs, so it is in force nowhere.
        #expect(try expect(1, "rollout", "start", path("next.yaml"), "--dark").output.contains("no coprocess runs"))
        #expect(try expect(1, "rollout", "start", path("next.yaml")).error.contains("runs: dark"))
        let status = try expect(0, "rollout", "status").output
        #expect(status.contains("dark: no client gets it"))
    }

    @Test(
        "a start accepts the id of a GO plan from any machine, and lists waived items; NO-GO starts nothing"
    )
    func plans() throws {
        func plan(_ status: Int32, _ words: String..., of new: String = "next.yaml") throws -> String {
            let ending = try Program.geopipe.run(["plan", file, path(new), "--json"] + words, in: folder)
            #expect(ending.status == status, "\(String(decoding: ending.output, as: UTF8.self))")
            let object = try #require(JSONSerialization.jsonObject(with: Data(ending.output)) as? [String: Any])
            return try #require(object["id"] as? String)
        }
        let new = path("next.yaml")
        // One of three names exceeds the limit.
        let noGo = try plan(1)
        #expect(try expect(1, "rollout", "start", new, "--plan", noGo).error.contains("said NO-GO"))
        let unhelpful = try plan(1, "--waive", "apex", "--reason", "x")
        #expect(try expect(1, "rollout", "start", new, "--plan", unhelpful).error.contains("said NO-GO"))
        let waived = try plan(0, "--waive", "names", "--reason", "x")
        #expect(Set([noGo, waived]).count == 2)
        try folder.write((Self.text("192.0.2.2") + "plan: { max_names: 50% }\n").utf8, to: "free.yaml")
        let go = try plan(0, of: "free.yaml")
        #expect(try expect(1, "rollout", "start", new, "--plan", go).error.contains("is not the subject of plan"))
        let started = try expect(1, "rollout", "start", new, "--plan", waived)
        #expect(started.output.contains("said GO, with these items waived: names"))
        #expect(try state.rollout().value?.plan == waived)
        try expect(0, "rollout", "abort")
        let plain = try expect(1, "rollout", "start", path("free.yaml"), "--plan", go)
        #expect(plain.output.contains("said GO\n"))
    }

    @Test("a plan of another change or from another OLD starts nothing, and errors cannot be waived")
    func planOfAnotherChange() throws {
        func id(_ words: String...) throws -> String {
            let ending = try Program.geopipe.run(["plan"] + words + ["--json", "--config", file], in: folder)
            let object = try #require(JSONSerialization.jsonObject(with: Data(ending.output)) as? [String: Any])
            return try #require(object["id"] as? String)
        }
        let new = try folder.write((Self.text("192.0.2.2") + "plan: { max_names: 50% }\n").utf8, to: "free.yaml")
        let same = try id(new, new)
        #expect(try expect(1, "rollout", "start", new, "--plan", same).error.contains("is not the subject of plan"))
        // In a CI pipeline, the files in use are copies elsewhere with the same contents.
        try FileManager.default.createDirectory(atPath: path("before"), withIntermediateDirectories: true)
        try folder.write(folder.text(of: "geopipe.yaml").utf8, to: "before/old.yaml")
        try folder.write(folder.text(of: "zone").utf8, to: "before/zone")
        let here = try id(new)
        #expect(try id(path("before/old.yaml"), new) == here)
        try expect(1, "rollout", "start", new, "--plan", here)
        try expect(0, "rollout", "abort")
        // The image in force is no longer that of the files on disk.
        try folder.write((Self.text("192.0.2.1") + "# more\n").utf8, to: "geopipe.yaml")
        #expect(
            try expect(1, "rollout", "start", new, "--plan", here).error.contains(
                "does not match the files on disk"))
        let now = try id(new)
        #expect(now != here)
        #expect(try expect(1, "rollout", "start", new, "--plan", now).output.contains("said GO"))
        #expect(
            try expect(2, "plan", new, "--waive", "errors", "--reason", "x").error.contains("errors cannot be waived"))
        #expect(
            try expect(2, "plan", new, "--waive", "names", "--reason", "  ").error.contains("say why names may fail"))
    }

    @Test(
        "the next start renames a rollout file that is corrupt twice, and a wrong or empty plan starts nothing"
    )
    func tornFiles() throws {
        try FileManager.default.createDirectory(atPath: path("state"), withIntermediateDirectories: true)
        for name in ["rollout", "rollout.copy"] { try folder.write("rubbish".utf8, to: "state/\(name)") }
        #expect(
            try expect(1, "rollout", "start", path("next.yaml"), "--plan", "").error.contains(
                "is not the subject of plan"))
        #expect(
            try expect(1, "rollout", "start", path("next.yaml"), "--plan", "0").error.contains(
                "is not the subject of plan"))
        #expect(try expect(1, "rollout", "start", path("next.yaml")).output.contains("no coprocess runs"))
        #expect(try expect(0, "rollout", "status").output.contains("dark"))
    }

    @Test("two concurrent starts write their images under the lock, so neither removes the other's")
    func candidateUnderLock() throws {
        let lock = state.openLock("switches.lock")
        try #require(lock >= 0 && flock(lock, LOCK_EX) == 0)
        let process = Process()
        process.executableURL = URL(filePath: Coprocess.binary)
        process.arguments = ["rollout", "start", path("next.yaml"), "--config", file]
        (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try process.run()
        // It has opened the lock, and waits for it.
        let folder = "/proc/\(process.processIdentifier)/fd"
        let waits = eventually(within: Coprocess.timeout) {
            let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return files.contains {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)"))?
                    .hasSuffix("/state/switches.lock") == true
            }
        }
        #expect(waits)
        let images = try FileManager.default.subpathsOfDirectory(atPath: path("state/images"))
        #expect(!images.contains { $0.contains("rollout-") }, "\(images)")
        close(lock)
        process.waitUntilExit()
        let rollout = try #require(try state.rollout().value)
        let image = "state/images/\(rollout.images)/rollout-\(rollout.id).candidate"
        #expect(FileManager.default.fileExists(atPath: path(image)))
    }
}
