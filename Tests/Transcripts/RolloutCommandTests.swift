import Foundation
import State
import Support
import Testing

/// `geopipe rollout` without coprocesses: its changes and refusals.
@Suite("The commands of a rollout")
struct RolloutCommandTests: AtRolloutSite {
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

    @Test("a commit that failed, or a touched file, leaves the next commit possible")
    func repeatedCommit() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        chmod(file, 0o600)
        chmod(file, 0o644)
        #expect(try expect(0, "rollout", "commit").output.contains("committed"))
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

    @Test(
        "while the configuration cannot be read, no command uses another state directory",
        arguments: [nil, "", "zones: [\nstate_directory: state\n"])
    func unreadable(text: String?) throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        if let text { try folder.write(text.utf8, to: "geopipe.yaml") } else { unlink(file) }
        let commands = [
            ["rollout", "abort"], ["rollout", "status"], ["rollout", "back"], ["rollout", "start", path("next.yaml")],
            ["status"], ["history"], ["drain", "oslo"], ["undrain", "oslo"], ["upgrade"], ["top", "--once"],
            ["plan", path("next.yaml")], ["diff", path("next.yaml")],
        ]
        for command in commands {
            let ending = try Program.geopipe.run(command + ["--config", file], in: folder)
            #expect(ending.status == 2, "\(command): \(ending.error)")
            #expect(
                ending.error.contains(
                    "cannot read \(file), so the state directory is unknown; name it with --state DIR"),
                "\(command): \(ending.error)")
        }
        #expect(try state.rollout().value?.isRunning == true)
        try expect(0, "rollout", "abort", "--state", path("state"))
        #expect(try state.rollout().value?.isRunning == false)
    }

    @Test("errors below the state_directory line do not affect commands")
    func brokenAfterKey() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try folder.write("state_directory: state\nzones: [\n".utf8, to: "geopipe.yaml")
        #expect(try expect(0, "rollout", "status").output.contains("dark: no client gets it"))
        try expect(0, "rollout", "abort")
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

    @Test("map mentions a running rollout; an undrain does not check safety rules, which it cannot break")
    func notes() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try expect(1, "rollout", "share", "50%")
        #expect(try expect(0, "map").error.contains("50% of the client networks get it; this is the old side"))
        let rollout = try #require(try state.rollout().value)
        let store = ImageStore(of: file, overrides: [], in: state)
        unlink(store.candidateFile(of: rollout.id))
        let words = "cannot determine whether that breaks a safety rule of the rollout \(rollout.id)"
        #expect(try expect(1, "drain", "oslo").output.contains(words))
        #expect(try !expect(1, "undrain", "oslo").output.contains(words))
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

    @Test("an image file is committed only with --image-only, and is in force then")
    func image() throws {
        let image = path("next.image")
        let compiled = try Program.geopipe.run(
            ["compile", "--config", path("next.yaml"), "-o", image], in: folder)
        #expect(compiled.status == 0)
        try expect(1, "rollout", "start", image)
        #expect(try expect(1, "rollout", "commit").error.contains("--image-only"))
        #expect(try expect(0, "rollout", "commit", "--image-only").output.contains("are unchanged"))
        #expect(folder.text(of: "geopipe.yaml") == Self.text("192.0.2.1"))
        let status = try Program.geopipe.run(["status", "--json", "--config", file], in: folder)
        #expect(String(decoding: status.output, as: UTF8.self).contains("\"rollout\" : null"))
        // The image in force is not from the files on disk, and all commands say so.
        #expect(try problems().contains { $0.contains("was not compiled from \(file)") })
        try expectImageInTheirPlace("192.0.2.2")
        let id = try #require(try state.rollout().value?.new)
        #expect(try expect(1, "status").output.contains(id), "the image has the id with which it was started")
    }

    @Test(
        "query, explain and map use the image in force after going back, and say that it differs from the files on disk"
    )
    func queryAfterBack() throws {
        try folder.write(Self.text("192.0.2.3").utf8, to: "geopipe.yaml")
        usleep(50_000)
        try expect(0, "compile")
        #expect(try addresses().contains("192.0.2.3"))
        #expect(try expect(0, "rollout", "back").output.contains("are unchanged"))
        #expect(try problems().contains { $0.contains("is not that of the files on disk") })
        try expectImageInTheirPlace("192.0.2.1")
        // A changed file will be in force soon, so the files on disk are used.
        try folder.write(Self.text("192.0.2.4").utf8, to: "geopipe.yaml")
        let answer = try expect(0, "query", "www.example.com", "A", "192.0.2.200")
        #expect(answer.output.contains("192.0.2.4"))
        #expect(answer.error.contains("which are not in force yet"))
    }

    private func expectImageInTheirPlace(_ address: String) throws {
        let answer = try expect(0, "query", "www.example.com", "A", "192.0.2.200")
        #expect(answer.output.contains(address))
        #expect(answer.error.contains("answering from the image in force"))
        let explanation = try expect(0, "explain", "www.example.com", "192.0.2.200")
        #expect(explanation.output.contains("which does not match the files on disk"))
        #expect(explanation.output.contains(address))
        #expect(try expect(0, "map").error.contains("answering from the image in force"))
    }

    @Test("only the owner continues it, another operator can take it over, and any operator can abort it")
    func owner() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try state.changeRollout { known in
            var rollout = known!
            rollout.owner = "ada"
            return (rollout, HistoryEntry(time: 1, who: "ada", .rolloutStart, datacenter: rollout.id))
        }
        #expect(try expect(1, "rollout", "share", "5%").error.contains("ada's"))
        #expect(try state.rollout().value?.part == .dark)
        #expect(try expect(1, "rollout", "share", "5%", "--take-over").output.contains("yours now"))
        #expect(try state.rollout().value?.part == .share(5))
        try state.changeRollout { known in
            var rollout = known!
            rollout.owner = "ada"
            return (rollout, HistoryEntry(time: 1, who: "ada", .rolloutStart, datacenter: rollout.id))
        }
        try expect(0, "rollout", "abort")
    }

    @Test("a drain that breaks a safety rule of NEW aborts it, once clients get it")
    func safety() throws {
        try folder.write(
            Self.text("192.0.2.2").replacing("in_use: 1", with: "in_use: 2").utf8, to: "safer.yaml")
        usleep(50_000)
        try expect(1, "rollout", "start", path("safer.yaml"))
        try expect(1, "drain", "oslo")
        #expect(try state.rollout().value?.isRunning == true)
        #expect(try expect(1, "rollout", "share", "5%").error.contains("safety rule in_use: 2"))
        try expect(1, "undrain", "oslo")
        try expect(1, "rollout", "share", "5%")
        #expect(try expect(1, "drain", "oslo").output.contains("is aborted: what is drained breaks"))
        #expect(try state.rollout().value?.end?.isAutomatic == true)
    }

    @Test(
        "the safety rules are those of NEW at the start, even if its file changes later, or NEW is an image file"
    )
    func safetyOfTheImage() throws {
        let safer = Self.text("192.0.2.2").replacing("in_use: 1", with: "in_use: 2")
        try folder.write(safer.utf8, to: "safer.yaml")
        usleep(50_000)
        try expect(1, "rollout", "start", path("safer.yaml"))
        try expect(1, "rollout", "share", "5%")
        try folder.write(Self.text("192.0.2.2").utf8, to: "safer.yaml")
        #expect(try expect(1, "drain", "oslo").output.contains("is aborted: what is drained breaks"))
        try expect(1, "undrain", "oslo")
        // Conversely, a rule that was added after the start does not apply.
        try expect(1, "rollout", "start", path("safer.yaml"))
        try expect(1, "rollout", "share", "5%")
        try folder.write(safer.utf8, to: "safer.yaml")
        #expect(try !expect(1, "drain", "oslo").output.contains("is aborted"))
        #expect(try expect(1, "rollout", "share", "6%").output.contains("6%"))
        try expect(0, "rollout", "abort")
        usleep(50_000)
        let image = path("safer.image")
        try expect(0, "compile", "-o", image, config: path("safer.yaml"))
        #expect(try expect(1, "rollout", "start", image).error.contains("safety rule in_use: 2"))
    }

    @Test("a drain uses the safety rules of the image in force while the configuration has errors")
    func safetyOfTheImageInForce() throws {
        try folder.write((Self.text("192.0.2.1") + "zones: [\n").utf8, to: "geopipe.yaml")
        try expect(1, "drain", "oslo")
        let refused = try expect(1, "drain", "ashburn")
        #expect(refused.error.contains("the safety rules of the image in force"))
        #expect(refused.error.contains("safety rule in_use: 1"))
    }

    @Test("with --json a refused step prints one object with the current state and the reason")
    func refusalsForPrograms() throws {
        #expect(try json(0, "rollout", "status")["state"] as? String == "none")
        for step in [["share", "5%"], ["places", "NO"], ["commit"], ["abort"], ["back"], ["start", file]] {
            let refused: [String: Any]
            switch step.count {
            case 1: refused = try json(1, "rollout", step[0])
            default: refused = try json(1, "rollout", step[0], step[1])
            }
            #expect(refused["state"] as? String == "none", "\(step)")
            #expect((refused["error"] as? String)?.isEmpty == false, "\(step)")
        }
        #expect(try json(1, "rollout", "start", path("next.yaml"))["state"] as? String == "running")
        let second = try json(1, "rollout", "start", path("next.yaml"))
        #expect(second["state"] as? String == "running")
        #expect((second["error"] as? String)?.contains("commit or abort it first") == true)
        for name in ["rollout", "rollout.copy"] { try folder.write("rubbish".utf8, to: "state/\(name)") }
        let torn = try json(2, "rollout", "status")
        #expect(torn["state"] as? String == "unknown")
        #expect((torn["error"] as? String)?.contains("is corrupt") == true)
        try folder.write("state_directory: none\n".utf8, to: "none.yaml")
        #expect(try json(2, "rollout", "status", config: path("none.yaml"))["state"] as? String == "unknown")
    }

    @Test("an automatically aborted rollout is a problem until it is acknowledged")
    func automatic() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try state.changeRollout { known in
            var rollout = known!
            rollout.progress = .aborted
            rollout.end = .init(who: "geopipe[1]", time: 1, reason: "it fell", isAutomatic: true)
            return (rollout, HistoryEntry(time: 1, who: "geopipe[1]", .rolloutAbort, datacenter: rollout.id))
        }
        #expect(try expect(1, "rollout", "status").output.contains("it fell"))
        #expect(try expect(1, "status").output.contains("aborted automatically: it fell"))
        try expect(0, "rollout", "abort")
        #expect(try expect(0, "rollout", "status").output.contains("aborted"))
        #expect(try !expect(1, "status").output.contains("it fell"))
    }

    @Test("an image of another format is explained, and an acknowledgement is in the history")
    func words() throws {
        #expect(try expect(0, "rollout", "status").output.contains("there was never one"))
        try expect(1, "rollout", "start", path("next.yaml"))
        let id = try #require(try state.rollout().value?.id)
        try state.changeRollout { known in
            var rollout = known!
            rollout.images = rollout.images.split(separator: ".")[0] + ".1"
            return (rollout, nil)
        }
        for step in [["share", "5%"], ["places", "NO"], ["commit", "--reason", "x"]] {
            let refused = try expect(2, "rollout", step[0], step[1]).error
            #expect(refused.contains("another format") || step[0] == "commit", "\(refused)")
        }
        #expect(try expect(2, "rollout", "commit").error.contains("another format"))
        try #require(
            try state.abort(try #require(try state.rollout().value), because: "it fell", by: "geopipe[1]", at: 1))
        try expect(0, "rollout", "abort")
        let history = try expect(0, "history").output
        #expect(history.contains("acknowledged that the rollout \(id) was aborted: it fell"), "\(history)")
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
        let waits = eventually(within: Coprocess.patience) {
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
