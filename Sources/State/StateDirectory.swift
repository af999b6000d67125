import CLinux
import Glibc
import Platform
import Routing

/// The folder through which coprocesses, commands and the agent share state that outlives them.
public struct StateDirectory: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    /// An error of reading or writing the folder.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        /// - Parameter reason: the errno of the failed call; by default that of the last call.
        package init(_ action: String, _ path: String, _ reason: CInt = errno) {
            description = "cannot \(action) \(path): \(String(cString: strerror(reason)))"
        }

        package init(description: String) { self.description = description }
    }

    /// How long a command waits for the lock of another one, in milliseconds.
    private static let lockTimeout = 10_000

    /// The path of the switch file.
    public var switchFile: String { path + "/switches" }

    /// The path of the socket at which the agent receives the counts of coprocesses.
    public var agentSocket: String { path + "/agent.sock" }

    /// The path of the socket at which the agent serves its live view to local programs, over HTTP.
    public var liveSocket: String { path + "/live.sock" }

    /// The content of a file.
    public struct Found<Value> {
        /// `nil` if the file was never written.
        public var value: Value?
        /// Why the backup copy was used; `nil` if it was not.
        public var diagnostic: String?
        /// The identity of the text that was read; `nil` if there is none.
        public var identity: String?
    }

    /// Reads all switches, in force or ended.
    public func switches() throws(Failure) -> Found<[Switch]> { try find(switchFile, SwitchFile.switches) }

    /// Reads a file, or its backup copy if the file is corrupt or gone.
    func find<Value>(
        _ file: String, _ parse: (String) throws(StateFile.Untrusted) -> Value
    ) throws(Failure) -> Found<Value> {
        let failure: Failure
        do throws(Failure) {
            if let found = try parsed(file, parse) { return found }
            guard access(copy(of: file), F_OK) == 0 else { return Found() }
            failure = Failure(description: "\(file) is gone")
        } catch {
            failure = error
        }
        guard var found = try? parsed(copy(of: file), parse) else { throw failure }
        found.diagnostic = "\(failure); using the backup copy"
        return found
    }

    /// Reads and parses a file; `nil` if there is none.
    private func parsed<Value>(
        _ file: String, _ parse: (String) throws(StateFile.Untrusted) -> Value
    ) throws(Failure) -> Found<Value>? {
        guard let text = try read(file) else { return nil }
        do throws(StateFile.Untrusted) {
            return Found(value: try parse(text), identity: String(Routing.identity(of: text), radix: 16))
        } catch {
            throw Failure(description: "\(file) is corrupt: \(visible("\(error)"))")
        }
    }

    func copy(of file: String) -> String { file + ".copy" }

    /// Writes a file for `find`, and then its backup copy: a crash leaves at least one of them intact.
    func writeTwice(_ text: String, to file: String) throws(Failure) {
        try write(text, to: file)
        try write(text, to: copy(of: file))
    }

    /// Changes the switches under the lock that commands share. The change is on disk when this returns.
    ///
    /// A corrupt file is renamed, and the switches come from its backup copy, or else from the history. If both files
    /// were removed, there are no switches, and the history gets the end of each switch that was in force.
    ///
    /// - Parameters:
    ///   - body: changes the switches.
    ///   - record: returns the entries for the history, called after `body`; `nil` to change nothing. `isSound` is
    ///     false if the file is corrupt, and should be written again.
    /// - Returns: a diagnostic about a corrupt file, or a failure to write the backup copy or the history.
    /// - Throws: if the switches are unknown, or cannot be written. Then nothing is changed.
    @discardableResult
    public func change(
        recording record: (_ isSound: Bool) -> [HistoryEntry]? = { _ in [] }, _ body: (inout [Switch]) -> Void
    ) throws(Failure) -> String? {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw cannotWrite() }
        defer { close(lock) }
        guard hold(lock, timeout: Self.lockTimeout) else { throw cannotLock() }
        var diagnostic: String?
        var switches: [Switch] = []
        var isGone = false
        // A file that cannot be read may be valid, so that error is thrown. A folder, a socket or a FIFO cannot be.
        let isThere = isNoFile(switchFile) ? false : try read(switchFile) != nil
        do throws(Failure) {
            let found = try self.switches()
            switches = found.value ?? []
            diagnostic = found.diagnostic
            isGone = found.value == nil
        } catch {
            guard let known = switchesOfHistory(at: time(nil)) else {
                throw Failure(
                    description:
                        "the switches cannot be read: \(error), and the backup copy and the history do not have the switches either; nothing is changed, and coprocesses keep the switches that they have; \(wayToBegin)"
                )
            }
            switches = known
            let words = known.isEmpty ? "none" : known.map(\.words).joined(separator: "; ")
            diagnostic = "\(error); using the history, in which the switches are: \(words)"
        }
        body(&switches)
        guard let entries = record(diagnostic == nil) else {
            return diagnostic.map { "\($0); neither the files nor the switches in force are changed" }
        }
        let text = SwitchFile.text(switches)
        do throws(StateFile.Untrusted) {
            _ = try SwitchFile.switches(text)
        } catch {
            throw Failure(description: "cannot write \(switchFile): \(visible("\(error)"))")
        }
        if isThere, diagnostic != nil {
            try putAside(switchFile)
            diagnostic! += "; it is now \(switchFile).untrusted"
        }
        try write(text, to: switchFile)
        var diagnostics = diagnostic.map { [$0] } ?? []
        do throws(Failure) {
            try write(text, to: copy(of: switchFile))
        } catch {
            diagnostics.append("the switch is in force, but the backup copy could not be written: \(error)")
        }
        let removed = isGone ? removedSwitches(by: entries.first?.user) : []
        if !removed.isEmpty {
            diagnostics.append(
                "the switch files were removed, which has ended: \(removed.map(\.extent).joined(separator: "; "))"
            )
        }
        do throws(Failure) {
            try self.record(removed + entries)
        } catch {
            diagnostics.append("\(error); the switch is in force")
        }
        return diagnostics.isEmpty ? nil : diagnostics.joined(separator: "; ")
    }

    /// A failure to take the lock on the switches. Call it right after the system call that failed.
    private func cannotLock() -> Failure {
        let file = "\(path)/switches.lock"
        guard errno == EWOULDBLOCK else { return Failure("lock", file) }
        return Failure(
            description:
                "another process has held the lock \(file) for \(Self.lockTimeout / 1_000) s; find it with fuser -v \(file), wait for it or end it, and try again"
        )
    }

    /// Writes switches whose files have disappeared. Does nothing if there are files by now.
    ///
    /// - Returns: whether the switches were written.
    package func restore(_ switches: [Switch]) throws(Failure) -> Bool {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw cannotWrite() }
        defer { close(lock) }
        guard hold(lock, timeout: Self.lockTimeout) else { throw cannotLock() }
        guard try self.switches().value == nil else { return false }
        try writeTwice(SwitchFile.text(switches), to: switchFile)
        return true
    }

    /// What an operator can do if both switch files are corrupt, in words; `nil` if they cannot be read, and may be
    /// valid.
    public var wayOutOfTornSwitches: String? {
        for file in [switchFile, copy(of: switchFile)] where !isNoFile(file) {
            do throws(Failure) { _ = try read(file) } catch { return nil }
        }
        return switchesOfHistory(at: time(nil)) == nil
            ? "the history does not have the switches: \(wayToBegin), and the drains must be repeated"
            : "the next drain, undrain or force rebuilds both files from the history"
    }

    /// Renames a corrupt file, to keep it and make room for a new one.
    ///
    /// - Returns: whether there was a file.
    @discardableResult
    func putAside(_ file: String) throws(Failure) -> Bool {
        try asOwner { () throws(Failure) in rename(file, file + ".untrusted") == 0 }
    }

    private var wayToBegin: String {
        "remove \(switchFile) and \(copy(of: switchFile)): a coprocess that still has the switches writes them again, otherwise there are none"
    }

    /// Makes the folder, if it is missing.
    public func make() throws(Failure) { try make(path) }

    /// Makes the folder or a folder in it, if it is missing. All users may read it, regardless of the umask.
    func make(_ folder: String) throws(Failure) {
        try asOwner { () throws(Failure) in
            guard mkdir(folder, 0o755) == 0 else {
                if errno != EEXIST { throw Failure("make", folder) }
                return
            }
            // The owner of the parent folder could replace it with a link.
            let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            if descriptor >= 0 {
                fchmod(descriptor, 0o755)
                close(descriptor)
            }
        }
    }

    /// Opens a file of the folder for flock(2), and makes it if it is missing. A process that can open it can block
    /// all others, so only root and the folder's owner can.
    ///
    /// - Parameter access: `O_RDONLY` or `O_RDWR`.
    /// - Returns: a descriptor, or -1 with a reason in `errno`.
    public func openLock(_ name: String, _ access: CInt = O_RDONLY) -> CInt {
        let open = { () throws(Failure) -> CInt in
            let flags = access | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
            let descriptor = Glibc.open(path + "/" + name, flags, 0o600)
            if descriptor >= 0 { fchmod(descriptor, 0o600) }
            return descriptor
        }
        return (try? asOwner(open)) ?? -1
    }

    /// Reads the text of a file; `nil` if there is none.
    func read(_ file: String) throws(Failure) -> String? {
        try asOwner { () throws(Failure) in try readAsOwner(file) }
    }

    private func readAsOwner(_ file: String) throws(Failure) -> String? {
        let descriptor = openRegularFile(file)
        guard descriptor >= 0 else {
            if descriptor == notRegularFile {
                throw Failure(description: "cannot read \(file): it is not a regular file")
            }
            if errno == ENOENT { return nil }
            throw Failure("read", file)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 1 << 24 {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure("read", file) }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Takes a lock; false with a reason in `errno` if that fails within `timeout` milliseconds.
    package func hold(_ lock: CInt, timeout: Int) -> Bool {
        let end = milliseconds() + timeout
        while flock(lock, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, milliseconds() < end else { return false }
            usleep(10_000)
        }
        return true
    }

    /// Replaces a file atomically: readers see all of the old or all of the new content, also after a crash.
    func write(_ text: String, to file: String, isDurable: Bool = true) throws(Failure) {
        try asOwner { () throws(Failure) in try replace(file, with: text, isDurable: isDurable) }
    }

    private func replace(_ file: String, with text: String, isDurable: Bool) throws(Failure) {
        let new = "\(file).\(getpid()).new"
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure("write", new) }
        // Coprocesses, agent and operators read it, so the umask must not restrict it.
        fchmod(descriptor, 0o644)
        var failure: Failure?
        do throws(Failure) {
            try writeAll(text, to: descriptor, file)
            if isDurable, fsync(descriptor) != 0 { throw Failure("write", file) }
            // `rename` cannot replace a folder, so the folder is renamed, which keeps its content.
            if isFolder(file) { rename(file, "\(file).untrusted.\(time(nil))") }
            if rename(new, file) != 0 { throw Failure("write", file) }
        } catch {
            failure = error
        }
        close(descriptor)
        if let failure {
            unlink(new)
            throw failure
        }
        guard isDurable else { return }
        let folder = open(path, O_RDONLY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// Whether something else than a regular file is there, such as a folder or a socket.
    private func isNoFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    private func isFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
