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
        abstract: "Give NEW to all clients: put it in force, and replace the configuration on disk.",
        discussion: """
            The previous configuration is kept next to it as NAME.before-ID, and its image for rollout back. Refused if \
            NEW, its files or the configuration have changed since the start. An image needs --image-only, \
            as it replaces no file: the next change on disk replaces the image.
            """)

    @Flag(help: "Put an image in force without changing any file of the configuration.")
    var imageOnly = false

    @OptionGroup var attribution: RolloutAttribution
    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        let lock = try desk.lockCompiling()
        defer { close(lock) }
        // Written before the swap: an abort after a killed commit reads which file to restore.
        let begun = try desk.change(takesOver: attribution.takeOver) { rollout, _ throws(Refusal) in
            if rollout.hasBegunCommit { return nil }
            rollout.commit = Rollout.Commit(
                content: rollout.isConfiguration ? contentIdentity(ofFile: rollout.source) : "",
                image: desk.store.currentName ?? "")
            return nil
        }
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
                            "\(rollout.source) is an image, without files on disk: add --image-only to put it in force until \(options.file) or one of its files changes; or start the rollout of a configuration",
                        code: .wrong)
                }
                try desk.publish(new)
                outcome.lines.append(
                    "the files of \(options.file) are unchanged: the next change to one of them replaces this image"
                )
            }
            rollout.progress = .committed
            rollout.end = Rollout.End(user: desk.user, time: desk.now, reason: attribution.reason, backup: backup)
            outcome.lines.insert("committed: all clients get \(rollout.source)", at: 0)
            return desk.entry(.rolloutCommit, rollout.id, reason: attribution.reason)
        }
        outcome.lines += begun.lines
        outcome.notes += begun.notes
        outcome.followers = desk.wait(timeout: 20_000)
        desk.store.removeCandidate(of: id)
        outcome.isWrong = outcome.followers.map { $0.count < $0.all } ?? false
        return outcome
    }

    /// Replaces the configuration by the new one, and puts its image in force.
    ///
    /// - Returns: the path of the previous configuration.
    private func replaceConfiguration(
        _ desk: RolloutContext, _ rollout: Rollout, _ new: Snapshot, _ outcome: inout RolloutOutcome
    ) throws(Refusal) -> String {
        // Files with an unknown state are covered by the compilation below.
        let changed = FileState.certainlyChanged(new.manifest.inputs.map { ($0.path, $0.state) })
        guard changed.isEmpty else {
            throw Refusal(
                message:
                    "\(changed.prefix(3).joined(separator: ", ")) \(changed.count == 1 ? "has" : "have") changed since the start, and no client has got that version; restore it, or abort and start again",
                code: .wrong)
        }
        let isResumed =
            rollout.hasBegunCommit && contentIdentity(ofFile: rollout.configuration) == rollout.commit?.content
        guard isResumed || contentIdentity(ofFile: rollout.configuration) == rollout.configurationState else {
            throw Refusal(
                message:
                    "\(rollout.configuration) has changed since the start, and would be lost; make the same change in \(rollout.source), then abort and start again",
                code: .wrong)
        }
        // A link stays, and its target is replaced.
        let file = realPath(rollout.configuration)
        let backup = rollout.backupFile
        let swap: FileSwap
        do throws(StateDirectory.Failure) {
            swap =
                isResumed
                ? FileSwap(done: file, backup: backup)
                : try FileSwap(
                    file, with: desk.state.configuration(at: rollout.source, for: file), backup: backup)
        } catch {
            throw Refusal(message: "\(error); nothing is changed", code: .unusable)
        }
        do throws(Refusal) {
            let compiled = try desk.compile(previous: new)
            try RolloutCommit.check(compiled, is: new, rollout)
            try desk.publish(compiled)
            outcome.notes += compiled.diagnostics.map(\.description)
        } catch {
            swap.undo()
            throw error
        }
        outcome.lines.append("\(file) now has the content of \(rollout.source); the previous one is in \(swap.backup)")
        return swap.backup
    }

    /// Refuses a compilation that differs from the rolled-out image in more than serials.
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
                "\(rollout.source) cannot replace \(rollout.configuration), and nothing is changed: \(reason); do its relative paths mean the same files there?",
            code: .wrong)
    }
}

extension RolloutContext {
    /// Compiles the files on disk.
    func compile(previous: Snapshot?) throws(Refusal) -> Compilation.Outcome {
        Compilation(options.request, previous: previous, previousReport: nil).run()
    }

    /// Puts a compilation in force, and marks it as that of the files on disk.
    ///
    /// - Parameters: as for `ImageStore.publish`.
    func publish(
        _ compiled: Compilation.Outcome, goingBackTo kept: String? = nil, inPlaceOf alike: [String] = []
    ) throws(Refusal) {
        guard let image = compiled.image else { return }
        do throws(StateDirectory.Failure) {
            // The report first: a coprocess that finds changed files must find that they were compiled.
            try store.write(compiled.report)
            try store.publish(image, goingBackTo: kept, inPlaceOf: alike)
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    /// Puts an image from elsewhere in force as one of this configuration.
    func publish(_ snapshot: Snapshot) throws(Refusal) {
        var manifest = snapshot.manifest
        let inForce = store.current().snapshot?.manifest
        manifest.configuration = absolutePath(options.file)
        manifest.stateDirectory = inForce?.stateDirectory ?? absolutePath(state.path)
        manifest.databaseOverrides = options.databases
        // It was made from none of the files here.
        manifest.inputs = []
        do {
            try store.publish(try snapshot.image.copy(manifest))
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }
}

extension Image {
    /// Returns the same image with another manifest.
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
