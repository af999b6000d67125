import ArgumentParser
import Configuration
import Geography
import Glibc
import Image
import Inspection
import Platform
import State

struct RolloutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout",
        abstract: "Give a configuration or an image to a part of the clients, then to all, or to none again.",
        discussion: """
            One rollout runs at a time, and its owner is who started it. Others may abort it; to go on with it they add \
            --take-over. Which names exist is what the image in force says, until the commit.
            """,
        subcommands: [
            RolloutStart.self, RolloutShare.self, RolloutPlaces.self, RolloutCommit.self, RolloutAbort.self,
            RolloutBack.self, RolloutStatus.self,
        ],
        defaultSubcommand: RolloutStatus.self)
}

/// A step of a rollout.
protocol RolloutStep: ParsableCommand {
    var output: SwitchOutput { get }
    var options: ConfigurationOptions { get }

    /// Carries the step out.
    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome
}

extension RolloutStep {
    func run() throws {
        do throws(Refusal) {
            let desk = try RolloutContext(options)
            let outcome = try perform(desk)
            for note in outcome.notes { printError(visible(note)) }
            if output.json {
                print(try desk.json().pretty)
            } else {
                for line in outcome.lines + (outcome.followers.map { [$0.words] } ?? []) { print(visible(line)) }
            }
            guard outcome.isWrong else { return }
        } catch {
            for line in error.notes + [error.message] { printError(visible(line)) }
            if output.json { print(refused(error).pretty) }
            throw error.code
        }
        throw ExitCode.wrong
    }

    /// Why nothing was changed, with the state that there is all the same.
    private func refused(_ refusal: Refusal) -> JSON {
        var state = "unknown"
        if let desk = try? RolloutContext(options), let found = try? desk.found() {
            state = found.value.flatMap { desk.isOwn($0) ? $0.progress.rawValue : nil } ?? "none"
        }
        return .object([
            "state": .text(state), "error": .text(refusal.message),
            "notes": refusal.notes.isEmpty ? nil : .list(refusal.notes.map(JSON.text)),
        ])
    }
}

/// Who goes on with a rollout, and why.
struct RolloutAttribution: ParsableArguments {
    @Option(help: "Why, for those who look at the history.")
    var reason = ""

    @Flag(help: "Go on with another person's rollout as yours.")
    var takeOver = false
}

/// What came of a step.
struct RolloutOutcome {
    /// For standard output.
    var lines: [String] = []
    /// What is wrong beside, for standard error.
    var notes: [String] = []
    var followers: Followers?
    var isWrong = false
}

/// Where rollouts of a configuration are changed, and by whom.
struct RolloutContext {
    let options: ConfigurationOptions
    let state: StateDirectory
    let store: ImageStore
    let who = operatorName()
    /// In seconds since 1970.
    let now = time(nil)

    init(_ options: ConfigurationOptions) throws(Refusal) {
        self.options = options
        state = try options.requiredState()
        store = ImageStore(of: options.file, overrides: options.databases, in: state)
    }

    /// Keeps coprocesses from compiling files that a step is replacing.
    ///
    /// - Returns: a descriptor; the lock is held until the caller closes it.
    func lockCompiling() throws(Refusal) -> CInt {
        let lock = store.lock(patience: 130_000)
        guard lock >= 0 else { throw Refusal(message: "cannot lock \(store.folder)", code: .unusable) }
        return lock
    }

    /// The rollout that runs in the state directory, or the last one, of whatever configuration; `nil` if there was none.
    func found() throws(Refusal) -> StateDirectory.Found<Rollout> {
        do throws(StateDirectory.Failure) {
            return try state.rollout()
        } catch {
            throw Refusal(
                message:
                    "\(error); all clients get the image in force; geopipe rollout abort renames the file, and geopipe rollout start starts a new rollout",
                code: .unusable)
        }
    }

    /// How the rollout of this configuration goes; `nil` if there never was one.
    func report() throws(Refusal) -> RolloutReport? {
        let found = try found()
        guard let rollout = found.value, isOwn(rollout) else { return nil }
        return RolloutReport(rollout, identity: found.identity, store, state.coprocesses(of: options.file))
    }

