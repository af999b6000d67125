import Glibc
import Image
import Platform
import State

extension ImageStore {
    /// The image in force, and what is wrong with those that should be.
    ///
    /// One that is damaged, or was at hand in a fault, gives way to the newest one before it.
    public func current() -> (snapshot: Snapshot?, diagnostics: [String]) {
        var diagnostics: [String] = []
        for path in candidates {
            guard !CrashRecord.isUnfit(image: path) else {
                diagnostics.append("\(path) is left out: there was a fault when it was read")
                continue
            }
            do {
                return (try CrashRecord.reading(image: path) { try Snapshot(path: path, owners: owners) }, diagnostics)
            } catch {
                diagnostics.append("\(error)")
            }
        }
        return (nil, diagnostics)
    }

    /// The newest image in force of a configuration, whatever databases take the place of its own.
    public static func anyCurrent(of configuration: String, in state: StateDirectory) -> Snapshot? {
        let own = ImageStore(of: configuration, overrides: [], in: state)
        if let snapshot = own.current().snapshot { return snapshot }
        let file = absolutePath(configuration)
        return all(in: state).compactMap { $0.current().snapshot }
            .filter { $0.manifest.configuration == file }.max { $0.manifest.created < $1.manifest.created }
    }

    /// Puts an image in force, unless one is there that can be used and is as new, or one is being compiled.
    ///
    /// - Returns: whether one is in force now that is as new.
    @discardableResult
    package func restore(_ snapshot: Snapshot) -> Bool {
        guard (try? make()) != nil, case let lock = openLock(), lock >= 0 else { return false }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { return false }
        if let current = current().snapshot, current.manifest.created >= snapshot.manifest.created { return true }
        return (try? publish(snapshot.image)) != nil
    }
}
