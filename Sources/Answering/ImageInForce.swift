import Glibc
import Image
import Platform
import State

extension ImageStore {
    /// Returns the image in force, and diagnostics of the images that were skipped.
    ///
    /// An image that is damaged or whose read caused a fault is skipped, and the newest one before it is used.
    public func current() -> (snapshot: Snapshot?, diagnostics: [String]) {
        var diagnostics: [String] = []
        for path in candidates {
            guard !CrashRecord.isUnfit(image: path) else {
                diagnostics.append("\(path) is skipped: reading it caused a crash")
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

    /// Returns the newest image in force of a configuration, compiled with any databases.
    public static func anyCurrent(of configuration: String, in state: StateDirectory) -> Snapshot? {
        let own = ImageStore(of: configuration, overrides: [], in: state)
        if let snapshot = own.current().snapshot { return snapshot }
        let file = absolutePath(configuration)
        return all(in: state).compactMap { $0.current().snapshot }
            .filter { $0.manifest.configuration == file }.max { $0.manifest.created < $1.manifest.created }
    }

    /// Puts an image in force, unless a usable one that is as new is there, or a compiler is running.
    ///
    /// - Returns: whether an image in force is as new now.
    @discardableResult
    package func restore(_ snapshot: Snapshot) -> Bool {
        guard (try? make()) != nil, case let lock = openLock(), lock >= 0 else { return false }
        defer { close(lock) }
        guard Self.take(lock) else { return false }
        if let current = current().snapshot, current.manifest.created >= snapshot.manifest.created { return true }
        return (try? publish(snapshot.image)) != nil
    }
}
