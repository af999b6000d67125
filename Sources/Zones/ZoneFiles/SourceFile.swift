import DNS
import Glibc
import Platform

/// A zone file in memory.
final class SourceFile {
    /// The real path of an included file; the path of the zone's own file as the configuration has it.
    let path: String
    /// The path as it was written. It differs from `path` if there are symbolic links in it.
    let name: String
    let identity: FileIdentity
    let bytes: UnsafeBufferPointer<UInt8>
    /// The start of each line, computed when the first diagnostic needs it.
    private lazy var lineStarts: [Int] = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }

    /// Reads a regular file. Other files, such as named pipes, are refused, because reading them might block.
    ///
    /// - Parameters:
    ///   - name: the path as it was written, if it differs from `path`.
    ///   - folder: the folder that the file must be in or below, with a final slash and without symbolic links.
    init(path: String, name: String? = nil, within folder: String? = nil) throws(Unreadable) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Unreadable() }
        defer { close(descriptor) }
        // A symbolic link may have been changed since the path was resolved, so the place of the open file is checked.
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Unreadable() }
        if let folder, Self.place(of: descriptor, status, openedAt: path)?.hasPrefix(folder) != true {
            throw Unreadable(reason: "it is not in \(folder)")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Unreadable(reason: "it is not a regular file") }
        // Swift ends the process if memory cannot be allocated, so the size is limited first.
        guard status.st_size <= 1 << 30 else { throw Unreadable(reason: "it has more than 1 GiB") }
        // One byte more, to notice that the file has grown meanwhile.
        var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(status.st_size) + 1, alignment: 8)
        var count = 0
        while true {
            let received = read(descriptor, memory.baseAddress! + count, memory.count - count)
            if received < 0, errno == EINTR { continue }
            guard received >= 0 else {
                memory.deallocate()
                throw Unreadable()
            }
            guard received > 0 else { break }
            count += received
            if count == memory.count {
                let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * count, alignment: 8)
                larger.copyMemory(from: UnsafeRawBufferPointer(memory))
                memory.deallocate()
                memory = larger
            }
        }
        self.path = path
        self.name = name ?? path
        identity = FileIdentity(status)
        bytes = UnsafeBufferPointer(
            start: UnsafePointer(memory.baseAddress!.assumingMemoryBound(to: UInt8.self)), count: count)
    }

    deinit { bytes.deallocate() }

    /// Returns the path of an open file without symbolic links; `nil` if it cannot be found.
    private static func place(of descriptor: CInt, _ status: stat, openedAt path: String) -> String? {
        if let place = linkTarget("/proc/self/fd/\(descriptor)") { return place }
        // In a chroot without /proc: the real path, if the file there is the one that is open.
        var there = stat()
        guard let real = realPath(of: path), stat(real, &there) == 0, there.st_dev == status.st_dev,
            there.st_ino == status.st_ino
        else { return nil }
        return real
    }

    /// Why a file cannot be read.
    struct Unreadable: Error {
        var reason = String(cString: strerror(errno))
    }

    /// Returns the line and the column of an offset, both counted from 1; columns count characters.
    func position(of offset: Int) -> (line: Int, column: Int) {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        // Continuation bytes of UTF-8 and a byte order mark do not count as columns.
        let start = low == 0 && hasByteOrderMark(bytes) ? min(byteOrderMark.count, offset) : lineStarts[low]
        return (low + 1, bytes[start..<offset].count { $0 & 0xc0 != 0x80 } + 1)
    }
}

/// Identifies a file and its version: it differs between two files, and before and after a change of one file.
struct FileIdentity: Hashable, BitwiseCopyable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    /// The last change of the content (mtime), in nanoseconds since 1970.
    var modified: Int64
    /// The last change of the inode (ctime), in nanoseconds since 1970.
    var changed: Int64

    init(_ status: stat) {
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = nanoseconds(status.st_mtim)
        changed = nanoseconds(status.st_ctim)
    }

    /// Identifies the file at `path` as it is now; `nil` if there is none.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }
}

/// A file that a zone was made from.
struct ZoneInput: Sendable {
    var path: String
    /// The path as it was written. It differs from `path` if there are symbolic links in it.
    var name: String
    var state: State

    /// The state of the file when it was read.
    struct State: BitwiseCopyable {
        var identity: FileIdentity
        var hash: UInt64
        /// Whether the file was more than 2 s old when it was read, so that a later change must give it another time.
        /// Timestamps have a limited granularity; git calls the opposite "racily clean".
        var isSettled: Bool
    }

    init(path: String, name: String, state: State) {
        self.path = path
        self.name = name
        self.state = state
    }

    init(_ file: SourceFile) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age = Int64(now.tv_sec) * 1_000_000_000 - max(file.identity.modified, file.identity.changed)
        path = file.path
        name = file.name
        state = State(identity: file.identity, hash: hash64(file.bytes.span), isSettled: age > 2_000_000_000)
    }

    /// Whether the file has not changed since it was read.
    var isUnchanged: Bool {
        guard FileIdentity(path: path) == state.identity else { return false }
        return state.isSettled || (try? SourceFile(path: path)).map { hash64($0.bytes.span) } == state.hash
    }
}

/// Returns the target of a symbolic link; `nil` if `path` is not one.
func linkTarget(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = target.withUnsafeMutableBytes { readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count) }
    return count < 0 ? nil : String(decoding: target[..<count], as: UTF8.self)
}
