import Glibc
import Image
import Platform

/// The images of rollouts, and those that one may go back to.
extension ImageStore {
    /// The name of its folder, which tells the configuration, the databases that take the place of its own, and the format.
    public var name: String { folder.split(separator: "/").last.map(String.init) ?? folder }

    /// Whether two names of folders are of the same configuration and databases, in whatever format.
    public static func isSame(_ one: String, _ two: String) -> Bool {
        one.prefix { $0 != "." } == two.prefix { $0 != "." }
    }

    /// The folder of that name; `nil` if there is none of this format.
    public static func named(_ name: String, in state: StateDirectory) -> ImageStore? {
        all(in: state).first { $0.name == name }
    }

    /// The file of the new image of a rollout.
    public func candidateFile(of rollout: String) -> String { "\(folder)/rollout-\(rollout).candidate" }

    /// Keeps the new image of a rollout.
    package func keepCandidate(_ image: Image, of rollout: String) throws(StateDirectory.Failure) {
        try make()
        try state.asOwner { () throws(StateDirectory.Failure) in try write(image, to: candidateFile(of: rollout)) }
    }

    /// Writes the new image of a rollout again if its file is gone or damaged, unless the rollout has ended meanwhile.
    ///
    /// - Returns: whether it was.
    package func restoreCandidate(_ image: Image, of rollout: String) throws(StateDirectory.Failure) -> Bool {
        guard !isSound(candidateOf: rollout, as: image) else { return false }
        // What is written into a file changes what is mapped of it.
        guard image.isSound else { throw StateDirectory.Failure(description: "what is mapped of it is damaged, too") }
        var failure: StateDirectory.Failure?
        var isRestored = false
        // Under the lock of those who end it, and remove the image after that.
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

    /// Removes the new image of a rollout. Coprocesses that have it mapped are not disturbed.
    package func removeCandidate(of rollout: String) {
        _ = try? state.asOwner { () throws(StateDirectory.Failure) in unlink(candidateFile(of: rollout)) }
    }

    /// Removes the new images of rollouts. Coprocesses that have one mapped are not disturbed.
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

    /// The names of the images that are kept, the newest first, and the one in force.
    package var kept: (names: [String], current: String?) {
        (entries(of: folder).filter { $0.hasSuffix(".image") }.sorted(by: >), currentName)
    }

    /// Puts an image that is kept in force again. All that are newer are undone then.
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
