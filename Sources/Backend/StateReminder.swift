import Configuration
import Glibc
import Platform
import Routing

extension StateDirectory {
    /// Where the state usually is.
    private static let usual = StateDirectory(path: "/run/geopipe")

    /// Where the state of a configuration is, even one that cannot be read any more: whoever has to act needs it then most.
    ///
    /// - Parameters:
    ///   - configuration: its file.
    ///   - path: where somebody says that it is.
    /// - Returns: `nil` if there is none.
    public static func of(_ configuration: String, at path: String?) -> StateDirectory? {
        if let path = path ?? Configuration.stateDirectory(inFile: configuration) { return StateDirectory(path: path) }
        // A configuration that can be used has none.
        guard (try? Configuration.load(configuration, hasZones: false)) == nil else { return nil }
        if let remembered = remembered(for: configuration) { return remembered }
        return access(usual.path, F_OK) == 0 ? usual : nil
    }

    /// A file in memory, which tells those of the same user where the state was as long as that could be read.
    static func reminder(of configuration: String) -> String {
        let name = String(identity(of: absolutePath(configuration)), radix: 16)
        return "/dev/shm/geopipe-state-\(name)-\(geteuid())"
    }

    /// Notes that the state of a configuration is here. That lasts until the machine stops.
    func remember(for configuration: String) {
        guard Self.remembered(for: configuration)?.path != absolutePath(path) else { return }
        let file = Self.reminder(of: configuration)
        let new = "\(file).\(getpid())"
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let line = Array((absolutePath(path) + "\n").utf8)
        let isWritten = Glibc.write(descriptor, line, line.count) == line.count
        close(descriptor)
        if !isWritten || rename(new, file) != 0 { unlink(new) }
    }

    /// Notes that a configuration has no state.
    static func forget(for configuration: String) { unlink(reminder(of: configuration)) }

    private static func remembered(for configuration: String) -> StateDirectory? {
        let descriptor = open(reminder(of: configuration), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        // Everybody may write to that folder.
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid() else {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count > 1, bytes[0] == UInt8(ascii: "/"), bytes[count - 1] == UInt8(ascii: "\n") else { return nil }
        return StateDirectory(path: String(decoding: bytes[..<(count - 1)], as: UTF8.self))
    }
}
