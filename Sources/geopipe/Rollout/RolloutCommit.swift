import Answering
import ArgumentParser
import Compiler
import Configuration
import Glibc
import Image
import Platform
import State

struct RolloutCommit: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "Give NEW to all clients: put it in force, and on disk in place of the configuration that ran.",
        discussion: """
            The configuration of before is kept beside it, as NAME.before-ID, and the image of before as rollout back needs \
            it. Refused if NEW, its files or the configuration have changed since the start. An image needs --image-only, \
            as no file is replaced then: the next change on disk takes its place.
            """)

    @Flag(help: "Put an image in force without changing any file of the configuration.")
    var imageOnly = false

    @OptionGroup var attribution: RolloutAttribution
    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func perform(_ desk: RolloutDesk) throws(Refusal) -> RolloutOutcome {
        // A coprocess must not compile what is half replaced.
        let lock = desk.store.lock(patience: 130_000)
        guard lock >= 0 else { throw Refusal(message: "cannot lock \(desk.store.folder)", code: .unusable) }
        defer { close(lock) }
        var id = ""
        var outcome = try desk.change(takesOver: attribution.takeOver) { rollout, outcome throws(Refusal) in
            id = rollout.id
            try desk.checkSafety(rollout)
            let new = try desk.newSnapshot(rollout)
            var backup = ""
            if rollout.isConfiguration {
                if imageOnly {
                    throw Refusal(
                        message: "\(rollout.source) is a configuration; leave out --image-only", code: .wrong)
                }
                backup = try replaceConfiguration(desk, rollout, new, &outcome)
            } else {
                guard imageOnly else {
                    throw Refusal(
                        message:
                            "\(rollout.source) is an image, and says nothing about the files on disk: add --image-only, and it is in force until \(options.file) or one of its files changes; or start the rollout of a configuration",
                        code: .wrong)
                }
                try desk.publish(new)
                outcome.lines.append(
                    "the files of \(options.file) are as they were: the next change of one of them takes the place of this image"
                )
            }
            rollout.progress = .committed
            rollout.end = Rollout.End(who: desk.who, time: desk.now, reason: attribution.reason, backup: backup)
            outcome.lines.insert("committed: all clients get \(rollout.source)", at: 0)
            return desk.entry(.rolloutCommit, rollout.id, reason: attribution.reason)
        }
        outcome.followers = desk.wait(patience: 20_000)
        desk.store.removeCandidate(of: id)
        outcome.isWrong = outcome.followers.map { $0.count < $0.all } ?? false
        return outcome
    }

    /// Puts the new configuration in place of the one that runs, and its image in force.
    ///
    /// - Returns: where the configuration of before is.
    private func replaceConfiguration(
        _ desk: RolloutDesk, _ rollout: Rollout, _ new: Snapshot, _ outcome: inout RolloutOutcome
    ) throws(Refusal) -> String {
        // Of one whose state is not known, what is compiled below tells.
        let changed = FileState.certainlyChanged(new.manifest.inputs.map { ($0.path, $0.state) })
        guard changed.isEmpty else {
            throw Refusal(
                message:
                    "\(changed.prefix(3).joined(separator: ", ")) \(changed.count == 1 ? "has" : "have") changed since the start, and no client has been given that; put it back, or abort and start again",
                code: .wrong)
        }
        let isResumed =
            rollout.hasBegunCommit
            && contentIdentity(ofFile: rollout.configuration) == contentIdentity(ofFile: rollout.source)
        guard isResumed || contentIdentity(ofFile: rollout.configuration) == rollout.configurationState else {
            throw Refusal(
                message:
                    "\(rollout.configuration) has changed since the start, and would be lost; take the change over into \(rollout.source), then abort and start again",
                code: .wrong)
        }
        // A link stays, and what it leads to is replaced.
        let file = realPath(rollout.configuration)
        let backup = rollout.commitBackup
        let swap =
            isResumed
            ? FileSwap(done: file, backup: backup) : try FileSwap(file, with: rollout.source, backup: backup)
        do throws(Refusal) {
            let compiled = try desk.compile(previous: new)
            try RolloutCommit.check(compiled, is: new, rollout)
            try desk.publish(compiled)
            outcome.notes += compiled.diagnostics.map(\.description)
        } catch {
            swap.undo()
            throw error
        }
        outcome.lines.append("\(file) is now what \(rollout.source) is; before it is in \(swap.backup)")
        return swap.backup
    }

    /// Refuses what was compiled in its place if it is not what was rolled out, but for serials.
    private static func check(
        _ compiled: Compilation.Outcome, is new: Snapshot, _ rollout: Rollout
    ) throws(Refusal) {
        let reason: String
        do {
            guard let image = compiled.image else {
                throw MalformedColumns(compiled.diagnostics.first.map { "\($0)" } ?? "it has errors")
            }
            let differences = RolloutDifferences(from: new, to: try Snapshot(image))
            if differences.isSame { return }
            reason = "it does not answer as it did in the rollout"
        } catch {
            reason = "\(error)"
        }
        throw Refusal(
            message:
                "\(rollout.source) cannot take the place of \(rollout.configuration), and nothing is changed: \(reason); do its relative paths mean the same files there?",
            code: .wrong)
    }
}

