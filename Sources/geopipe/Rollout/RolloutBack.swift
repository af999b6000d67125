import Answering
import ArgumentParser
import Configuration
import Glibc
import Image
import Inspection
import Platform
import State

struct RolloutBack: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "back",
        abstract: "Go back to the state before the last commit, or to a kept image.",
        discussion: """
            If the configuration is still the committed one, the previous one is restored on disk. Otherwise puts in force \
            the newest kept image that is older than the current one and answers differently, or the image \
            that is named; the files on disk stay unchanged, and the next change to one of them replaces it.
            """)

    @Argument(help: "The content id of an image, or its beginning.")
    var image: String?

    @Flag(help: "Put an image in force without changing any file of the configuration.")
    var imageOnly = false

    @Option(help: ArgumentHelp("The reason, shown by history.", valueName: "text"))
    var reason = ""

    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        let lock = try desk.lockCompiling()
        defer { close(lock) }
        if let last = try desk.found().value, last.isRunning, desk.isOwn(last) {
            throw Refusal(
                message: "the rollout \(last.id) runs; geopipe rollout abort restores the state before it",
                code: .wrong)
        }
        FileSwap.removeLeftovers(beside: realPath(options.file))
        let commit = desk.state.lastCommit(of: desk.store.name).flatMap { desk.isOwn($0) ? $0 : nil }
        var outcome = RolloutOutcome()
        let way = try way(desk, commit, &outcome)
        let id: String
        var undone: Rollout?
        var kept = ""
        switch way {
        case .files(let commit):
            (id, kept) = try restore(desk, commit, &outcome)
            undone = commit
        case .image(let name, let snapshot):
            do throws(StateDirectory.Failure) {
                try desk.store.goBack(to: name)
            } catch {
                throw Refusal(message: "\(error)", code: .unusable)
            }
            id = snapshot.image.id
            if let commit, let before = commit.commit?.image, name <= before { undone = commit }
            outcome.lines.insert(
                "back: all clients get the image \(id) of \(dateAndTime(snapshot.manifest.created))", at: 0)
            outcome.lines.append(
                "the files of \(options.file) are unchanged: the next change to one of them replaces this image"
            )
        }
        do throws(StateDirectory.Failure) {
            let entry = desk.entry(.rolloutBack, id, reason: reason)
            if let undone {
                let end = Rollout.End(user: desk.user, time: desk.now, reason: reason, backup: kept)
                if let diagnostic = try desk.state.takeBack(undone, end, entry) { outcome.notes.append(diagnostic) }
            } else {
                try desk.state.note(entry)
            }
        } catch {
            outcome.notes.append("\(error)")
        }
        outcome.followers = desk.waitForImage(timeout: 20_000)
        outcome.isWrong = outcome.followers.map { $0.count < $0.all } ?? false
        return outcome
    }

    /// A way back.
    private enum Way {
        /// The configuration from before this commit.
        case files(Rollout)
        /// A kept image, by its file name.
        case image(String, Snapshot)
    }

    private func way(
        _ desk: RolloutContext, _ commit: Rollout?, _ outcome: inout RolloutOutcome
    ) throws(Refusal) -> Way {
        let restorable = commit.flatMap { isRestorable($0) && !imageOnly ? $0 : nil }
        if image == nil, let restorable { return .files(restorable) }
        let (name, snapshot) = try target(desk, &outcome)
        if let restorable, snapshot.image.id == restorable.old { return .files(restorable) }
        if image == nil, let commit, commit.isConfiguration, commit.hasBackup {
            let backup = commit.backupFile
            outcome.lines.append(
                imageOnly
                    ? "\(options.file) stays the committed one; the previous one is in \(backup)"
                    : "\(options.file) has changed since the commit, and stays; the one before the commit is in \(backup)"
            )
        }
        return .image(name, snapshot)
    }

    /// Returns whether the configuration on disk is the committed one, and the previous one is kept unchanged; or is
    /// already restored, as after a step back that was killed.
    private func isRestorable(_ commit: Rollout) -> Bool {
        guard commit.isConfiguration, commit.hasBackup else { return false }
        let committed = commit.commit?.content ?? contentIdentity(ofFile: commit.source)
        return [committed, commit.configurationState].contains(contentIdentity(ofFile: options.file))
    }

    /// Returns the image to go back to, and the name of its file.
    private func target(
        _ desk: RolloutContext, _ outcome: inout RolloutOutcome
    ) throws(Refusal) -> (name: String, snapshot: Snapshot) {
        let (names, current) = desk.store.kept
        let others = names.filter { $0 != current }
        let known = others.map {
            "  \(ImageStore.id(in: $0))" + (ImageStore.isUndone($0) ? ", which was rolled back" : "")
        }
        let notes = known.isEmpty ? [] : ["kept images, newest first:"] + known
        if let image {
            guard let name = others.first(where: { !image.isEmpty && ImageStore.id(in: $0).hasPrefix(image) }) else {
                throw Refusal(message: "no kept image begins with \(image)", code: .wrong, notes: notes)
            }
            do throws(Image.Refusal) {
                return (name, try snapshot(desk, name))
            } catch {
                throw Refusal(message: "\(error)", code: .unusable)
            }
        }
        let inForce = desk.store.current().snapshot
        // Names begin with the time, so going back twice goes further back.
        for name in others where name < current ?? "" && !ImageStore.isUndone(name) {
            do throws(Image.Refusal) {
                let snapshot = try snapshot(desk, name)
                if let inForce, RolloutDifferences(from: inForce, to: snapshot).isSame { continue }
                return (name, snapshot)
            } catch {
                outcome.notes.append("\(error)")
            }
        }
        throw Refusal(
            message: "no older kept image answers differently from the one in force", code: .wrong,
            notes: outcome.notes + notes)
    }

    private func snapshot(_ desk: RolloutContext, _ name: String) throws(Image.Refusal) -> Snapshot {
        try Snapshot(path: "\(desk.store.folder)/\(name)", owners: desk.store.owners)
    }

    /// Undoes a commit, on disk too.
    ///
    /// - Returns: the content id of the image in force, and the path of the committed configuration.
    private func restore(
        _ desk: RolloutContext, _ commit: Rollout, _ outcome: inout RolloutOutcome
    ) throws(Refusal) -> (id: String, kept: String) {
        let file = realPath(options.file)
        let backup = commit.backupFile
        let kept = "\(file).committed-\(commit.id)"
        let isInPlace = contentIdentity(ofFile: file) == commit.configurationState
        let swap: FileSwap
        do throws(StateDirectory.Failure) {
            swap = isInPlace ? FileSwap(done: file, backup: kept) : try FileSwap(file, with: backup, backup: kept)
        } catch {
            throw Refusal(
                message:
                    "\(error); nothing is changed; with --image-only the previous image is put in force without a change on disk, until a file of \(options.file) changes",
                code: .unusable)
        }
        let compiled = try desk.compile(previous: desk.store.current().snapshot)
        guard let image = compiled.image else {
            if !isInPlace { swap.undo() }
            throw Refusal(
                message: "\(backup) has errors now, and nothing is changed", code: .wrong,
                notes: compiled.diagnostics.map(\.description))
        }
        let (names, current) = desk.store.kept
        let older = names.filter { $0 < current ?? "" && !ImageStore.isUndone($0) }
        do throws(Refusal) {
            let before = commit.commit?.image ?? older.first ?? ""
            let alike = older.filter { $0 <= before && answersAs(image, desk, $0) }
            try desk.publish(compiled, goingBackTo: before, inPlaceOf: alike)
        } catch {
            if !isInPlace { swap.undo() }
            throw error
        }
        outcome.notes += compiled.diagnostics.map(\.description)
        outcome.lines = [
            "back: all clients get the image \(image.id), made from the restored \(file)",
            isInPlace
                ? "\(file) is already what it was before the commit"
                : "\(file) is again what it was before the commit; the committed one is in \(swap.backup)",
        ]
        return (image.id, swap.backup)
    }

    /// Returns whether a kept image answers as another one does.
    private func answersAs(_ image: Image, _ desk: RolloutContext, _ name: String) -> Bool {
        guard let kept = try? snapshot(desk, name), let new = try? Snapshot(image) else { return false }
        return RolloutDifferences(from: kept, to: new).isSame
    }
}
