import Foundation

/// A private file system in memory for the state directory, invisible to other processes.
final class StateDisk {
    private static let size = 2 << 30
    let path: String

    /// `nil` if this process may not mount a file system.
    init?(_ path: String) {
        self.path = path
        guard mkdir(path, 0o755) == 0, Self.isOwnNamespace,
            mount("tmpfs", path, "tmpfs", 0, "size=\(Self.size),mode=755") == 0
        else { return nil }
    }

    private static let variable = "GEOPIPE_SOAK_NAMESPACE"
    private static var isOwnNamespace: Bool { getenv(variable) != nil }

    /// Restarts this program in a mount namespace of its own, unless it is in one already, or that is not permitted.
    static func enterOwnNamespace() {
        guard !isOwnNamespace else { return }
        let how = geteuid() == 0 ? "-m" : "-Urm"
        guard let ending = try? run("/usr/bin/unshare", [how, "/bin/true"]), ending.status == 0 else { return }
        setenv(variable, "1", 1)
        let words = ["unshare", how, "/proc/self/exe"] + CommandLine.arguments.dropFirst()
        // Resolved here: after the exec, the link would lead to unshare.
        var own = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &own, own.count - 1) > 0 else { return }
        var arguments = words.map { strdup($0) } + [nil]
        arguments[2] = strdup(own)
        execv("/usr/bin/unshare", &arguments)
        unsetenv(variable)
    }

    /// Limits the file system to some bytes.
    func fill(leaving room: Int) -> Bool {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return false }
        let used = (Int(status.f_blocks) - Int(status.f_bfree)) * Int(status.f_frsize)
        return remount("size=\(used + max(room, 4_096))")
    }

    /// Mounts the file system a second time, read-only, over itself: whatever opens a path in it from then on cannot
    /// write.
    ///
    /// The first mount cannot become read-only, because the agent's lock is open for writing all the time.
    ///
    /// - Returns: false if the kernel refuses it; `errno` says why.
    func makeReadOnly() -> Bool {
        guard mount(path, path, nil, UInt(MS_BIND), nil) == 0 else { return false }
        guard mount(nil, path, nil, UInt(MS_REMOUNT | MS_BIND | MS_RDONLY), nil) == 0 else {
            let reason = errno
            umount2(path, CInt(MNT_DETACH))
            errno = reason
            return false
        }
        return true
    }

    /// Ends `makeReadOnly()`.
    func makeWritable() throws {
        guard umount2(path, CInt(MNT_DETACH)) == 0 else {
            throw Failure("cannot unmount \(path): \(String(cString: strerror(errno)))")
        }
    }

    func makeRoom() throws {
        guard remount("size=\(Self.size)") else {
            throw Failure("cannot resize \(path): \(String(cString: strerror(errno)))")
        }
    }

    func remove() { umount2(path, CInt(MNT_DETACH)) }

    private func remount(_ options: String) -> Bool { mount(nil, path, nil, UInt(MS_REMOUNT), options) == 0 }
}
