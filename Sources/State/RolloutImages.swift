import Glibc
import Image
import Platform

/// The images of rollouts, and the images that `rollout back` may put in force.
extension ImageStore {
    /// The name of the folder, which identifies the configuration, the databases on the command line and the image
    /// format.
    public var name: String { folder.split(separator: "/").last.map(String.init) ?? folder }

    /// Returns whether two folder names belong to the same configuration and databases, in any format.
    public static func isSame(_ one: String, _ two: String) -> Bool {
        one.prefix { $0 != "." } == two.prefix { $0 != "." }
    }

    /// Returns the store with a folder name; `nil` if there is none in this format.
    public static func named(_ name: String, in state: StateDirectory) -> ImageStore? {
        all(in: state).first { $0.name == name }
    }

    /// Returns the path of a rollout's new image.
    public func candidateFile(of rollout: String) -> String { "\(folder)/rollout-\(rollout).candidate" }

    /// Writes the new image of a rollout.
    package func keepCandidate(_ image: Image, of rollout: String) throws(StateDirectory.Failure) {
        try make()
        try state.asOwner { () throws(StateDirectory.Failure) in try write(image, to: candidateFile(of: rollout)) }
    }

    /// Restores the file of a rollout's new image if it is gone or damaged, unless the rollout has ended meanwhile.
    ///
    /// - Returns: whether it was restored.
    package func restoreCandidate(_ image: Image, of rollout: String) throws(StateDirectory.Failure) -> Bool {
        guard !isSound(candidateOf: rollout, as: image) else { return false }
        // A write to the mapped file changes the mapped image too, so verify it first.
        guard image.isSound else { throw StateDirectory.Failure(description: "the mapped image is damaged too") }
        var failure: StateDirectory.Failure?
        var isRestored = false
        // Under the lock of the commands that end a rollout and then remove its image.
        try state.changeRollout { known in
            guard let known, known.id == rollout, known.isRunning, known.new == image.id else { return nil }
            do throws(StateDirectory.Failure) {
                try keepCandidate(image, of: rollout)
                isRestored = true
            } catch {
                failure = error
            }
            return nil
        }
        if let failure { throw failure }
        return isRestored
    }

    private func isSound(candidateOf rollout: String, as image: Image) -> Bool {
        (try? Image(path: candidateFile(of: rollout), owners: owners))?.id == image.id
    }

    /// Removes the new image of a rollout. Coprocesses that have mapped it are not affected.
    package func removeCandidate(of rollout: String) {
        _ = try? state.asOwner { () throws(StateDirectory.Failure) in unlink(candidateFile(of: rollout)) }
    }

    /// Removes the new images of rollouts. Coprocesses that have mapped one are not affected.
    ///
    /// - Parameter kept: the rollout whose image stays.
    package func removeCandidates(but kept: String? = nil) {
        let remove = { () throws(StateDirectory.Failure) in
            for name in entries(of: folder) where name.hasPrefix("rollout-") {
                let file = "\(folder)/\(name)"
                if kept.map(candidateFile) != file { unlink(file) }
            }
        }
        try? state.asOwner(remove)
    }

    /// The names of all images, the newest first, and the name of the one in force.
    package var kept: (names: [String], current: String?) {
        (entries(of: folder).filter { $0.hasSuffix(".image") }.sorted(by: >), currentName)
    }

    /// Puts an earlier image in force again, and marks all newer ones as undone.
    package func goBack(to name: String) throws(StateDirectory.Failure) {
        try state.asOwner { () throws(StateDirectory.Failure) in
            let link = currentLink + ".new"
            unlink(link)
            let target = Self.redone(name)
            if target != name, rename("\(folder)/\(name)", "\(folder)/\(target)") != 0 {
                throw StateDirectory.Failure("rename", "\(folder)/\(name)")
            }
            guard symlink(target, link) == 0, rename(link, currentLink) == 0 else {
                throw StateDirectory.Failure("write", currentLink)
            }
            undo(after: target, but: target)
        }
    }
}
