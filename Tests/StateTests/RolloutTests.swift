import Foundation
import Geography
import Support
import Testing

@testable import State

@Suite("The rollout file")
struct RolloutTests {
    private let folder: Folder
    private let state: StateDirectory

    init() throws {
        folder = try Folder()
        state = StateDirectory(path: "\(folder.path)/state")
    }

    private static func rollout(_ part: Rollout.Part = .share(5)) -> Rollout {
        var rollout = Rollout(
            id: "20260102T030405Z", owner: "ada", since: 1_000, images: "0123.4", old: "aa", new: "bb",
            source: "/etc/geopipe/new.yaml", isConfiguration: true, configuration: "/etc/geopipe/geopipe.yaml",
            configurationState: "1 2 3 4.5 6.7")
        rollout.part = part
        return rollout
    }

    private func write(_ rollout: Rollout) throws {
        try state.changeRollout { _ in
            (rollout, HistoryEntry(time: 1_000, user: "ada", .rolloutShare, datacenter: rollout.id, share: 5))
        }
    }

    @Test(
        "says all of it again",
        arguments: [.dark, .share(1), .share(100), .places([Area("NO")!, Area("US-CA")!, Area("continent:EU")!])]
            as [Rollout.Part])
    func roundTrip(part: Rollout.Part) throws {
        var rollout = Self.rollout(part)
        rollout.reason = "a reason"
        rollout.plan = "p-1"
        rollout.down = ["web/oslo", "api/oslo"]
        rollout.refusalLimit = 7
        try write(rollout)
        #expect(try state.rollout().value == rollout)
        rollout.progress = .aborted
        rollout.end = .init(user: "geopipe[1]", time: 2_000, reason: "it fell", isAutomatic: true, backup: "/x")
        rollout.commit = .init(content: "ab", image: "1-ab.image")
        try write(rollout)
        #expect(try state.rollout().value == rollout)
        let history = try state.history()
        #expect(history.entries.map(\.action) == [.rolloutShare, .rolloutShare])
        #expect(history.unreadable == 0)
    }

    @Test("is replaced by its backup copy if it is truncated or gone, and is corrupt without one")
    func torn() throws {
        try write(Self.rollout())
        let text = try String(contentsOfFile: state.rolloutFile, encoding: .utf8)
        for damage in [String(text.dropLast(20)), text.replacing("share\t5", with: "share\t6"), "", nil] {
            if let damage {
                try damage.write(toFile: state.rolloutFile, atomically: false, encoding: .utf8)
            } else {
                unlink(state.rolloutFile)
            }
            let found = try state.rollout()
            #expect(found.value == Self.rollout())
            #expect(found.diagnostic != nil)
        }
        try "".write(toFile: state.rolloutFile, atomically: false, encoding: .utf8)
        unlink(state.rolloutFile + ".copy")
        #expect(throws: StateDirectory.Failure.self) { try state.rollout() }
    }

    @Test(
        "of another version, or with an unknown field, is invalid, and stays as it is until the next write"
    )
    func version() throws {
        let text = StateFile.text("geopipe rollout 2", [["id", "X"]])
        try state.make()
        for file in [state.rolloutFile, state.rolloutFile + ".copy"] {
            try text.write(toFile: file, atomically: false, encoding: .utf8)
        }
        #expect(throws: StateDirectory.Failure.self) { try state.rollout() }
        #expect(try String(contentsOfFile: state.rolloutFile, encoding: .utf8) == text)
        let diagnostic = try state.changeRollout { known in
            #expect(known == nil)
            return (Self.rollout(), HistoryEntry(time: 1, user: "ada", .rolloutStart, datacenter: "X"))
        }
        #expect(diagnostic?.contains(".untrusted") == true)
        #expect(try state.rollout().value == Self.rollout())
        var lines = try StateFile.lines(RolloutFile.text(Self.rollout()), "geopipe rollout 1")
        lines.append(["pace", "fast"])
        let more = StateFile.text("geopipe rollout 1", lines)
        #expect(throws: StateFile.Untrusted.self) { try RolloutFile.rollout(more) }
    }

    @Test("accepts no invalid share, place or id")
    func limits() throws {
        let text = try StateFile.lines(RolloutFile.text(Self.rollout()), "geopipe rollout 1")
        let part = try #require(text.firstIndex { $0[0] == "part" })
        let id = try #require(text.firstIndex { $0[0] == "id" })
        for line in [
            ["part", "share", "0"], ["part", "share", "101"], ["part", "places", ""], ["part", "all"], ["part"],
        ] {
            var lines = text
            lines[part] = line
            #expect(throws: StateFile.Untrusted.self, "\(line)") {
                try RolloutFile.rollout(StateFile.text("geopipe rollout 1", lines))
            }
        }
        for name in ["", "../x", "a b"] {
            var lines = text
            lines[id] = ["id", name]
            #expect(throws: StateFile.Untrusted.self, "\(name)") {
                try RolloutFile.rollout(StateFile.text("geopipe rollout 1", lines))
            }
        }
    }

    @Test("is written only by a change, which may leave it as it is")
    func unchanged() throws {
        try write(Self.rollout())
        let before = try state.rollout().identity
        try state.changeRollout { _ in nil }
        #expect(try state.rollout().identity == before)
        #expect(try state.history().entries.count == 1)
    }

    @Test("is removed only by an abort if it cannot be written")
    func fullDisk() throws {
        try write(Self.rollout())
        // A file cannot replace a folder.
        let obstacle = "\(state.rolloutFile).\(getpid()).new"
        func block() throws {
            try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        }
        try block()
        #expect(throws: StateDirectory.Failure.self) { try write(Self.rollout(.share(6))) }
        #expect(try state.rollout().value == Self.rollout())
        #expect(try state.abort(Self.rollout(), because: "it fell", by: "geopipe[1]", at: 1))
        #expect(try state.rollout().value == nil)
        #expect(try state.rollout().identity == nil)
        #expect(try state.history().entries.last?.action == .rolloutAbort)
        #expect(state.lostRollout() == nil)
    }

    @Test("is aborted by the counts of coprocesses")
    func tally() {
        var tally = RolloutTotals()
        (tally.old.answered, tally.new.answered, tally.new.refused) = (10, 5, 2)
        (tally.compared, tally.differing) = (17, 4)
        tally.countries = ["": 1, "BR": 3]
        tally.moves = [.init(from: "oslo", to: "ashburn"): 3, .init(from: nil, to: "oslo"): 1]
        var status = CoprocessStatus(configuration: "/etc/geopipe/geopipe.yaml")
        status.rollout = "abc"
        status.rolloutTally = tally
        let read = CoprocessStatus(status.text, reportedAt: 0)
        #expect(read?.rolloutTally == tally)
        #expect(read?.rollout == "abc")
        var sum = tally
        sum += tally
        #expect(sum.countries == ["": 2, "BR": 6])
        #expect(sum.moves[.init(from: "oslo", to: "ashburn")] == 6)
        #expect(sum.new.refused == 4)
    }
}
