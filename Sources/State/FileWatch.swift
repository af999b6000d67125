import DNS
import Glibc
import Platform

/// Watches files for changes: they are written, replaced or removed, or a link to them changes.
///
/// A change is a difference of the file state at a path, with links followed. inotify(7) only tells when to check.
/// Some file systems send no events, so callers also check from time to time.
package struct FileWatch: ~Copyable {
    /// A descriptor that becomes readable when a check is due; -1 if there is no inotify.
    package let descriptor: CInt
    package private(set) var states: [String: FileState] = [:]
    /// The names that lead to watched files, by the watch of their folder.
    private var names: [CInt: Set<String>] = [:]

    package init() { descriptor = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC)) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The paths that are watched.
    var paths: Set<String> { Set(states.keys) }

    /// Watches these paths and no others. Paths that were watched before keep their known states.
    ///
    /// - Parameter start: when the new paths began to be read, in seconds since 1970. A file that was changed since
    ///   then counts as changed, because the read may have come first.
    package mutating func watch(_ paths: Set<String>, readSince start: Int) {
        states = Dictionary(
            uniqueKeysWithValues: paths.map { path in
                (path, states[path] ?? FileState(path, unlessChangedSince: start))
            })
        watchFolders(of: paths)
    }

    private mutating func watchFolders(of paths: Set<String>) {
        let before = names.keys
        names = [:]
        defer { for watch in before where names[watch] == nil { inotify_rm_watch(descriptor, watch) } }
        // Any folder on the path may contain a link that changes.
        var watched = Watched()
        for path in paths {
            watchFolders(above: path, &watched)
            if let real = watched.realPath(of: path), real != path { watchFolders(above: real, &watched) }
        }
    }

    /// A cache for `watchFolders`: many files are in the same folder, which is watched and resolved once.
    private struct Watched {
        /// Files and folders whose folder is watched.
        var paths: Set<String> = []
        /// The watch of each folder; negative if it cannot be watched.
        var folders: [String: CInt] = [:]
        /// The real paths of folders.
        private var places: [String: String] = [:]

        /// Returns a path without links; `nil` if there is no file.
        mutating func realPath(of path: String) -> String? {
            var status = stat()
            guard let slash = path.lastIndex(of: "/"), lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else { return resolved(path) }
            let folder = String(path[...slash])
            let place = places[folder] ?? resolved(folder)
            places[folder] = place
            return place.map { ($0 == "/" ? "" : $0) + path[slash...] }
        }

        private func resolved(_ path: String) -> String? {
            guard let real = realpath(path, nil) else { return nil }
            defer { free(real) }
            return String(cString: real)
        }
    }

    /// Watches these paths and no others, starting from the given states.
    package mutating func watch(_ states: [String: FileState]) {
        self.states = states
        watchFolders(of: Set(states.keys))
    }

    private mutating func watchFolders(above path: String, _ watched: inout Watched) {
        var path = path[...]
        while !path.isEmpty, watched.paths.insert(String(path)).inserted {
            let slash = path.lastIndex(of: "/")
            let name = slash.map { path[path.index(after: $0)...] } ?? path
            path = slash.map { path[..<$0] } ?? ""
            let folder = slash == nil ? "." : path.isEmpty ? "/" : String(path)
            let watch = watched.folders[folder] ?? watch(folder)
            watched.folders[folder] = watch
            if watch >= 0 { names[watch, default: []].insert(String(name)) }
        }
    }

    /// Watches a folder. The kernel returns the same watch for a folder that is watched already.
    private func watch(_ folder: String) -> CInt {
        let events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR
        return inotify_add_watch(descriptor, folder, UInt32(events))
    }

    /// Reads all pending events, and returns whether any may concern a watched file.
    package func takeEvents() -> Bool {
        var isRelevant = false
        let size = MemoryLayout<inotify_event>.size
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { bytes in
            while case let count = read(descriptor, bytes.baseAddress!, bytes.count), count > 0 {
                var start = 0
                while start < count {
                    let event = bytes.load(fromByteOffset: start, as: inotify_event.self)
                    let name = bytes[(start + size)..<(start + size + Int(event.len))].prefix { $0 != 0 }
                    // An event without a name concerns the folder itself, or is an overflow of the queue.
                    isRelevant =
                        isRelevant || name.isEmpty
                        || names[event.wd]?.contains(String(decoding: name, as: UTF8.self)) == true
                    start += size + Int(event.len)
                }
            }
        }
        return isRelevant
    }

    /// Returns the paths whose file has changed since the last call, and stores the new states.
    package mutating func changes() -> Set<String> {
        var changed: Set<String> = []
        for (path, state) in states {
            let now = FileState(path)
            guard now != state else { continue }
            states[path] = now
            changed.insert(path)
        }
        return changed
    }

    /// Returns whether `changes` finds any.
    package mutating func hasChanged() -> Bool { !changes().isEmpty }
}