/// A file that takes the place of another one, of which a copy is kept.
private struct FileSwap {
    let file: String
    let backup: String

    /// One that was carried out before.
    init(done file: String, backup: String) { (self.file, self.backup) = (file, backup) }

    /// - Parameters:
    ///   - source: is copied, with owner and mode of `file`.
    ///   - backup: where a copy of `file` is kept, in the same folder.
    init(_ file: String, with source: String, backup: String) throws(Refusal) {
        (self.file, self.backup) = (file, backup)
        guard let new = contents(of: source) else { throw Self.failure("read", source) }
        guard let old = contents(of: file) else { throw Self.failure("read", file) }
        try Self.write(old, to: backup, like: file)
        try Self.write(new, to: file, like: file)
        // What changes within the tick of the clock in which it is read, 10 ms at most, would have to be compiled again.
        usleep(30_000)
    }

    private static func failure(_ action: String, _ path: String) -> Refusal {
        let reason = String(cString: strerror(errno))
        return Refusal(message: "cannot \(action) \(path): \(reason); nothing is changed", code: .unusable)
    }

    /// Writes a file at once, with the owner and the mode of another one.
    private static func write(_ bytes: [UInt8], to path: String, like file: String) throws(Refusal) {
        let new = "\(path).\(getpid()).new"
        var status = stat()
        guard stat(file, &status) == 0 else { throw failure("read", file) }
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("write", new) }
        func giveUp() -> Refusal {
            let refusal = failure("write", new)
            unlink(new)
            return refusal
        }
        // The group reads it, mostly. Who may not give files away keeps this one.
        let keepsGroup = fchown(descriptor, uid_t.max, status.st_gid) == 0 || status.st_mode & 0o070 == 0
        let isWritten =
            keepsGroup && bytes.withUnsafeBytes { (try? writeAll($0, to: descriptor, new)) != nil }
            && fchmod(descriptor, status.st_mode & 0o7777) == 0 && fsync(descriptor) == 0
        if isWritten { _ = fchown(descriptor, status.st_uid, gid_t.max) }
        close(descriptor)
        guard isWritten else { throw giveUp() }
        guard rename(new, path) == 0 else { throw giveUp() }
        let folder = open(folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// Puts back what was there before.
    func undo() { rename(backup, file) }
}

extension Rollout {
    /// Whether a commit has put another configuration in place, and has not come to its end.
    var hasBegunCommit: Bool {
        guard isRunning, isConfiguration else { return false }
        return contentIdentity(ofFile: commitBackup) == configurationState
            && contentIdentity(ofFile: configuration) != configurationState
    }

    /// Where a commit keeps the configuration of before.
    fileprivate var commitBackup: String { "\(realPath(configuration)).before-\(id)" }

    /// Puts the configuration of before back, after a commit that has not come to its end.
    ///
    /// - Returns: where what is in its place now is kept.
    func undoBegunCommit() throws(Refusal) -> String {
        let file = realPath(configuration)
        let swap = try FileSwap(file, with: commitBackup, backup: "\(file).aborted-\(id)")
        unlink(commitBackup)
        return swap.backup
    }
}

/// The bytes of a file; `nil` with a reason in `errno` if it cannot be read.
private func contents(of path: String) -> [UInt8]? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return ferror(file) == 0 ? bytes : nil
}

