import Glibc
import Platform
import Routing

/// Replaces a file, and keeps a backup of the old content.
package struct FileSwap {
    package let file: String
    package let backup: String

    /// Makes a value for a replacement that was done earlier.
    package init(done file: String, backup: String) { (self.file, self.backup) = (file, backup) }

    /// - Parameters:
    ///   - source: the file to copy. The copy gets the owner and the mode of `file`.
    ///   - backup: the path of the backup, in the folder of `file`.
    package init(_ file: String, with source: String, backup: String) throws(StateDirectory.Failure) {
        guard let new = contents(of: source) else { throw StateDirectory.Failure("read", source) }
        try self.init(file, with: new, backup: backup)
    }

    /// - Parameters:
    ///   - new: the new content.
    ///   - backup: as above.
    package init(_ file: String, with new: [UInt8], backup: String) throws(StateDirectory.Failure) {
        (self.file, self.backup) = (file, backup)
        Self.removeLeftovers(beside: file)
        guard let old = contents(of: file) else { throw StateDirectory.Failure("read", file) }
        try Self.write(old, to: backup, like: file)
        try Self.write(new, to: file, like: file)
        // File times have a resolution of up to 10 ms. A compiler that reads the file within the same tick would
        // count it as changed, and compile twice.
        usleep(30_000)
    }

    /// Writes a file atomically, with the owner and the mode of another file.
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
        // The group usually reads the file, so it must stay. A user who may not change the owner stays the owner.
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

    /// Removes the temporary files of processes that were killed while they replaced a file: `FILE.PID.new`,
    /// `FILE.before-ID.PID.new`.
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

    /// Restores the old content.
    package func undo() { rename(backup, file) }
}

extension Rollout {
    /// The path at which a commit keeps the old configuration.
    package var backupFile: String { "\(realPath(configuration)).before-\(id)" }

    /// Whether the backup of a commit exists, and is the configuration from the start of the rollout.
    package var hasBackup: Bool { contentIdentity(ofFile: backupFile) == configurationState }

    /// Whether a commit has replaced the configuration but did not finish.
    package var hasBegunCommit: Bool {
        guard progress == .running || progress == .aborted, isConfiguration, let commit, !commit.content.isEmpty
        else { return false }
        return hasBackup && contentIdentity(ofFile: configuration) != configurationState
    }

    package var begunWords: String {
        "a commit replaced \(configuration) with \(source) but did not finish"
    }

    /// Restores the old configuration after a commit that did not finish.
    ///
    /// - Returns: where the replaced content is kept.
    package func undoBegunCommit() throws(StateDirectory.Failure) -> String {
        let file = realPath(configuration)
        let swap = try FileSwap(file, with: backupFile, backup: "\(file).aborted-\(id)")
        unlink(backupFile)
        return swap.backup
    }

    package func undoneWords(kept: String) -> String {
        "a commit did not finish: \(configuration) is restored, and the new content is kept in \(kept)"
    }
}

extension StateDirectory {
    /// Whether a command, such as a commit, is changing switches or the rollout right now. False if this user may not
    /// open the lock.
    package var isBeingChanged: Bool {
        let lock = openLock("switches.lock")
        guard lock >= 0 else { return false }
        defer { close(lock) }
        return flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }
}

extension StateDirectory {
    /// Returns the bytes of a configuration that will replace the one in use.
    ///
    /// The rollout file, which names `source`, belongs to the owner of the state directory. If root commits for
    /// another owner, two rules protect root. The owner must be able to read `source`, as coprocesses will; otherwise
    /// the owner could make root publish a secret file. And `source` must not belong to the owner, unless `file` does
    /// too; otherwise the owner could make root install any configuration.
    ///
    /// - Parameters:
    ///   - source: its path.
    ///   - file: the configuration in use.
    package func configuration(at source: String, for file: String) throws(Failure) -> [UInt8] {
        guard let owner = foreignOwner else {
            guard let bytes = contents(of: source) else { throw Failure("read", source) }
            return bytes
        }
        let descriptor = try asOwner(hasAllGroups: true) { () throws(Failure) in openRegularFile(source) }
        guard descriptor >= 0 else {
            if descriptor == notRegularFile { throw Failure(description: "\(source) is not a regular file") }
            throw Failure(
                description:
                    "the user of the state directory \(path) (\(owner.user)) must be able to read \(source), but cannot open it: \(String(cString: strerror(errno))); chmod a+r it, and a+x the folders above it"
            )
        }
        defer { close(descriptor) }
        var (old, new) = (stat(), stat())
        guard stat(file, &old) == 0 else { throw Failure("read", file) }
        guard fstat(descriptor, &new) == 0 else { throw Failure("read", source) }
        guard new.st_uid != owner.user || old.st_uid == owner.user else {
            throw Failure(
                description:
                    "\(source) belongs to the user of the state directory (\(owner.user)), and \(file) does not: to install it, check its content, then chown it to user \(old.st_uid)"
            )
        }
        guard let bytes = contents(of: descriptor) else { throw Failure("read", source) }
        return bytes
    }
}

/// Returns the bytes of a regular file; `nil` with a reason in `errno` if it cannot be read.
private func contents(of path: String) -> [UInt8]? {
    let descriptor = openRegularFile(path)
    guard descriptor >= 0 else {
        if descriptor == notRegularFile { errno = EINVAL }
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