/// The state of the file at a path: which file it is, its size and its times.
public struct FileState: Equatable, Sendable {
    private var device: UInt64 = 0
    private var inode: UInt64 = 0
    private var size: Int64 = 0
    private var modified = timespec()
    private var changed = timespec()

    /// The state of a path without a file.
    package static let nothing = FileState()

    /// A state that differs from every other, also from `nothing`.
    package static let unknown = {
        var state = FileState()
        state.size = -1
        return state
    }()

    private init() {}

    /// Reads the state of the file at a path, following links; `nothing` if there is none.
    public init(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            // A file that cannot be reached for another reason, such as a loop of links, is in another state.
            if errno != ENOENT, errno != ENOTDIR { size = -1_000 - Int64(errno) }
            return
        }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = status.st_mtim
        changed = status.st_ctim
    }

    /// Reads the state of the file at a path; `unknown` if the file or a link to it was changed at or after a time,
    /// or if there is no file and one may have been removed since then.
    ///
    /// - Parameter time: in seconds since 1970.
    public init(_ path: String, unlessChangedSince time: Int) {
        let (nanoseconds, isHuge) = time.multipliedReportingOverflow(by: 1_000_000_000)
        let time = isHuge ? .max : nanoseconds
        // Read the state first, so that later changes differ from it.
        self.init(path)
        if self == .nothing
            ? folderChanged(above: path, since: time) : changed(since: time) || linkChanged(on: path, since: time)
        {
            self = .unknown
        }
    }

    /// Reads the state of the file at a path; `unknown` if it may have been changed at or after a time.
    ///
    /// - Parameter time: in nanoseconds since 1970.
    package init(_ path: String, unlessChangedSinceNanoseconds time: Int) {
        self.init(path)
        // File times are those of the last clock tick, or whole seconds on some file systems.
        let isCoarse = changed.tv_nsec == 0 && modified.tv_nsec == 0
        let latest = time - (isCoarse ? 2_000_000_000 : 20_000_000)
        // A missing file cannot be read in part.
        if self != .nothing, changed(since: latest) || linkChanged(on: path, since: latest) { self = .unknown }
    }

    /// Returns whether the file at a path, or a link to it, may have changed at or after a time, in nanoseconds since
    /// 1970.
    package static func isChanged(_ path: String, since time: Int) -> Bool {
        let state = FileState(path)
        // File times are those of the last clock tick.
        let tick = 10_000_000
        return state.changed(since: time - tick) || linkChanged(on: path, since: time - tick)
    }

    /// The state as text: device, inode, size, and the times of the last changes.
    public var words: String {
        "\(device) \(inode) \(size) \(modified.tv_sec).\(modified.tv_nsec) \(changed.tv_sec).\(changed.tv_nsec)"
    }

    /// Reads what `words` wrote; `unknown` for any other text.
    package init(words: String) {
        // Parsed by bytes, which is fast: there may be thousands of files.
        var numbers = (0, 0, 0, 0, 0, 0, 0)
        var words = words
        let isRead = words.withUTF8 { bytes in
            withUnsafeMutableBytes(of: &numbers) { Self.read(bytes, into: $0.bindMemory(to: Int.self)) }
        }
        guard isRead else {
            self = .unknown
            return
        }
        (device, inode, size) = (
            UInt64(bitPattern: Int64(numbers.0)), UInt64(bitPattern: Int64(numbers.1)), Int64(numbers.2)
        )
        modified = timespec(tv_sec: numbers.3, tv_nsec: numbers.4)
        changed = timespec(tv_sec: numbers.5, tv_nsec: numbers.6)
    }

    /// Reads decimal numbers, separated by a space or a dot.
    ///
    /// - Returns: whether there are exactly `numbers.count` numbers.
    private static func read(_ bytes: UnsafeBufferPointer<UInt8>, into numbers: UnsafeMutableBufferPointer<Int>) -> Bool
    {
        var position = 0
        for i in numbers.indices {
            let isNegative = position < bytes.count && bytes[position] == UInt8(ascii: "-")
            if isNegative { position += 1 }
            let start = position
            // Device and inode numbers have 64 bits.
            var number: UInt64 = 0
            while position < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[position] {
                let (tens, isLarge) = number.multipliedReportingOverflow(by: 10)
                let (sum, isLarger) = tens.addingReportingOverflow(UInt64(bytes[position] - UInt8(ascii: "0")))
                guard !isLarge, !isLarger else { return false }
                number = sum
                position += 1
            }
            guard position > start else { return false }
            numbers[i] = Int(truncatingIfNeeded: isNegative ? 0 &- number : number)
            guard i < numbers.count - 1 else { break }
            guard position < bytes.count, bytes[position] == UInt8(ascii: " ") || bytes[position] == UInt8(ascii: ".")
            else { return false }
            position += 1
        }
        return position == bytes.count
    }

    /// Returns the paths of files whose state differs from the given one, which `words` wrote.
    package static func changed(_ files: [(path: String, state: String)]) -> [String] {
        // Several threads check large numbers of files.
        let size = 512
        let chunks = stride(from: 0, to: files.count, by: size).map { $0..<min($0 + size, files.count) }
        return mapInThreads(chunks, threads: coresToUse) { chunk in
            files[chunk].filter { FileState($0.path) != FileState(words: $0.state) }.map(\.path)
        }.flatMap(\.self)
    }

    /// Returns the paths of files that have certainly changed since the given state, which `words` wrote. A file that
    /// was changed while it was read has an unknown state, and is left out.
    package static func certainlyChanged(_ files: [(path: String, state: String)]) -> [String] {
        changed(files.filter { FileState(words: $0.state) != .unknown })
    }

    /// Returns whether the file was changed at or after a time, in nanoseconds since 1970.
    public func changed(since time: Int) -> Bool { isTime(changed, since: time) }

    public static func == (a: Self, b: Self) -> Bool {
        a.device == b.device && a.inode == b.inode && a.size == b.size
            && a.modified.tv_sec == b.modified.tv_sec && a.modified.tv_nsec == b.modified.tv_nsec
            && a.changed.tv_sec == b.changed.tv_sec && a.changed.tv_nsec == b.changed.tv_nsec
    }
}

