import Glibc
import Platform
import Routing

/// A file that takes the place of another one, of which a copy is kept.
package struct FileSwap {
    package let file: String
    package let backup: String

    /// One that was carried out before.
    package init(done file: String, backup: String) { (self.file, self.backup) = (file, backup) }

    /// - Parameters:
    ///   - source: is copied, with owner and mode of `file`. It must be in the folder of `file`.
    ///   - backup: where a copy of `file` is kept, in the same folder.
    package init(_ file: String, with source: String, backup: String) throws(StateDirectory.Failure) {
        guard let new = contents(of: source) else { throw StateDirectory.Failure("read", source) }
        try self.init(file, with: new, backup: backup)
    }

    /// - Parameters:
    ///   - new: what the file gets.
    ///   - backup: as above.
    package init(_ file: String, with new: [UInt8], backup: String) throws(StateDirectory.Failure) {
        (self.file, self.backup) = (file, backup)
        Self.removeLeftovers(beside: file)
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

extension StateDirectory {
    /// The bytes of a configuration that is to take the place of the one that runs.
    ///
    /// The file that names it is the state directory's owner's. If that is not the user who does it, as when root commits a rollout, the
    /// owner must be able to read it, since coprocesses will; and it must not be the owner's own file unless the one that runs is, too:
    /// the owner could otherwise have root publish any file, or write any configuration.
    ///
    /// - Parameters:
    ///   - source: its path.
    ///   - file: the configuration that runs.
    package func configuration(at source: String, for file: String) throws(Failure) -> [UInt8] {
        guard let owner = foreignOwner else {
            guard let bytes = contents(of: source) else { throw Failure("read", source) }
            return bytes
        }
        let descriptor = try asOwner(hasAllGroups: true) { () throws(Failure) in openRegularFile(source) }
        guard descriptor >= 0 else {
            if descriptor == isNoRegularFile { throw Failure(description: "\(source) is not a regular file") }
            throw Failure(
                description:
                    "the user of the state directory \(path) (\(owner.user)) cannot open \(source), and is to read it once it is in force: \(String(cString: strerror(errno))); chmod a+r it, and a+x the folders above it"
            )
        }
        defer { close(descriptor) }
        var (old, new) = (stat(), stat())
        guard stat(file, &old) == 0 else { throw Failure("read", file) }
        guard fstat(descriptor, &new) == 0 else { throw Failure("read", source) }
        guard new.st_uid != owner.user || old.st_uid == owner.user else {
            throw Failure(
                description:
                    "\(source) belongs to the user of the state directory (\(owner.user)), and \(file) does not: if it is to take that place, chown it to user \(old.st_uid) after a look at it"
            )
        }
        guard let bytes = contents(of: descriptor) else { throw Failure("read", source) }
        return bytes
    }
}

/// The bytes of a regular file; `nil` with a reason in `errno` if it cannot be read.
private func contents(of path: String) -> [UInt8]? {
    let descriptor = openRegularFile(path)
    guard descriptor >= 0 else {
        if descriptor == isNoRegularFile { errno = EINVAL }
        return nil
    }
    defer { close(descriptor) }
    return contents(of: descriptor)
}

private func contents(of descriptor: CInt) -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count == 0 ? bytes : nil }
        bytes += buffer[..<count]
    }
}
