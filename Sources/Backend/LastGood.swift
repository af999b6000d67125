import Configuration
import Glibc
import Platform
import Routing

/// Copies of all files of the last configuration that could be used, for a coprocess that starts when what is on disk cannot.
///
/// They stand below a folder of their own as they do below the root of the file system, so that relative paths lead
/// to copies by themselves.
public struct LastGood: Sendable {
    private let state: StateDirectory
    /// The folder of this configuration's copies.
    private let folder: String
    /// The configuration's file.
    private let file: String

    /// - Parameter configuration: the configuration's file.
    public init(of configuration: String, in state: StateDirectory) {
        self.state = state
        file = absolutePath(configuration)
        folder = "\(state.path)/last-good/\(String(identity(of: file), radix: 16))"
    }

    /// The last configuration that could be used, if it is kept in the state directory.
    ///
    /// - Parameters:
    ///   - databases: files to use in place of the configured ones, if there are any.
    ///   - hasZones: whether zones are wanted.
    /// - Returns: the configuration, and since when it was used, in seconds since 1970.
    public func configuration(
        databases: [String] = [], hasZones: Bool = true
    ) -> (configuration: Configuration, time: Int)? {
        guard let root, let time else { return nil }
        let copies = databases.map { root + absolutePath($0) }
        let loaded = try? Configuration.load(root + file, databases: copies, root: root, hasZones: hasZones) { _ in
            SerialLedger(of: file, in: state, keepsChanges: false)
        }
        guard var loaded else { return nil }
        loaded.stateDirectory = state.path
        return (loaded, time)
    }

    /// What stands in for the root of the file system, if there is anything; links lead to what was copied last.
    var root: String? {
        let current = folder + "/current"
        return access(current + file, R_OK) == 0 ? current : nil
    }

    /// When the copies were made, in seconds since 1970.
    var time: Int? {
        var status = stat()
        return lstat(folder + "/current", &status) == 0 ? status.st_mtim.tv_sec : nil
    }

    /// Copies these files, unless that was done since they changed and the copies are whole. Another process that is at it is
    /// left to it.
    ///
    /// - Parameter files: as they were when they were read. Those that are not there are left out; if any has changed since then,
    ///   nothing is copied, as it may be bad.
    func keep(_ files: [String: FileState]) throws(StateDirectory.Failure) {
        try state.make()
        try state.asOwner { () throws(StateDirectory.Failure) in try keepAsOwner(files) }
    }

    private func keepAsOwner(_ files: [String: FileState]) throws(StateDirectory.Failure) {
        for path in [state.path + "/last-good", folder] where mkdir(path, 0o700) != 0 && errno != EEXIST {
            throw StateDirectory.Failure("make", path)
        }
        let lock = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw StateDirectory.Failure("write to", folder) }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { return }

        let sources = files.keys.map(absolutePath).sorted()
        let description = sources.map { "\($0)\t\(FileState($0).words)\n" }.joined()
        if let root, try state.read(folder + "/files") == description,
            sources.allSatisfy({ isWhole(root + $0, copyOf: $0) })
        {
            return
        }
        let name = "copy-\(getpid())-\(nanoseconds())"
        do throws(StateDirectory.Failure) {
            for source in sources { try copy(source, to: "\(folder)/\(name)\(source)") }
            guard files.allSatisfy({ FileState($0.key) == $0.value }) else { return remove(folder + "/" + name) }
            let link = folder + "/current.new"
            unlink(link)
            guard symlink(name, link) == 0, rename(link, folder + "/current") == 0 else {
                throw StateDirectory.Failure("write", folder + "/current")
            }
            try state.write(description, to: folder + "/files")
        } catch {
            remove(folder + "/" + name)
            throw error
        }
        removeCopies(but: name)
    }

    private func copy(_ source: String, to target: String) throws(StateDirectory.Failure) {
        let input = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard input >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return }
            // Copies without it would be of another configuration.
            throw StateDirectory.Failure("read", source)
        }
        defer { close(input) }
        var status = stat()
        guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        var end = target.startIndex
        while let slash = target[target.index(after: end)...].firstIndex(of: "/") {
            end = slash
            mkdir(String(target[..<slash]), 0o700)
        }
        let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw StateDirectory.Failure("write", target) }
        defer { close(output) }
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(input, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            guard chunk.withUnsafeBytes({ write(output, $0.baseAddress!, count) }) == count else {
                throw StateDirectory.Failure("write", target)
            }
        }
        // A zone's serial may be the time of its file.
        let times = [status.st_atim, status.st_mtim]
        futimens(output, times)
    }

    /// Whether nobody has changed a copy: it has the size and the time of what it was made of.
    private func isWhole(_ copy: String, copyOf source: String) -> Bool {
        var (made, given) = (stat(), stat())
        guard stat(source, &given) == 0, given.st_mode & S_IFMT == S_IFREG else { return true }
        return stat(copy, &made) == 0 && made.st_size == given.st_size && made.st_mtim.tv_sec == given.st_mtim.tv_sec
            && made.st_mtim.tv_nsec == given.st_mtim.tv_nsec
    }

    /// Removes all copies but one, and what is left of such as were never finished.
    private func removeCopies(but name: String) {
        for entry in entries(of: folder) where entry.hasPrefix("copy-") && entry != name {
            remove(folder + "/" + entry)
        }
    }

    private func remove(_ path: String) {
        if unlink(path) == 0 || errno == ENOENT { return }
        for entry in entries(of: path) { remove(path + "/" + entry) }
        rmdir(path)
    }

    private func entries(of path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(cString: $0.bindMemory(to: CChar.self).baseAddress!)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