    /// How the rollout of this configuration goes, for programs; and the one of another configuration if there is none.
    func json() throws(Refusal) -> JSON {
        if let report = try report() { return report.json }
        let other = try found().value
        return .object([
            "state": .text("none"), "other": other?.otherJSON,
            "lost": other == nil ? state.lostRollout().map { .text($0.datacenter) } : nil,
        ])
    }

    /// Whether it is of this configuration, in whatever format.
    ///
    /// The path counts as it was written: its file may be written to by a user who may not write where the configuration is, and who
    /// could change what a link leads to.
    func isOwn(_ rollout: Rollout) -> Bool {
        ImageStore.isSame(rollout.images, store.name) && rollout.configuration == absolutePath(options.file)
    }

    /// Says whose a rollout is that is none of this configuration.
    func otherWords(_ rollout: Rollout) -> String {
        "the rollout \(rollout.id) of \(rollout.owner) is of \(subjectWords(rollout))"
    }

    /// Says what a rollout is of that is none of this configuration.
    func subjectWords(_ rollout: Rollout) -> String {
        let isSamePath = rollout.configuration == absolutePath(options.file)
        let subject =
            isSamePath ? "the same configuration with other databases (--database)" : rollout.configuration
        return "\(subject), and not of \(options.file)"
    }

    /// How one goes on with a rollout that is none of this configuration.
    func wayToOther(_ rollout: Rollout) -> String {
        rollout.configuration == absolutePath(options.file)
            ? "name its databases, too" : "add --config \(rollout.configuration)"
    }

    static let nothingRuns = Refusal(message: "no rollout runs; geopipe rollout start NEW starts one", code: .wrong)

    static func unusable(_ reason: Image.Refusal) -> Refusal {
        Refusal(
            message:
                "the new image cannot be used: \(reason); geopipe rollout abort gives all clients the image in force, then start again",
            code: .unusable)
    }

    /// Changes the rollout that runs.
    ///
    /// - Parameters:
    ///   - takesOver: whether another person than the owner becomes its owner.
    ///   - needsOwner: whether only the owner may do it.
    ///   - body: changes it, and returns what the history is to have; `nil` for nothing.
    func change(
        takesOver: Bool = false, needsOwner: Bool = true,
        _ body: (inout Rollout, inout RolloutOutcome) throws(Refusal) -> HistoryEntry?
    ) throws(Refusal) -> RolloutOutcome {
        FileSwap.removeLeftovers(beside: realPath(options.file))
        var outcome = RolloutOutcome()
        var refusal: Refusal?
        let notes = try write { known in
            guard var rollout = known, rollout.isRunning else {
                refusal = Self.nothingRuns
                return nil
            }
            guard isOwn(rollout) else {
                refusal = Refusal(message: "\(otherWords(rollout)); \(wayToOther(rollout))", code: .wrong)
                return nil
            }
            if needsOwner, rollout.owner != who {
                guard takesOver else {
                    refusal = Refusal(
                        message:
                            "the rollout \(rollout.id) is \(rollout.owner)'s; add --take-over to go on with it as yours, or geopipe rollout abort",
                        code: .wrong)
                    return nil
                }
                outcome.lines.append("the rollout was \(rollout.owner)'s, and is yours now")
                rollout.owner = who
            }
            do throws(Refusal) {
                let entry = try body(&rollout, &outcome)
                return (rollout, entry)
            } catch {
                refusal = error
                return nil
            }
        }
        if let refusal { throw refusal }
        outcome.notes += notes
        return outcome
    }

    /// Changes which clients get NEW, and waits until all coprocesses follow.
    ///
    /// - Parameter body: as for `change`.
    func give(
        _ attribution: RolloutAttribution,
        _ body: (inout Rollout, inout RolloutOutcome) throws(Refusal) -> HistoryEntry
    ) throws(Refusal) -> RolloutOutcome {
        var outcome = try change(takesOver: attribution.takeOver) { rollout, outcome throws(Refusal) in
            try checkSafety(rollout, isSummed: true)
            return try body(&rollout, &outcome)
        }
        outcome.followers = wait()
        outcome.isWrong = outcome.followers?.areAll != true
        return outcome
    }

