import DNS
import Glibc
import Image
import Platform
import Routing

/// The images of a configuration in the state directory: the one in force, and the last few before it.
///
///     images/CONFIGURATION.FORMAT/current -> TIME-ID.image
///     images/CONFIGURATION.FORMAT/report     what came of the last compilation
///     images/CONFIGURATION.FORMAT/lock       held by the one that compiles
public struct ImageStore: Sendable {
    public let state: StateDirectory
    public let folder: String

    /// The maximum number of images, including the one in force.
    public static let imageCount = 4
    /// The maximum size of all images before the one in force, in bytes.
    public static let spareBytes = 512 << 20

    /// - Parameters:
    ///   - configuration: the configuration's file.
    ///   - overrides: the databases on the command line, which replace the configured ones.
    public init(of configuration: String, overrides: [String], in state: StateDirectory) {
        self.state = state
        let key = ([configuration] + overrides).map(absolutePath).joined(separator: "\n")
        folder = "\(state.path)/images/\(String(identity(of: key), radix: 16)).\(imageFormatVersion)"
    }

    package var reportFile: String { folder + "/report" }
    package var currentLink: String { folder + "/current" }

    /// Makes the folder, if it is missing.
    public func make() throws(StateDirectory.Failure) {
        try state.make()
        try state.make(state.path + "/images")
        try state.make(folder)
    }

    /// Whether this process can write to the folder.
    public var isWritable: Bool { access(folder, W_OK | X_OK) == 0 }

    /// Whether the lock can be opened. Making its file needs disk space.
    package var canLock: Bool {
        let lock = openLock()
        if lock >= 0 { close(lock) }
        return lock >= 0
    }

    /// Marks the images as used, so that they are not removed as abandoned.
    package func noteUse() { utimensat(AT_FDCWD, folder, nil, 0) }

    /// Takes the compiler's lock, and waits for it.
    ///
    /// - Parameter timeout: how long to wait, in milliseconds.
    /// - Returns: a descriptor to close; -1 if the lock cannot be taken.
    public func lock(timeout: Int) -> CInt {
        guard (try? make()) != nil, case let lock = openLock(), lock >= 0 else { return -1 }
        if state.hold(lock, timeout: timeout) { return lock }
        close(lock)
        return -1
    }

    /// The users whose images are trusted: this user, root, and for root also the owner of the state directory.
    package var owners: Set<uid_t> {
        var owners: Set<uid_t> = [geteuid(), 0]
        var status = stat()
        if geteuid() == 0, stat(state.path, &status) == 0 { owners.insert(status.st_uid) }
        return owners
    }

    /// Returns the stores of all configurations and databases, in this image format.
    public static func all(in state: StateDirectory) -> [ImageStore] {
        let suffix = ".\(imageFormatVersion)"
        return entries(of: state.path + "/images").filter { $0.hasSuffix(suffix) }.map {
            ImageStore(state: state, folder: "\(state.path)/images/\($0)")
        }
    }

    /// The paths of the image in force and of its fallbacks, the newest first; empty if no image is in force.
    package var candidates: [String] {
        guard let first = currentName else { return [] }
        let others = names.reversed().filter { $0 != first }
        let undone = others.filter(Self.isUndone)
        return ([first] + others.filter { !Self.isUndone($0) } + undone).map { folder + "/" + $0 }
    }

    private init(state: StateDirectory, folder: String) {
        self.state = state
        self.folder = folder
    }

    /// The name of the image in force; `nil` if there is none.
    package var currentName: String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = target.withUnsafeMutableBytes {
            readlink(currentLink, $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        guard count > 0 else { return nil }
        let name = String(decoding: target[..<count], as: UTF8.self)
        return name.contains("/") ? nil : name
    }

    /// Puts an image in force. Earlier images stay within the limits of number and size. Those with the same content
    /// id go, except for the last one.
    ///
    /// - Parameters:
    ///   - kept: the name of an earlier image that gives the same answers, if this one goes back to it: all images
    ///     after that one are marked as undone.
    ///   - alike: the names of images that give the same answers, and are removed.
    /// - Returns: the path of the image.
    @discardableResult
    public func publish(
        _ image: Image, goingBackTo kept: String? = nil, inPlaceOf alike: [String] = []
    ) throws(StateDirectory.Failure) -> String {
        try make()
        return try state.asOwner { () throws(StateDirectory.Failure) in
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            let name = "\(now.tv_sec)\(padded(now.tv_nsec / 1_000, 6))-\(image.id).image"
            let path = folder + "/" + name
            try write(image, to: path)
            let link = currentLink + ".new"
            unlink(link)
            // A coprocess may be about to read the previous image, so it stays.
            let before = currentName
            guard symlink(name, link) == 0, rename(link, currentLink) == 0 else {
                throw StateDirectory.Failure("write", currentLink)
            }
            if let kept { undo(after: kept, but: name) }
            for other in names where other != name {
                if alike.contains(other) || other != before && Self.id(in: other) == image.id {
                    unlink("\(folder)/\(other)")
                }
            }
            removeOld(but: name)
            return path
        }
    }

    /// Returns the content id in the name of an image: `TIME-ID.image`.
    package static func id(in name: String) -> String {
        name.split(separator: "-").last.map { String($0.prefix { $0 != "." }) } ?? name
    }

    /// The ending of the names of undone images.
    private static let undoneEnding = ".undone.image"

    /// Returns whether an image was in force, and an operator went back from it to an older one.
    package static func isUndone(_ name: String) -> Bool { name.hasSuffix(undoneEnding) }

    /// Returns the name of an image without the mark of undone images.
    static func redone(_ name: String) -> String {
        isUndone(name) ? name.dropLast(undoneEnding.count) + ".image" : name
    }

    /// Marks all images that are newer than `kept` as undone.
    ///
    /// - Parameter current: the name of the image in force.
    func undo(after kept: String, but current: String) {
        for name in names where name > kept && name != current && !Self.isUndone(name) {
            rename("\(folder)/\(name)", "\(folder)/\(name.dropLast(".image".count))\(Self.undoneEnding)")
        }
    }

    /// Writes an image to a file outside a state directory, and replaces the file there.
    public static func write(_ image: Image, toFile path: String) throws(StateDirectory.Failure) {
        try replaceFile(path) { descriptor throws(StateDirectory.Failure) in
            try writeAll(image.bytes, to: descriptor, path)
        }
    }

    func write(_ image: Image, to path: String) throws(StateDirectory.Failure) {
        let new = path + ".new"
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o444)
        guard descriptor >= 0 else { throw StateDirectory.Failure("write", new) }
        fchmod(descriptor, 0o444)
        do throws(StateDirectory.Failure) {
            try writeAll(image.bytes, to: descriptor, new)
            close(descriptor)
            guard rename(new, path) == 0 else { throw StateDirectory.Failure("write", path) }
        } catch {
            close(descriptor)
            unlink(new)
            throw error
        }
    }