/// Returns whether the last existing folder on a path was changed at or after a time, in nanoseconds since 1970:
/// removing a file changes its folder.
private func folderChanged(above path: String, since time: Int) -> Bool {
    var folder = path[...]
    while let slash = folder.lastIndex(of: "/") {
        folder = path[..<slash]
        let state = FileState(folder.isEmpty ? "/" : String(folder))
        if state != .nothing { return state.changed(since: time) }
    }
    return FileState(".").changed(since: time)
}

/// Returns whether a link on a path was changed at or after a time, in nanoseconds since 1970.
private func linkChanged(on path: String, since time: Int) -> Bool {
    var path = path[...]
    while !path.isEmpty {
        var status = stat()
        if lstat(String(path), &status) == 0, status.st_mode & S_IFMT == S_IFLNK,
            isTime(status.st_ctim, since: time)
        {
            return true
        }
        path = path.lastIndex(of: "/").map { path[..<$0] } ?? ""
    }
    return false
}

/// Returns whether a time is at or after another, in nanoseconds since 1970. A time in the future is ignored: the
/// clock was set back.
private func isTime(_ time: timespec, since limit: Int) -> Bool {
    let nanoseconds = time.tv_sec * 1_000_000_000 + time.tv_nsec
    return nanoseconds >= limit && nanoseconds <= wallClock() + 2_000_000_000
}