    /// Writes what `body` makes of the rollout.
    ///
    /// - Returns: what is wrong beside.
    func write(_ body: (Rollout?) -> (rollout: Rollout, entry: HistoryEntry?)?) throws(Refusal) -> [String] {
        do throws(StateDirectory.Failure) {
            return try state.changeRollout(body).map { [$0] } ?? []
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    /// Waits until all coprocesses follow.
    ///
    /// - Parameter patience: milliseconds at most.
    func wait(patience: Int = 2_000) -> Followers {
        // Without any file coprocesses follow none.
        let none = "none"
        return Followers.wait(
            for: options.file, state, patience: patience,
            identity: {
                guard let found = try? state.rollout() else { return nil }
                return found.identity ?? none
            }, followed: { $0.rollout ?? none }, mayFollow: { $0.follows(store) })
    }

    /// Waits until all coprocesses answer from the image in force, and follow the rollout's file.
    ///
    /// - Parameter patience: milliseconds at most.
    func waitForImage(patience: Int) -> Followers {
        func identity(_ image: String?, _ rollout: String?) -> String { "\(image ?? "") \(rollout ?? "")" }
        return Followers.wait(
            for: options.file, state, patience: patience,
            identity: {
                store.currentName.map { identity(ImageStore.id(in: $0), (try? state.rollout())?.identity) }
            },
            followed: { identity($0.image, $0.rollout) }, mayFollow: { $0.follows(store) })
    }

    func entry(
        _ action: HistoryEntry.Action, _ rollout: String, share: Int = 100, areas: [Area] = [], reason: String = ""
    )
        -> HistoryEntry
    {
        HistoryEntry(time: now, who: who, action, datacenter: rollout, areas: areas, share: share, reason: reason)
    }
}

// MARK: - Steps without much to do

struct RolloutShare: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "share", abstract: "Give NEW to a part of the client networks, always the same ones.",
        discussion: "Networks are /24 of IPv4 and /56 of IPv6. Those in a share are in every larger share as well.")

    @Argument(help: "1% to 100%.")
    var share: Percentage

    @OptionGroup var attribution: RolloutAttribution
    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        try desk.give(attribution) { rollout, outcome throws(Refusal) in
            if case .share(let before) = rollout.part, before > share.value {
                outcome.lines.append("\(before - share.value)% of the client networks go back to the old side")
            }
            rollout.part = .share(share.value)
            outcome.lines.append(rollout.partWords)
            return desk.entry(.rolloutShare, rollout.id, share: share.value, reason: attribution.reason)
        }
    }
}

struct RolloutPlaces: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "places", abstract: "Give NEW to all clients in some places, in place of a share.")

    @Argument(help: "NO,US-CA,continent:EU or regions of the configuration.")
    var places: String

    @OptionGroup var attribution: RolloutAttribution
    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        try desk.give(attribution) { rollout, outcome throws(Refusal) in
            rollout.part = .places(try areas(desk, rollout))
            outcome.lines.append(rollout.partWords)
            guard case .places(let areas) = rollout.part else { return desk.entry(.rolloutPlaces, rollout.id) }
            return desk.entry(.rolloutPlaces, rollout.id, areas: areas, reason: attribution.reason)
        }
    }

    private func areas(_ desk: RolloutContext, _ rollout: Rollout) throws(Refusal) -> [Area] {
        let regions = (try? options.configuration())?.regions ?? [:]
        let new = try? desk.newSnapshot(rollout)
        do throws(UnknownArea) {
            return try Configuration.areas(named: places, regions: regions, known: new?.areas)
        } catch {
            throw Refusal(message: "\(error)", code: .wrong)
        }
    }
}

