import Foundation
import struct Support.SeededGenerator

/// Rolls configurations out, step by step.
final class Rollouts {
    private let site: Site
    private let oracle: Oracle
    private let journal: Journal
    private var random: SeededGenerator
    private let geopipe: ([String]) throws -> (output: String, status: Int32)
    private var running: Running?
    /// Until when the rollout may be aborted by itself, for what was done before.
    private var doubtEnds: UInt64 = 0

    /// Takes over a version of the configuration that a command has put in place.
    var adopt: (_ configuration: Int) -> Void = { _ in }

    /// The version of the zone on the new side; `nil` if no rollout runs.
    var zone: Int? { running?.versions[.zone] }

    private struct Running {
        let number: Int
        var step: RolloutStep
        /// The versions of the files of its new side.
        let versions: [Part: Int]
        /// The version of the configuration that it began with.
        let before: Int
        /// Something was done to the files of the new side, or to the configuration, so that a commit may be refused.
        var isTouched = false
    }

    /// For so long after something else was done a rollout may be aborted for it, in nanoseconds: drains end by themselves after 4 s, health
    /// is known after 6 s, and coprocesses look each second.
    private static let patience: UInt64 = 14_000_000_000
    private static let shares = [5, 20, 50]

    /// - Parameter geopipe: runs the program.
    init(
        _ site: Site, _ oracle: Oracle, _ journal: Journal, random: SeededGenerator,
        geopipe: @escaping ([String]) throws -> (output: String, status: Int32)
    ) {
        (self.site, self.oracle, self.journal, self.random, self.geopipe) = (site, oracle, journal, random, geopipe)
    }

    // MARK: What else happens

    /// A file of the new side or the configuration was written.
    func filesChange() { running?.isTouched = true }

    /// Something happens for which the rollout may be aborted by itself, or not be followed for a while.
    func mayEnd() {
        guard running != nil else { return }
        doubtEnds = now() + Self.patience
        oracle.mayBe(.rollout, RolloutStep.none.value)
    }

    /// Finds out what has become of the rollout.
    func clarify() throws {
        guard let running else { return }
        let status = try status()
        switch status.state {
        case "running":
            guard now() >= doubtEnds else { return }
            oracle.isNow(.rollout, running.step.value)
        case "aborted":
            if now() >= doubtEnds { journal.violation("a rollout was aborted by itself: \(status.output)") }
            journal.note("a rollout was aborted by itself")
            try confirm()
        default: journal.violation("the rollout is \(status.state), and should run: \(status.output)")
        }
    }

    /// Gives all clients the old side, if a rollout runs.
    func end() throws { if running != nil { try abort() } }

    private func confirm() throws {
        oracle.isNow(.rollout, RolloutStep.none.value)
        running = nil
        // What was aborted by itself asks for a person until then.
        _ = try geopipe(["rollout", "abort"])
    }

    // MARK: Steps

    /// The next step, whatever that is.
    ///
    /// - Parameter versions: of all files.
    func act(_ versions: [Part: Int]) throws {
        try clarify()
        guard running != nil else { return try start(versions) }
        switch random.number(0...11) {
        case 0...4: try share(random.once(in: 6) ? random.one(of: Self.shares) : nextShare)
        case 5, 6: try places(random.one(of: Places.allCases))
        case 7, 8: try commit()
        case 9: try abort()
        default: try corrupt()
        }
    }

    /// All steps, one after the other, while nothing else is done.
    func drill(_ versions: [Part: Int]) throws {
        try clarify()
        try end()
        try start(versions)
        for share in Self.shares where running != nil {
            pause(0...500)
            try self.share(share)
        }
        // So long that the share can be judged by its figures.
        pause(3_000...3_500)
        guard running != nil else { return }
        if random.once(in: 2) { try places(random.one(of: Places.allCases)) }
        if running != nil { try random.once(in: 4) ? abort() : commit() }
    }

    private var nextShare: Int {
        let share = running?.step.share ?? 0
        return Self.shares.first { $0 > share } ?? 50
    }

    private func pause(_ milliseconds: ClosedRange<Int>) { rest(random.number(milliseconds)) }

    private func start(_ versions: [Part: Int]) throws {
        let before = versions[.configuration]!
        var new = versions
        // It may be even or odd, as the other is or not.
        new[.configuration] = (before + random.number(50...150)) % 250 + 1
        try site.putNext(new[.configuration]!)
        let number = oracle.beginRollout(new)
        running = Running(number: number, step: RolloutStep(of: number, share: 0), versions: new, before: before)
        try step(["start", site.next, "--dark"], running!.step)
    }

    private func share(_ share: Int) throws {
        guard let running else { return }
        try step(["share", "\(share)%"], RolloutStep(of: running.number, share: share))
    }

    private func places(_ area: Places) throws {
        guard let running else { return }
        try step(["places", area.words], RolloutStep(of: running.number, places: area))
    }

    private func abort() throws {
        if let complaint = oracle.shareComplaint() { journal.violation(complaint) }
        oracle.mayBe(.rollout, RolloutStep.none.value)
        let ending = try command(["abort", "--reason", "soak"])
        let state = try status().state
        if state == "running", ending.isWhole {
            journal.violation("'geopipe rollout abort' says: \(ending.output)")
        }
        try settle(state)
    }

