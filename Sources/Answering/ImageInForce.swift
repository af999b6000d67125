import Glibc
import Image
import Platform
import State

extension ImageStore {
    /// The image in force, and what is wrong with those that should be.
    ///
    /// One that is damaged gives way to the newest one before it.
    public func current() -> (snapshot: Snapshot?, complaints: [String]) {
        var complaints: [String] = []
        for path in candidates {
            do {
                return (try Snapshot(path: path, owners: owners), complaints)
            } catch {
                complaints.append("\(error)")
            }
        }
        return (nil, complaints)
    }

    /// The newest image in force of a configuration, whatever databases take the place of its own.
    public static func anyCurrent(of configuration: String, in state: StateDirectory) -> Snapshot? {
        let own = ImageStore(of: configuration, overrides: [], in: state)
        if let snapshot = own.current().snapshot { return snapshot }
        let file = absolutePath(configuration)
        return all(in: state).compactMap { $0.current().snapshot }
            .filter { $0.manifest.configuration == file }.max { $0.manifest.created < $1.manifest.created }
    }

    /// Puts an image in force if there is none that can be used, and nothing is being compiled.
    package func restore(_ image: Image) {
        guard (try? make()) != nil, case let lock = openLock(), lock >= 0 else { return }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0, current().snapshot == nil else { return }
        _ = try? publish(image)
    }
}