    /// The names of all images, the oldest first.
    private var names: [String] { entries(of: folder).filter { $0.hasSuffix(".image") }.sorted() }

    private func removeOld(but current: String) {
        var room = Self.spareBytes
        var count = 1
        // Undone images are removed first.
        let others = names.reversed().filter { $0 != current }
        for name in others.filter({ !Self.isUndone($0) }) + others.filter(Self.isUndone) {
            var status = stat()
            guard lstat(folder + "/" + name, &status) == 0 else { continue }
            room -= Int(status.st_size)
            count += 1
            if room < 0 || count > Self.imageCount { unlink(folder + "/" + name) }
        }
        removeAbandoned()
        // Temporary files of compilers that were killed.
        let hourAgo = time(nil) - 3_600
        for name in entries(of: folder) where name.hasSuffix(".new") {
            var status = stat()
            if lstat(folder + "/" + name, &status) == 0, status.st_mtim.tv_sec < hourAgo {
                unlink(folder + "/" + name)
            }
        }
    }

    /// How long images of another configuration or format stay after their last compilation or use, in seconds.
    private static let abandonedAfter = 7 * 86_400

    /// Removes the images of configurations and formats that have not been compiled or used for a long time.
    private func removeAbandoned() {
        let all = state.path + "/images"
        let limit = time(nil) - Self.abandonedAfter
        for name in entries(of: all) {
            let other = "\(all)/\(name)"
            var status = stat()
            guard other != folder, lstat(other, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
                status.st_mtim.tv_sec < limit
            else { continue }
            for file in entries(of: other) { unlink("\(other)/\(file)") }
            rmdir(other)
        }
    }

    /// Returns the report of the last compilation; `nil` if there is none, or it is malformed.
    public func report() -> CompileReport? {
        guard let text = try? state.read(reportFile) else { return nil }
        return try? CompileReport(text)
    }

    /// Writes the report of a compilation.
    public func write(_ report: CompileReport) throws(StateDirectory.Failure) {
        try make()
        try state.write(report.text, to: reportFile, isDurable: false)
    }

    /// Opens the compiler's lock; -1 if that fails.
    package func openLock() -> CInt {
        let open = { () throws(StateDirectory.Failure) -> CInt in
            Glibc.open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        }
        return (try? state.asOwner(open)) ?? -1
    }
}

/// Writes a text to a file outside a state directory, and replaces the file there.
public func replaceFile(_ path: String, with text: String) throws(StateDirectory.Failure) {
    try replaceFile(path) { descriptor throws(StateDirectory.Failure) in try writeAll(text, to: descriptor, path) }
}

/// Replaces a file atomically: readers get all of the old or all of the new content.
private func replaceFile(
    _ path: String, _ write: (_ descriptor: CInt) throws(StateDirectory.Failure) -> Void
) throws(StateDirectory.Failure) {
    let new = "\(path).\(getpid()).new"
    unlink(new)
    let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw StateDirectory.Failure("write", path) }
    do throws(StateDirectory.Failure) {
        try write(descriptor)
        guard fsync(descriptor) == 0, rename(new, path) == 0 else { throw StateDirectory.Failure("write", path) }
        close(descriptor)
    } catch {
        close(descriptor)
        unlink(new)
        throw error
    }
}

/// Writes all bytes to an open file.
package func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt, _ path: String) throws(StateDirectory
    .Failure)
{
    // In chunks, because the answering process may have to wait for the core while the kernel copies.
    let chunk = 1 << 17
    var written = 0
    while written < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + written, min(chunk, bytes.count - written))
        if count < 0, errno == EINTR { continue }
        if count == 0 { errno = ENOSPC }
        guard count > 0 else { throw StateDirectory.Failure("write", path) }
        written += count
    }
}

/// Writes a text to an open file.
package func writeAll(_ text: String, to descriptor: CInt, _ path: String) throws(StateDirectory.Failure) {
    let bytes = Array(text.utf8)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    try writeAll(UnsafeRawBufferPointer(memory), to: descriptor, path)
}

/// Returns the names in a folder; empty if it cannot be read.
func entries(of path: String) -> [String] {
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

private func padded(_ number: Int, _ width: Int) -> String {
    let digits = "\(number)"
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
