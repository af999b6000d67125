import Answering
import ArgumentParser
import Compiler
import Configuration
import Glibc
import Image
import Inspection
import Platform
import State

struct RolloutStart: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start a rollout of NEW: count what would differ, before any client gets it.",
        discussion: """
            NEW is a configuration, or an image from compile -o. It is compiled now, and later changes of its files have no \
            effect. Until the first rollout share, it is only counted (dark).
            """)

    @Argument(help: "A configuration, other than the one in force, or an image.")
    var new: String

    @Flag(help: "Only count what would differ. This is the default, so --dark changes nothing.")
    var dark = false

    @Option(help: ArgumentHelp("The id of the plan that this carries out, from geopipe plan.", valueName: "id"))
    var plan: String?

    @Option(help: ArgumentHelp("The reason, shown by status and history.", valueName: "text"))
    var reason = ""

    @Option(
        help: ArgumentHelp(
            "Abort the rollout if the new side refuses this many percent more queries than the old one.",
            valueName: "percent"))
    var refusals = 1

    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        guard 0...100 ~= refusals else { throw ValidationError("--refusals is 0 to 100") }
    }

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        // A corrupt file counts as none, and is moved aside.
        if let running = (try? desk.found())?.value, running.isRunning { throw Self.isRunning(running, desk) }
        guard let old = desk.store.current().snapshot else {
            let others = desk.state.coprocesses(of: options.file).filter {
                !$0.follows(desk.store) && $0.imageFile == nil
            }
            throw Refusal(
                message: "no image of \(options.file) is in force to start from; "
                    + (others.isEmpty
                        ? "start pdns_server, or run geopipe compile"
                        : "coprocesses run with \(Set(others.map(\.configuration)).sorted().joined(separator: ", ")): write --config, and --database, as they have them"),
                code: .unusable)
        }
        var outcome = RolloutOutcome()
        let isConfiguration = !Image.isImage(new)
        var inputs: [String] = []
        let snapshot = isConfiguration ? try compiled(desk, old, &inputs, &outcome) : try mapped(desk)
        try check(snapshot, old, isConfiguration: isConfiguration)
        try checkPlan(
            old, isConfiguration ? inputsIdentity(configuration: new, inputs: inputs) : snapshot.image.id, &outcome)
        var rollout = Rollout(
            id: rolloutID(), owner: desk.user, since: desk.now, images: desk.store.name, old: old.image.id,
            new: snapshot.image.id, source: absolutePath(new), isConfiguration: isConfiguration,
            configuration: absolutePath(options.file), configurationState: contentIdentity(ofFile: options.file))
        (rollout.plan, rollout.reason, rollout.refusalLimit) = (plan ?? "", reason, refusals)
        let switches = ((try? desk.state.switches())?.value ?? []).filter { $0.isInForce(at: desk.now) }
        let down = (try? desk.state.health())?.value?.down(at: desk.now) ?? [:]
        rollout.down = snapshot.datacentersDown(Set(down.keys), switches)
        try desk.checkSafety(snapshot.manifest.safety, of: rollout.source)
        try begin(desk, rollout, snapshot, &outcome)
        outcome.lines.insert("started \(rollout.id): \(rollout.partWords)", at: 0)
        let names = RolloutDifferences(from: old, to: snapshot).nameCounts
        if names.onlyNew + names.onlyOld > 0 {
            outcome.lines.append(
                "\(names.onlyNew) names are added and \(names.onlyOld) removed for all clients with the commit, not for a part of them before"
            )
        }
        // Relative paths start from the folder in which a file is named, not from a link's target.
        if isConfiguration, folderPlace(of: new) != folderPlace(of: options.file) {
            outcome.lines.append(
                "\(new) is in another folder than \(options.file): a commit is refused if its relative paths mean other files there"
            )
        }
        outcome.followers = desk.wait(timeout: 20_000)
        outcome.isWrong = outcome.followers?.areAll != true
        return outcome
    }

    /// Refuses to start anything other than what a plan approved with GO.
    ///
    /// - Parameters:
    ///   - old: what is in force.
    ///   - change: the identity of the change to start.
    private func checkPlan(_ old: Snapshot, _ change: String, _ outcome: inout RolloutOutcome) throws(Refusal) {
        guard let plan else { return }
        // A plan made here while the files were different has the image's id; one from a pipeline never has.
        let inputs = old.inputsIdentity
        let verdicts = [inputs, old.image.id].lazy.compactMap(\.self).compactMap {
            Plan.verdict(ofID: plan, on: changeIdentity(from: $0, to: change))
        }
        guard let verdict = verdicts.first else {
            throw Refusal(
                message: inputs == nil
                    ? "the image in force, \(old.image.id), does not match the files on disk, so it is unknown whether plan \(plan) was compared with it; put the files in force, or run geopipe plan \(new) here, and start with its id"
                    : "\(new) is not the subject of plan \(plan), or the image in force is not the one that it was compared with; see what has changed, and run geopipe plan \(new) again",
                code: .wrong)
        }
        guard verdict.isGo else {
            throw Refusal(
                message:
                    "plan \(plan) said NO-GO; correct what fails, or waive it (geopipe plan \(new) --waive ITEM --reason TEXT), and start with the id that is printed after GO",
                code: .wrong)
        }
        let waived = verdict.waived.map(\.rawValue).joined(separator: ", ")
        outcome.lines.append("plan \(plan) said GO" + (waived.isEmpty ? "" : ", with these items waived: \(waived)"))
    }

    private static func isRunning(_ rollout: Rollout, _ desk: RolloutContext) -> Refusal {
        let way =
            desk.isOwn(rollout)
            ? "commit or abort it first"
            : "it is of \(desk.subjectWords(rollout)), and one at a time runs in a state directory; to commit or abort it, \(desk.wayToOther(rollout))"
        return Refusal(
            message: "the rollout \(rollout.id) of \(rollout.owner) runs: \(rollout.partWords); \(way)", code: .wrong)
    }

    private func compiled(
        _ desk: RolloutContext, _ old: Snapshot, _ inputs: inout [String], _ outcome: inout RolloutOutcome
    ) throws(Refusal) -> Snapshot {
        if realPath(new) == realPath(options.file) {
            throw Refusal(
                message:
                    "\(new) is the configuration in force: its changes take effect immediately; make the changes in a copy, and start that",
                code: .wrong)
        }
        do throws(StateDirectory.Failure) {
            // A file that a commit would refuse is refused before any client gets it.
            if desk.state.foreignOwner != nil { _ = try desk.state.configuration(at: new, for: options.file) }
        } catch {
            throw Refusal(message: "\(error); nothing is started", code: .wrong)
        }
        let request = CompileRequest(
            configuration: new, databases: options.databases, stateDirectory: options.stateDirectory)
        let line = ProgressLine()
        let compiled = Compilation(request, previous: old, previousReport: nil).run(
            keepsSerials: false, progress: { line.show($0) })
        line.clear()
        outcome.notes += DiagnosticList(compiled.diagnostics).sorted(main: new).map(\.description)
        inputs = compiled.report.inputs.map(\.path)
        guard let image = compiled.image else {
            throw Refusal(message: "\(new) has errors; nothing is started", code: .wrong, notes: outcome.notes)
        }
        do {
            return try Snapshot(image)
        } catch {
            throw Refusal(message: "\(new): \(error)", code: .unusable, notes: outcome.notes)
        }
    }

    private func mapped(_ desk: RolloutContext) throws(Refusal) -> Snapshot {
        do throws(Image.Refusal) {
            return try Snapshot(path: new, owners: desk.store.owners)
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    private func check(_ snapshot: Snapshot, _ old: Snapshot, isConfiguration: Bool) throws(Refusal) {
        if snapshot.image.id == old.image.id {
            throw Refusal(message: "\(new) answers like the image in force; there is nothing to roll out", code: .wrong)
        }
        let broken = Set(old.manifest.unusableZones.map(\.apex))
        if let zone = snapshot.manifest.unusableZones.first(where: { !broken.contains($0.apex) }) {
            throw Refusal(message: "the zone \(zone.apex) of \(new) has errors; correct it first", code: .wrong)
        }
        if isConfiguration, realPath(snapshot.manifest.stateDirectory) != realPath(old.manifest.stateDirectory) {
            throw Refusal(
                message:
                    "\(new) has state_directory: \(snapshot.manifest.stateDirectory), but the image in force has \(old.manifest.stateDirectory); a rollout cannot change that",
                code: .wrong)
        }
    }

    private func begin(
        _ desk: RolloutContext, _ rollout: Rollout, _ snapshot: Snapshot, _ outcome: inout RolloutOutcome
    ) throws(Refusal) {
        var other: Rollout?
        var unseen: Rollout?
        var failure: StateDirectory.Failure?
        do throws(Refusal) {
            outcome.notes += try desk.write { known in
                if let known, known.isRunning {
                    other = known
                    return nil
                }
                if let known, known.end?.isAutomatic == true { unseen = known }
                // Under the lock: another start would take the file for a leftover.
                do throws(StateDirectory.Failure) {
                    try desk.store.keepCandidate(snapshot.image, of: rollout.id)
                } catch {
                    failure = error
                    return nil
                }
                desk.store.removeCandidates(but: rollout.id)
                return (rollout, desk.entry(.rolloutStart, rollout.id, reason: reason))
            }
        } catch {
            desk.store.removeCandidate(of: rollout.id)
            throw error
        }
        if let failure { throw Refusal(message: "\(failure)", code: .unusable, notes: outcome.notes) }
        // Of two simultaneous starts, the second one is refused.
        if let other { throw Self.isRunning(other, desk) }
        // The file holds one rollout, and the next one hides it.
        if let unseen {
            outcome.notes.append(
                "the rollout \(unseen.id) of \(unseen.configuration) was aborted automatically before: \(unseen.end?.reason ?? "")"
            )
        }
    }
}

/// Returns an id for a rollout: the time in UTC, and a part that differs within the same second.
private func rolloutID() -> String {
    var (seconds, parts) = (time(nil), tm())
    gmtime_r(&seconds, &parts)
    func digits(_ number: CInt, _ count: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    let date = digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2)
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits($0, 2) }.joined()
    return "\(date)T\(clock)Z\(String(UInt32.random(in: 1 << 28 ... .max), radix: 16, uppercase: true))"
}

/// Returns the folder in which a file is named, without links.
private func folderPlace(of path: String) -> String { realPath(folder(of: absolutePath(path)) + "/") }

/// Returns the folder of a file.
func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
}

extension RolloutContext {
    /// Refuses an image of another format, which is in another folder.
    func checkFormat(_ rollout: Rollout) throws(Image.Refusal) {
        guard rollout.images != store.name else { return }
        throw Image.Refusal("it has another format than this program's")
    }

    /// Returns the new image of a running rollout.
    func newSnapshot(_ rollout: Rollout) throws(Refusal) -> Snapshot {
        do throws(Image.Refusal) {
            try checkFormat(rollout)
            let snapshot = try Snapshot(path: store.candidateFile(of: rollout.id), owners: store.owners)
            guard snapshot.image.id == rollout.new else {
                throw Image.Refusal(
                    "it is \(snapshot.image.id), and \(rollout.new) was started")
            }
            return snapshot
        } catch {
            throw Self.unusable(error)
        }
    }
}
