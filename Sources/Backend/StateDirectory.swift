import Glibc

/// The folder in which coprocesses, commands and agent tell each other what is to outlast them.
public struct StateDirectory: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    /// Why something could not be kept.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        init(_ action: String, _ path: String) {
            description = "cannot \(action) \(path): \(String(cString: strerror(errno)))"
        }

        init(description: String) { self.description = description }
    }

    /// The file of the switches.
    public var switchFile: String { path + "/switches" }

    /// All switches, whether they count or have ended. None if none was ever made.
    public func switches() throws(Failure) -> [Switch] {
        guard let text = try read(switchFile) else { return [] }
        do throws(StateFile.Untrusted) {
            return try SwitchFile.switches(text)
        } catch {
            throw Failure(description: "cannot trust \(switchFile): \(error)")
        }
    }

    /// Changes the switches; nobody else does meanwhile, and it lasts when this returns.
    ///
    /// A file that cannot be trusted is put aside, and what it held is lost. One that cannot be read stays where it is.
    ///
    /// - Returns: a complaint about what was put aside.
    @discardableResult
    public func change(_ body: (inout [Switch]) -> Void) throws(Failure) -> String? {
        try make()
        let lock = open(path + "/switches.lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw Failure("write to", path) }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 { guard errno == EINTR else { throw Failure("lock", path) } }
        var complaint: String?
        var switches: [Switch] = []
        if let text = try read(switchFile) {
            do throws(StateFile.Untrusted) {
                switches = try SwitchFile.switches(text)
            } catch {
                complaint = "cannot trust \(switchFile): \(error); it is now \(switchFile).untrusted"
                rename(switchFile, switchFile + ".untrusted")
            }
        }
        body(&switches)
        try write(SwitchFile.text(switches), to: switchFile)
        return complaint
    }

    /// Makes the folder, if it is not there.
    func make() throws(Failure) {
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw Failure("make", path) }
    }

    /// The text of a file; `nil` if it is not there.
    func read(_ file: String) throws(Failure) -> String? {
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

    /// Replaces a file at once: whoever reads it sees all of the old or all of the new, after a crash as well.
    func write(_ text: String, to file: String, isDurable: Bool = true) throws(Failure) {
        let new = "\(file).\(getpid()).new"
        let descriptor = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure("write", new) }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        let isWritten = written == bytes.count && (!isDurable || fsync(descriptor) == 0)
        close(descriptor)
        guard isWritten, rename(new, file) == 0 else {
            let failure = Failure("write", file)
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
}
