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
    /// The time until which earlier steps may cause an automatic abort.
    private var doubtEnds: UInt64 = 0

    /// Adopts a version of the configuration that a command has installed.
    var adopt: (_ configuration: Int) -> Void = { _ in }

    /// The version of the zone on the new side; `nil` if no rollout runs.
    var zone: Int? { running?.versions[.zone] }

    private struct Running {
        let number: Int
        var step: RolloutStep
        /// The versions of its new side's files.
        let versions: [Part: Int]
        /// The version of the configuration at its start.
        let before: Int
        /// Whether a file of the new side or the configuration was changed, so that a commit may be refused.
        var isTouched = false
    }

    /// How long after another step an automatic abort may follow, in nanoseconds: drains end by themselves after 4 s,
    /// health is known after 6 s, and coprocesses check each second.
    private static let patience: UInt64 = 14_000_000_000
    private static let shares = [5, 20, 50]

    /// - Parameter geopipe: runs the program.
    init(
        _ site: Site, _ oracle: Oracle, _ journal: Journal, random: SeededGenerator,
        geopipe: @escaping ([String]) throws -> (output: String, status: Int32)
    ) {
        (self.site, self.oracle, self.journal, self.random, self.geopipe) = (site, oracle, journal, random, geopipe)
    }

    // MARK: Other steps

    /// Records that a file of the new side or the configuration was written.
    func filesChange() { running?.isTouched = true }

    /// Records a step that may cause an automatic abort, or a pause in following the rollout.
    func mayEnd() {
        guard running != nil else { return }
        doubtEnds = now() + Self.patience
        oracle.mayBe(.rollout, RolloutStep.none.value)
    }

    /// Reads the state of the rollout.
    func clarify() throws {
        guard let running else { return }
        let status = try status()
        switch status.state {
        case "running":
            guard now() >= doubtEnds else { return }
            oracle.isNow(.rollout, running.step.value)
        case "aborted":
            if now() >= doubtEnds { journal.violation("a rollout was aborted automatically: \(status.output)") }
            journal.note("a rollout was aborted automatically")
            try confirm()
        default: journal.violation("the rollout is \(status.state), and should run: \(status.output)")
        }
    }

    /// Gives all clients the old side, if a rollout runs.
    func end() throws { if running != nil { try abort() } }

    private func confirm() throws {
        oracle.isNow(.rollout, RolloutStep.none.value)
        running = nil
        // An automatic abort is a problem until it is acknowledged.
        _ = try geopipe(["rollout", "abort"])
    }

    // MARK: Steps

    /// Takes a random next step.
    ///
    /// - Parameter versions: the versions of all files.
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

    /// Takes all steps, one after the other, while nothing else happens.
    func drill(_ versions: [Part: Int]) throws {
        try clarify()
        try end()
        try start(versions)
        for share in Self.shares where running != nil {
            pause(0...500)
            try self.share(share)
        }
        // Long enough to judge the share by its figures.
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
        // Its parity may equal that of the other or not.
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

    /// Runs a step, or kills its command.
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

    /// Adopts the state of the rollout after a command.
    private func settle(_ state: String) throws {
        guard let running else { return }
        switch state {
        case "running" where now() >= doubtEnds: oracle.isNow(.rollout, running.step.value)
        case "running":
            // Either this rollout or none.
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
        // A repeated command continues a killed one.
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

    /// Finds the installed version of the configuration.
    private func takeOverConfiguration(_ versions: [Int]) {
        guard let version = versions.first(where: site.isInPlace) else {
            return journal.violation("the configuration is neither the old nor the new one of a commit")
        }
        oracle.isNow(.configuration, version)
        adopt(version)
    }

    /// Damages the rollout file, and restores it.
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