struct RolloutAbort: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract:
            "Give all clients the image in force again, at once. Anybody who may write to the state directory may do this.",
        discussion: """
            Anybody who may write to the state directory may do this. After a rollout was aborted by itself, this confirms that \
            a person has seen it.
            """)

    @Option(help: "Why, for those who look at the history.")
    var reason = ""

    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        let last: Rollout?
        do throws(Refusal) {
            last = try desk.found().value
        } catch {
            last = nil
        }
        guard let last else { return try endLost(desk) }
        if last.progress == .aborted, desk.isOwn(last), last.end?.isAutomatic == true || last.hasBegunCommit {
            return try confirm(desk, last)
        }
        var id = ""
        var outcome = try desk.change(needsOwner: false) { rollout, outcome throws(Refusal) in
            id = rollout.id
            outcome.lines = ["aborted: all clients get the image in force"]
            undoBegunCommit(desk, rollout, &outcome)
            rollout.progress = .aborted
            rollout.end = Rollout.End(who: desk.who, time: desk.now, reason: reason)
            return desk.entry(.rolloutAbort, rollout.id, reason: reason)
        }
        let followers = desk.wait()
        desk.store.removeCandidate(of: id)
        outcome.followers = followers
        outcome.isWrong = outcome.isWrong || followers.count < followers.all
        return outcome
    }

    /// Puts the configuration of before back, if a commit was killed. What cannot be put back keeps no client from the image in force.
    private func undoBegunCommit(_ desk: RolloutContext, _ rollout: Rollout, _ outcome: inout RolloutOutcome) {
        guard desk.isOwn(rollout), rollout.hasBegunCommit else { return }
        do throws(StateDirectory.Failure) {
            outcome.lines.append(rollout.undoneWords(kept: try rollout.undoBegunCommit()))
        } catch {
            outcome.notes.append(
                "\(rollout.begunWords), and what was there before cannot be put back: \(error); geopipe rollout abort tries that again"
            )
            outcome.isWrong = true
        }
    }

    /// Ends a rollout whose files are gone or torn, of which no coprocess knows any more.
    private func endLost(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        var outcome = RolloutOutcome()
        let lost: (last: HistoryEntry?, isPutAside: Bool)?
        do throws(StateDirectory.Failure) {
            let words = "its files were gone" + (reason.isEmpty ? "" : ": \(reason)")
            lost = try desk.state.endLostRollout(by: desk.who, at: desk.now, reason: words)
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
        guard let lost else { throw RolloutContext.nothingRuns }
        if lost.isPutAside {
            outcome.notes.append("\(desk.state.rolloutFile) is now \(desk.state.rolloutFile).untrusted")
        }
        let id = lost.last.map { " \($0.datacenter)" } ?? ""
        outcome.lines = [
            "aborted\(id), whose files were gone or could not be trusted: all clients get the image in force"
        ]
        for store in ImageStore.all(in: desk.state) { store.removeCandidates() }
        return outcome
    }

    private func confirm(_ desk: RolloutContext, _ last: Rollout) throws(Refusal) -> RolloutOutcome {
        var outcome = RolloutOutcome()
        let notes = try desk.write { known in
            guard var rollout = known, rollout.id == last.id, rollout.progress == .aborted else { return nil }
            undoBegunCommit(desk, rollout, &outcome)
            guard rollout.end?.isAutomatic == true else { return nil }
            rollout.end!.isAutomatic = false
            return (rollout, desk.entry(.rolloutSeen, rollout.id, reason: rollout.end!.reason))
        }
        outcome.notes += notes
        if last.end?.isAutomatic == true {
            outcome.lines.insert(
                "the rollout \(last.id) was aborted automatically before: \(last.end?.reason ?? "")", at: 0)
        }
        return outcome
    }
}

struct RolloutStatus: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the rollout goes: who gets it, and what differs.",
        discussion:
            "Exits 1 if it was aborted by itself, a commit was killed half-way, or a coprocess does not follow it.")

    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        var outcome = RolloutOutcome()
        let found = try desk.found()
        if let diagnostic = found.diagnostic { outcome.notes.append(diagnostic) }
        guard let report = try desk.report() else {
            if let other = found.value {
                outcome.lines = [
                    "no rollout of \(desk.options.file) runs; \(desk.otherWords(other)); to see how it goes, \(desk.wayToOther(other)):",
                    other.headline,
                ]
            } else if let lost = desk.state.lostRollout() {
                outcome.lines = [
                    Status.lostWords(lost),
                    "geopipe rollout abort acknowledges that, and geopipe rollout start starts a new one",
                ]
                outcome.isWrong = true
            } else if let last = desk.state.lastStep() {
                outcome.lines = ["no rollout runs; the last step: \(dateAndTime(last.time)) \(last.who) \(last.deed)"]
            } else {
                outcome.lines = ["no rollout runs, and there never was one"]
            }
            return outcome
        }
        outcome.lines = report.lines
        outcome.isWrong =
            report.rollout.end?.isAutomatic == true || report.diagnostic != nil || report.hasBegunCommit
            || report.rollout.isRunning && report.followers < report.coprocesses
        return outcome
    }
}