struct RolloutBack: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "back",
        abstract: "Put an image that is kept in force again: the one before, or the one that is named.",
        discussion: """
            Right after a commit it puts the configuration of before back on disk as well. Otherwise the files on disk stay \
            as they are, and the next change of one of them takes the place of the image.
            """)

    @Argument(help: "The content id of an image, or its beginning; without, the one before the one in force.")
    var image: String?

    @Option(help: "Why, for those who look at the history.")
    var reason = ""

    @OptionGroup var output: SwitchOutput
    @OptionGroup var options: ConfigurationOptions

    func perform(_ desk: RolloutDesk) throws(Refusal) -> RolloutOutcome {
        let lock = desk.store.lock(patience: 130_000)
        guard lock >= 0 else { throw Refusal(message: "cannot lock \(desk.store.folder)", code: .unusable) }
        defer { close(lock) }
        let last = try desk.found().value
        if let last, last.isRunning, desk.isOwn(last) {
            throw Refusal(
                message: "the rollout \(last.id) runs; geopipe rollout abort goes back to what was before it",
                code: .wrong)
        }
        let (name, target) = try target(desk)
        var outcome = RolloutOutcome()
        if let last, desk.isOwn(last), last.progress == .committed, last.old == target.image.id,
            let backup = last.end?.backup, !backup.isEmpty, FileState(backup).words != FileState.nothing.words
        {
            try restore(desk, last, backup, target, &outcome)
        } else {
            do throws(StateDirectory.Failure) {
                try desk.store.goBack(to: name)
            } catch {
                throw Refusal(message: "\(error)", code: .unusable)
            }
            outcome.lines.append(
                "the files of \(options.file) are as they were: the next change of one of them takes the place of this image"
            )
        }
        outcome.lines.insert(
            "back: all clients get the image \(target.image.id) of \(dateAndTime(target.manifest.created))", at: 0)
        do throws(StateDirectory.Failure) {
            try desk.state.note(desk.entry(.rolloutBack, target.image.id, reason: reason))
        } catch {
            outcome.notes.append("\(error)")
        }
        return outcome
    }

    /// The image to go back to, and the name of its file.
    private func target(_ desk: RolloutDesk) throws(Refusal) -> (name: String, snapshot: Snapshot) {
        let (names, current) = desk.store.kept
        let others = names.filter { $0 != current }
        let known = others.map { "  \($0.imageID)" }
        // Names begin with the time: to go back twice is to go further back.
        let before = others.first { $0 < current ?? "" && $0.imageID != current?.imageID }
        let named = image.map { image in others.first { !image.isEmpty && $0.imageID.hasPrefix(image) } }
        guard let name = named ?? before else {
            throw Refusal(
                message: image.map { "no image that is kept begins with \($0)" } ?? "no older image is kept",
                code: .wrong, notes: known.isEmpty ? [] : ["kept are, the newest first:"] + known)
        }
        do throws(Image.Refusal) {
            return (name, try Snapshot(path: "\(desk.store.folder)/\(name)", owners: desk.store.owners))
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    /// Undoes a commit, on disk too.
    private func restore(
        _ desk: RolloutDesk, _ last: Rollout, _ backup: String, _ target: Snapshot, _ outcome: inout RolloutOutcome
    ) throws(Refusal) {
        let file = realPath(last.configuration)
        let swap = try FileSwap(file, with: backup, backup: "\(file).committed-\(last.id)")
        let compiled = try desk.compile(previous: target)
        guard compiled.image != nil else {
            swap.undo()
            throw Refusal(
                message: "\(backup) has errors now, and nothing is changed", code: .wrong,
                notes: compiled.diagnostics.map(\.description))
        }
        do throws(Refusal) {
            try desk.publish(compiled)
        } catch {
            swap.undo()
            throw error
        }
        if let image = compiled.image, image.id != target.image.id {
            outcome.lines.append("\(backup) has changed since the commit: the image in force is \(image.id)")
        }
        outcome.lines.append("\(file) is again what it was before the commit; what was committed is in \(swap.backup)")
    }
}

extension String {
    /// The content id in the name of an image: `TIME-ID.image`.
    fileprivate var imageID: String { split(separator: "-").last.map { String($0.prefix { $0 != "." }) } ?? self }
}

extension RolloutDesk {
    /// Compiles what is on disk.
    func compile(previous: Snapshot) throws(Refusal) -> Compilation.Outcome {
        Compilation(options.request, previous: previous, previousReport: nil).run()
    }

    /// Puts in force what was compiled, and has coprocesses know that it is what is on disk.
    func publish(_ compiled: Compilation.Outcome) throws(Refusal) {
        guard let image = compiled.image else { return }
        do throws(StateDirectory.Failure) {
            // The report first: a coprocess that finds other files must find that they have been tried.
            try store.write(compiled.report)
            try store.publish(image)
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    /// Puts an image in force that was made elsewhere, as one of this configuration.
    func publish(_ snapshot: Snapshot) throws(Refusal) {
        var manifest = snapshot.manifest
        let inForce = store.current().snapshot?.manifest
        manifest.configuration = absolutePath(options.file)
        manifest.stateDirectory = inForce?.stateDirectory ?? absolutePath(state.path)
        manifest.databaseOverrides = options.databases
        // It was made of no file that is here.
        manifest.inputs = []
        do {
            try store.publish(try snapshot.image.copy(manifest))
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }
}

extension Image {
    /// The same image, with another manifest.
    fileprivate func copy(_ manifest: Manifest) throws(MalformedColumns) -> Image {
        var writer = ImageWriter()
        for kind in sectionKinds where kind != .manifest {
            let section = try section(kind)
            writer.section(kind) { $0.add(section: section) }
        }
        writer.section(.manifest) { manifest.write(to: &$0) }
        return writer.finish()
    }
}
