import Foundation

/// A file system of its own for the state directory, in memory, which no process outside can see.
final class StateDisk {
    private static let size = 2 << 30
    let path: String

    /// `nil` if this process may not mount anything.
    init?(_ path: String) {
        self.path = path
        guard mkdir(path, 0o755) == 0, Self.isOwnNamespace,
            mount("tmpfs", path, "tmpfs", 0, "size=\(Self.size),mode=755") == 0
        else { return nil }
    }

    private static let variable = "GEOPIPE_SOAK_NAMESPACE"
    private static var isOwnNamespace: Bool { getenv(variable) != nil }

    /// Starts this program again where it may mount without any other process's seeing it, unless it is there already or must not do that.
    static func enterOwnNamespace() {
        guard !isOwnNamespace else { return }
        let how = geteuid() == 0 ? "-m" : "-Urm"
        guard let ending = try? run("/usr/bin/unshare", [how, "/bin/true"]), ending.status == 0 else { return }
        setenv(variable, "1", 1)
        let words = ["unshare", how, "/proc/self/exe"] + CommandLine.arguments.dropFirst()
        // The link leads to this program, not to unshare.
        var own = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &own, own.count - 1) > 0 else { return }
        var arguments = words.map { strdup($0) } + [nil]
        arguments[2] = strdup(own)
        execv("/usr/bin/unshare", &arguments)
        unsetenv(variable)
    }

    /// Leaves room for no more than some bytes.
    func fill(leaving room: Int) -> Bool {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return false }
        let used = (Int(status.f_blocks) - Int(status.f_bfree)) * Int(status.f_frsize)
        return remount("size=\(used + max(room, 4_096))")
    }

    func makeReadOnly() -> Bool { mount(nil, path, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 }

    func makeRoom() throws {
        guard remount("size=\(Self.size)") else {
            throw Failure("cannot make room in \(path): \(String(cString: strerror(errno)))")
        }
    }

    func remove() { umount2(path, CInt(MNT_DETACH)) }

    private func remount(_ options: String) -> Bool { mount(nil, path, nil, UInt(MS_REMOUNT), options) == 0 }
}
