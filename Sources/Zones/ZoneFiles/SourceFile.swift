import DNS
import Glibc
import Platform

/// A file that a zone is made from, in memory.
final class SourceFile {
    /// As the operator would find it.
    let path: String
    /// As it is named; another path than that if links are on the way.
    let name: String
    let identity: FileIdentity
    let bytes: UnsafeBufferPointer<UInt8>
    /// Where each line begins; made when the first complaint needs it.
    private lazy var lineStarts: [Int] = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }

    /// Reads a regular file. Anything else might keep a reader waiting.
    ///
    /// - Parameters:
    ///   - name: the path as it is named, if links are on that way.
    ///   - folder: where the file must be, or below; with a final slash, and without links.
    init(path: String, name: String? = nil, within folder: String? = nil) throws(Unreadable) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Unreadable() }
        defer { close(descriptor) }
        // The path may lead elsewhere since it was looked at; what was opened stays.
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Unreadable() }
        if let folder, Self.place(of: descriptor, status, openedAt: path)?.hasPrefix(folder) != true {
            throw Unreadable(reason: "it is not in \(folder)")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Unreadable(reason: "it is no regular file") }
        // What is not there to be had cannot be asked for without ending the process.
        guard status.st_size <= 1 << 32 else { throw Unreadable(reason: "it has more than 4 GiB") }
        // One byte more, to see the end of a file that grows meanwhile.
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

    /// Where an open file is, without links; `nil` if that cannot be told.
    private static func place(of descriptor: CInt, _ status: stat, openedAt path: String) -> String? {
        if let place = linkTarget("/proc/self/fd/\(descriptor)") { return place }
        // In a chroot without /proc: the place that the path leads to, if the file that is there is this one.
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

    /// The line and column of an offset, both counted from 1, columns in characters.
    func position(of offset: Int) -> (line: Int, column: Int) {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        // Neither bytes that go on with a character of UTF-8 are a column, nor a byte order mark.
        let start = low == 0 && hasByteOrderMark(bytes) ? min(byteOrderMark.count, offset) : lineStarts[low]
        return (low + 1, bytes[start..<offset].count { $0 & 0xc0 != 0x80 } + 1)
    }
}

/// What tells a file from another, and from itself after a change.
struct FileIdentity: Hashable, BitwiseCopyable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    /// When the content was changed last, in nanoseconds since 1970.
    var modified: Int64
    /// When anything about it was changed last, in nanoseconds since 1970.
    var changed: Int64

    init(_ status: stat) {
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = nanoseconds(status.st_mtim)
        changed = nanoseconds(status.st_ctim)
    }

    /// The file that is at `path` now.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }
}

/// A file that a zone was made from.
struct ZoneInput: Sendable {
    var path: String
    /// As it is named; another path than that if links are on the way.
    var name: String
    var state: State

    /// What the file was when it was read.
    struct State: BitwiseCopyable {
        var identity: FileIdentity
        var hash: UInt64
        /// Whether the file was old enough that a change after it was read shows in its time.
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

    /// Whether the file is still what it was.
    var isUnchanged: Bool {
        guard FileIdentity(path: path) == state.identity else { return false }
        return state.isSettled || (try? SourceFile(path: path)).map { hash64($0.bytes.span) } == state.hash
    }
}

/// Where a link leads; `nil` if there is none.
func linkTarget(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = target.withUnsafeMutableBytes { readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count) }
    return count < 0 ? nil : String(decoding: target[..<count], as: UTF8.self)
}
