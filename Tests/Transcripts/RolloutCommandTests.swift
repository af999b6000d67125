import Foundation
import State
import Support
import Testing

/// `geopipe rollout` without coprocesses: what is common to its commands.
@Suite("The commands of a rollout")
struct RolloutCommandTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    @Test("only the owner continues it, another operator can take it over, and any operator can abort it")
    func owner() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try state.changeRollout { known in
            var rollout = known!
            rollout.owner = "ada"
            return (rollout, HistoryEntry(time: 1, user: "ada", .rolloutStart, datacenter: rollout.id))
        }
        #expect(try expect(1, "rollout", "share", "5%").error.contains("ada's"))
        #expect(try state.rollout().value?.part == .dark)
        #expect(try expect(1, "rollout", "share", "5%", "--take-over").output.contains("yours now"))
        #expect(try state.rollout().value?.part == .share(5))
        try state.changeRollout { known in
            var rollout = known!
            rollout.owner = "ada"
            return (rollout, HistoryEntry(time: 1, user: "ada", .rolloutStart, datacenter: rollout.id))
        }
        try expect(0, "rollout", "abort")
    }

    @Test("an automatically aborted rollout is a problem until it is acknowledged")
    func automatic() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try state.changeRollout { known in
            var rollout = known!
            rollout.progress = .aborted
            rollout.end = .init(user: "geopipe[1]", time: 1, reason: "it fell", isAutomatic: true)
            return (rollout, HistoryEntry(time: 1, user: "geopipe[1]", .rolloutAbort, datacenter: rollout.id))
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
}