    /// Carries a step out, or kills what carries it out.
    private func step(_ words: [String], _ step: RolloutStep) throws {
        if let complaint = oracle.shareComplaint() { journal.violation(complaint) }
        oracle.mayBe(.rollout, step.value)
        let ending = try command(words)
        let found = try status()
        if found.state == "running", found.step(of: step.rollout) == step {
            running?.step = step
        } else if ending.isWhole {
            journal.note("a step was refused", words[0])
        }
        try settle(found.state)
    }

    /// Takes over what the state of the rollout is after a command.
    private func settle(_ state: String) throws {
        guard let running else { return }
        switch state {
        case "running" where now() >= doubtEnds: oracle.isNow(.rollout, running.step.value)
        case "running":
            // Either that or none.
            oracle.isNow(.rollout, running.step.value)
            oracle.mayBe(.rollout, RolloutStep.none.value)
        case "aborted": try confirm()
        default:
            oracle.isNow(.rollout, RolloutStep.none.value)
            self.running = nil
        }
    }

    private func commit() throws {
        guard let committed = running else { return }
        if let complaint = oracle.shareComplaint() { journal.violation(complaint) }
        let new = committed.versions[.configuration]!
        oracle.mayBe(.configuration, new)
        oracle.mayBe(.rollout, RolloutStep.none.value)
        var ending = try command(["commit"])
        // The same again goes on from where the first one was.
        if !ending.isWhole, try status().state == "running" { ending = try command(["commit"], mayBeKilled: false) }
        let state = try status().state
        if state != "committed" {
            let mayBeRefused = committed.isTouched || now() < doubtEnds
            if !mayBeRefused { journal.violation("'geopipe rollout commit' says: \(ending.output)") }
            journal.note("a step was refused", "commit")
        }
        takeOverConfiguration([committed.before, new])
        try settle(state)
        guard state == "committed", random.once(in: 3) else { return }
        pause(0...1_000)
        try back(from: new, to: committed.before)
    }

    private func back(from new: Int, to before: Int) throws {
        oracle.mayBe(.configuration, before)
        let ending = try command(["back"], mayBeKilled: false)
        if ending.status > 0 { journal.violation("'geopipe rollout back' says: \(ending.output)") }
        takeOverConfiguration([before, new])
    }

    /// Finds out which version of the configuration is in place.
    private func takeOverConfiguration(_ versions: [Int]) {
        guard let version = versions.first(where: site.isInPlace) else {
            return journal.violation("the configuration is none of those that a commit had to do with")
        }
        oracle.isNow(.configuration, version)
        adopt(version)
    }

    /// Damages the file that says how the rollout goes, and puts it back.
    private func corrupt() throws {
        let path = site.state + "/rollout" + random.one(of: ["", ".copy"])
        guard let good = FileManager.default.contents(atPath: path) else { return }
        let damage = random.one(of: Damage.allCases)
        journal.note("corrupt the rollout", "\(damage)")
        mayEnd()
        try damage.inflict(on: path, good: good, isInPlace: random.once(in: 2))
        pause(0...1_000)
        try place(good, at: path, isInPlace: false)
    }

    // MARK: Commands

    /// - Returns: `isWhole` is false if the program was killed.
    private func command(
        _ words: [String], mayBeKilled: Bool = true
    ) throws -> (output: String, status: Int32, isWhole: Bool) {
        let words = ["rollout"] + words
        if mayBeKilled, random.once(in: 6) {
            let milliseconds = random.number(1...600)
            journal.note("rollout \(words[1]), killed", "after \(milliseconds) ms")
            let (output, status) = try killed(words, after: milliseconds)
            return (output, status, status == 0)
        }
        journal.note("rollout \(words[1])", words.dropFirst(2).joined(separator: " "))
        let (output, status) = try geopipe(words)
        if status > 1 { journal.violation("'geopipe \(words.joined(separator: " "))' fails: \(output)") }
        return (output, status, true)
    }

    private func killed(_ words: [String], after milliseconds: Int) throws -> (output: String, status: Int32) {
        try run(
            "/usr/bin/timeout",
            ["-s", "KILL", "\(Double(milliseconds) / 1_000)", site.program] + words
                + ["--config", site.configuration, "--state", site.state])
    }

    private struct Status {
        /// `running`, `committed`, `aborted` or `none`; empty if it cannot be read.
        var state = ""
        var mode = ""
        var share = 0
        var places: [String] = []
        var output = ""

        func step(of rollout: Int) -> RolloutStep {
            guard mode == "places" else { return RolloutStep(of: rollout, share: mode == "share" ? share : 0) }
            let area = Places.allCases.first { Set($0.words.split(separator: ",").map(String.init)) == Set(places) }
            return area.map { RolloutStep(of: rollout, places: $0) } ?? .none
        }
    }

    private func status() throws -> Status {
        let output = try geopipe(["rollout", "status", "--json"]).output
        var status = Status()
        status.output = output
        guard let start = output.firstIndex(of: "{"), let end = output.lastIndex(of: "}"),
            let fields = try? JSONSerialization.jsonObject(with: Data(output[start...end].utf8)) as? [String: Any]
        else { return status }
        status.state = fields["state"] as? String ?? ""
        status.mode = fields["mode"] as? String ?? ""
        status.share = fields["share"] as? Int ?? 0
        status.places = fields["places"] as? [String] ?? []
        return status
    }
}
