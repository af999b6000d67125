import Glibc
import Routing

/// A file that takes the place of another one, of which a copy is kept.
package struct FileSwap {
    package let file: String
    package let backup: String

    /// One that was carried out before.
    package init(done file: String, backup: String) { (self.file, self.backup) = (file, backup) }

    /// - Parameters:
    ///   - source: is copied, with owner and mode of `file`.
    ///   - backup: where a copy of `file` is kept, in the same folder.
    package init(_ file: String, with source: String, backup: String) throws(StateDirectory.Failure) {
        (self.file, self.backup) = (file, backup)
        Self.removeLeftovers(beside: file)
        guard let new = contents(of: source) else { throw StateDirectory.Failure("read", source) }
        guard let old = contents(of: file) else { throw StateDirectory.Failure("read", file) }
        try Self.write(old, to: backup, like: file)
        try Self.write(new, to: file, like: file)
        // What changes within the tick of the clock in which it is read, 10 ms at most, would have to be compiled again.
        usleep(30_000)
    }

    /// Writes a file at once, with the owner and the mode of another one.
    private static func write(
        _ bytes: [UInt8], to path: String, like file: String
    ) throws(StateDirectory.Failure) {
        let new = "\(path).\(getpid()).new"
        var status = stat()
        guard stat(file, &status) == 0 else { throw StateDirectory.Failure("read", file) }
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StateDirectory.Failure("write", new) }
        func giveUp() -> StateDirectory.Failure {
            let failure = StateDirectory.Failure("write", new)
            unlink(new)
            return failure
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
        let folder = open(Self.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    /// Removes what processes have left beside a file that were killed while they replaced it: `FILE.PID.new`, `FILE.before-ID.PID.new`.
    package static func removeLeftovers(beside file: String) {
        let folder = folder(of: file)
        let name = file.split(separator: "/").last.map(String.init) ?? file
        for entry in entries(of: folder) where entry.hasPrefix(name + ".") && entry.hasSuffix(".new") {
            guard let process = entry.split(separator: ".").dropLast().last.flatMap({ pid_t($0) }), process > 0,
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            unlink("\(folder)/\(entry)")
        }
    }

    /// Puts back what was there before.
    package func undo() { rename(backup, file) }
}

extension Rollout {
    /// Where a commit keeps the configuration of before.
    package var backupFile: String { "\(realPath(configuration)).before-\(id)" }

    /// Whether what a commit has kept is there, and is what was there at the start.
    package var hasBackup: Bool { contentIdentity(ofFile: backupFile) == configurationState }

    /// Whether a commit has put another configuration in place, and has not come to its end.
    package var hasBegunCommit: Bool {
        guard progress == .running || progress == .aborted, isConfiguration, let commit, !commit.content.isEmpty
        else { return false }
        return hasBackup && contentIdentity(ofFile: configuration) != configurationState
    }

    /// That, for people.
    package var begunWords: String {
        "a commit has put \(source) in the place of \(configuration), and has not come to its end"
    }

    /// Puts the configuration of before back, after a commit that has not come to its end.
    ///
    /// - Returns: where what is in its place now is kept.
    package func undoBegunCommit() throws(StateDirectory.Failure) -> String {
        let file = realPath(configuration)
        let swap = try FileSwap(file, with: backupFile, backup: "\(file).aborted-\(id)")
        unlink(backupFile)
        return swap.backup
    }

    /// That, for people.
    package func undoneWords(kept: String) -> String {
        "a commit did not come to its end: \(configuration) is what it was before it; what it had put there is in \(kept)"
    }
}

extension StateDirectory {
    /// Whether a command changes switches or the rollout this very moment, such as a commit, as far as this user may see that.
    package var isBeingChanged: Bool {
        let lock = openLock("switches.lock")
        guard lock >= 0 else { return false }
        defer { close(lock) }
        return flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
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
