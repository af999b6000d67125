import CLinux
import Glibc
import Platform
import Routing

/// The folder in which coprocesses, commands and agent tell each other what is to outlast them.
public struct StateDirectory: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    /// Why something could not be kept.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        /// - Parameter reason: the errno of what failed; without, that of the last call.
        package init(_ action: String, _ path: String, _ reason: CInt = errno) {
            description = "cannot \(action) \(path): \(String(cString: strerror(reason)))"
        }

        package init(description: String) { self.description = description }
    }

    /// Milliseconds that one who changes something waits for another who does.
    private static let patience = 10_000

    /// The file of the switches.
    public var switchFile: String { path + "/switches" }

    /// The socket at which the agent gets what coprocesses count.
    public var agentSocket: String { path + "/agent.sock" }

    /// The socket at which the agent shows what it sees to programs of this machine, over HTTP.
    public var liveSocket: String { path + "/live.sock" }

    /// What a file holds.
    public struct Found<Value> {
        /// `nil` if nothing was ever told.
        public var value: Value?
        /// Why the copy stands in for the file, if it does.
        public var diagnostic: String?
        /// Tells the text that was read from others; `nil` if there is none.
        public var identity: String?
    }

    /// All switches, whether they count or have ended.
    public func switches() throws(Failure) -> Found<[Switch]> { try find(switchFile, SwitchFile.switches) }

    /// What a file holds, or its copy if the file is torn or gone.
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
        found.diagnostic = "\(failure); its copy counts"
        return found
    }

    /// `nil` if the file is not there.
    private func parsed<Value>(
        _ file: String, _ parse: (String) throws(StateFile.Untrusted) -> Value
    ) throws(Failure) -> Found<Value>? {
        guard let text = try read(file) else { return nil }
        do throws(StateFile.Untrusted) {
            return Found(value: try parse(text), identity: String(Routing.identity(of: text), radix: 16))
        } catch {
            throw Failure(description: "cannot trust \(file): \(visible("\(error)"))")
        }
    }

    func copy(of file: String) -> String { file + ".copy" }

    /// Writes a file that `find` finds, one after the other: if one is torn the other is whole.
    func writeTwice(_ text: String, to file: String) throws(Failure) {
        try write(text, to: file)
        try write(text, to: copy(of: file))
    }

    /// Changes the switches; nobody else does meanwhile, and it lasts when this returns.
    ///
    /// A file that cannot be trusted is put aside. What it held is that of its copy, or else what the history says. If both files
    /// were removed nothing is switched, and the history gets the end of what was.
    ///
    /// - Parameters:
    ///   - body: changes them.
    ///   - record: what the history is to have of that, asked for after `body`; `nil` if the files are to stay as they are.
    ///     `isSound` is false if the file cannot be trusted, and should be written again.
    /// - Returns: a complaint about what was put aside, or could not be copied or recorded.
    /// - Throws: if what is switched cannot be known, or not be written. Then nothing is changed.
    @discardableResult
    public func change(
        recording record: (_ isSound: Bool) -> [HistoryEntry]? = { _ in [] }, _ body: (inout [Switch]) -> Void
    ) throws(Failure) -> String? {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw Failure("write to", path) }
        defer { close(lock) }
        guard hold(lock, patience: Self.patience) else { throw Failure("lock", path) }
        var diagnostic: String?
        var switches: [Switch] = []
        var isGone = false
        // What cannot be read may be good, if it is a file.
        let isThere = isFolder(switchFile) ? false : try read(switchFile) != nil
        do throws(Failure) {
            let found = try self.switches()
            switches = found.value ?? []
            diagnostic = found.diagnostic
            isGone = found.value == nil
        } catch {
            guard let known = switchesOfHistory(at: time(nil)) else {
                throw Failure(
                    description:
                        "the switches cannot be read: \(error), and neither its copy nor the history says what is switched; nothing is changed, and coprocesses go by what they have read before; \(wayToBegin)"
                )
            }
            switches = known
            let words = known.isEmpty ? "that nothing is" : known.map(\.words).joined(separator: "; ")
            diagnostic = "\(error); the history says what is switched: \(words)"
        }
        body(&switches)
        guard let entries = record(diagnostic == nil) else {
            return diagnostic.map { "\($0); the files stay as they are, and the switches that are in force" }
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
            diagnostics.append("what was switched is in force, but its copy could not be written: \(error)")
        }
        let removed = isGone ? removedSwitches(by: entries.first?.who) : []
        if !removed.isEmpty {
            diagnostics.append(
                "the files of the switches were removed, and what they had is ended: \(removed.map(\.extent).joined(separator: "; "))"
            )
        }
        do throws(Failure) {
            try self.record(removed + entries)
        } catch {
            diagnostics.append("\(error); what was switched is in force")
        }
        return diagnostics.isEmpty ? nil : diagnostics.joined(separator: "; ")
    }

    /// What a person is to do if neither file of the switches can be trusted, in words; `nil` if they cannot be read, and may be good.
    public var wayOutOfTornSwitches: String? {
        for file in [switchFile, copy(of: switchFile)] where !isFolder(file) {
            do throws(Failure) { _ = try read(file) } catch { return nil }
        }
        return switchesOfHistory(at: time(nil)) == nil
            ? "the history does not say what is switched: \(wayToBegin), then drain again what is to be drained"
            : "the next drain, undrain or force makes both files again from the history"
    }

    /// Keeps a file that cannot be trusted by another name, and makes room for a good one.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    func putAside(_ file: String) throws(Failure) -> Bool {
        try asOwner { () throws(Failure) in rename(file, file + ".untrusted") == 0 }
    }

    private var wayToBegin: String { "remove \(switchFile) and \(copy(of: switchFile)) to begin without any switch" }

    /// Makes the folder, if it is not there.
    public func make() throws(Failure) { try make(path) }

    /// Makes the folder, or one in it, if it is not there. Others may look into it, whatever the umask.
    func make(_ folder: String) throws(Failure) {
        try asOwner { () throws(Failure) in
            guard mkdir(folder, 0o755) == 0 else {
                if errno != EEXIST { throw Failure("make", folder) }
                return
            }
            // The owner of the folder above could put a link in its place.
            let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            if descriptor >= 0 {
                fchmod(descriptor, 0o755)
                close(descriptor)
            }
        }
    }

    /// Opens a file of the folder for flock(2), and makes it if it is not there. Whoever can open it can hold up all others:
    /// that is nobody but root and the folder's owner.
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

    /// The text of a file; `nil` if it is not there.
    func read(_ file: String) throws(Failure) -> String? {
        try asOwner { () throws(Failure) in try readAsOwner(file) }
    }

    private func readAsOwner(_ file: String) throws(Failure) -> String? {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
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

    /// Takes a lock; false with a reason in `errno` if that cannot be done within `patience` milliseconds.
    package func hold(_ lock: CInt, patience: Int) -> Bool {
        let end = milliseconds() + patience
        while flock(lock, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, milliseconds() < end else { return false }
            usleep(10_000)
        }
        return true
    }

    /// Replaces a file at once: whoever reads it sees all of the old or all of the new, after a crash as well.
    func write(_ text: String, to file: String, isDurable: Bool = true) throws(Failure) {
        try asOwner { () throws(Failure) in try replace(file, with: text, isDurable: isDurable) }
    }

    private func replace(_ file: String, with text: String, isDurable: Bool) throws(Failure) {
        let new = "\(file).\(getpid()).new"
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure("write", new) }
        // Coprocesses, agent and operators read it, whatever the umask of who writes.
        fchmod(descriptor, 0o644)
        var failure: Failure?
        do throws(Failure) {
            try writeAll(text, to: descriptor, file)
            if isDurable, fsync(descriptor) != 0 { throw Failure("write", file) }
            // A folder cannot be replaced; whoever has put it there may want it back.
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

    private func isFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
