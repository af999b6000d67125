import DNS
import Glibc
import Platform

/// Tells when files change: when they are written, replaced, removed, or reached by another way.
///
/// What counts is what is at a path now, links followed. inotify(7) only says when to look; for file systems that it says
/// nothing about, somebody may look now and then.
package struct FileWatch: ~Copyable {
    /// Becomes readable when it is time to look; -1 if there is no inotify.
    package let descriptor: CInt
    package private(set) var states: [String: FileState] = [:]
    /// By watched folders, the names in them that lead to files.
    private var names: [CInt: Set<String>] = [:]

    package init() { descriptor = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC)) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The paths that are watched.
    var paths: Set<String> { Set(states.keys) }

    /// Watches these paths and no others: those that were watched before from the state that they were in then, the others
    /// from now on.
    ///
    /// - Parameter start: when the others began to be read, in seconds since 1970. One that was changed since then has changed:
    ///   nobody knows whether before it was read or after.
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
        // A link on the way to a file may change in any of the folders that lead there.
        var watched = Watched()
        for path in paths {
            watchFolders(above: path, &watched)
            if let real = watched.realPath(of: path), real != path { watchFolders(above: real, &watched) }
        }
    }

    /// What is known while folders begin to be watched. Many files are in the same folder, for which the kernel is asked once.
    private struct Watched {
        /// Files and folders whose folder is watched.
        var paths: Set<String> = []
        /// The watch of each folder; negative if it cannot be watched.
        var folders: [String: CInt] = [:]
        /// The places of folders, without links.
        private var places: [String: String] = [:]

        /// A path without links; `nil` if nothing is there.
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

    /// Watches these paths and no others, each from the state that is given.
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

    /// Watches a folder. One that is watched already is the same watch still.
    private func watch(_ folder: String) -> CInt {
        let events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR
        return inotify_add_watch(descriptor, folder, UInt32(events))
    }

    /// Takes what the folders tell, and says whether any of it may be about the files.
    package func takeNews() -> Bool {
        var isNews = false
        let size = MemoryLayout<inotify_event>.size
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { bytes in
            while case let count = read(descriptor, bytes.baseAddress!, bytes.count), count > 0 {
                var start = 0
                while start < count {
                    let event = bytes.load(fromByteOffset: start, as: inotify_event.self)
                    let name = bytes[(start + size)..<(start + size + Int(event.len))].prefix { $0 != 0 }
                    // Without a name it is about the folder itself, or says that there was too much to tell.
                    isNews =
                        isNews || name.isEmpty
                        || names[event.wd]?.contains(String(decoding: name, as: UTF8.self)) == true
                    start += size + Int(event.len)
                }
            }
        }
        return isNews
    }

    /// The paths at which another file is than before, or a changed one; from now on this is the state to compare with.
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

    /// Whether there are any changes.
    package mutating func hasChanged() -> Bool { !changes().isEmpty }
}

/// What is at a path: which file, and when it was changed last.
public struct FileState: Equatable, Sendable {
    private var device: UInt64 = 0
    private var inode: UInt64 = 0
    private var size: Int64 = 0
    private var modified = timespec()
    private var changed = timespec()

    /// That of a path at which nothing is.
    package static let nothing = FileState()

    /// Like no state that anything is in, not even nothing.
    package static let unknown = {
        var state = FileState()
        state.size = -1
        return state
    }()

    private init() {}

    /// Follows links; where nothing is, that is the state.
    public init(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = status.st_mtim
        changed = status.st_ctim
    }

    /// What is at a path; `unknown` if it, or a link on the way there, was changed at or after a time, or if nothing is there and
    /// something may have gone since then.
    ///
    /// - Parameter time: in seconds since 1970.
    public init(_ path: String, unlessChangedSince time: Int) {
        let (nanoseconds, isHuge) = time.multipliedReportingOverflow(by: 1_000_000_000)
        let time = isHuge ? .max : nanoseconds
        // Whatever happens from here on makes a difference to this.
        self.init(path)
        if self == .nothing
            ? folderChanged(above: path, since: time) : changed(since: time) || linkChanged(on: path, since: time)
        {
            self = .unknown
        }
    }

    /// What is at a path; `unknown` if it may have been changed at or after a time.
    ///
    /// - Parameter time: in nanoseconds since 1970.
    package init(_ path: String, unlessChangedSinceNanoseconds time: Int) {
        self.init(path)
        // Times of files are those of the last tick of the clock, or whole seconds.
        let isCoarse = changed.tv_nsec == 0 && modified.tv_nsec == 0
        let latest = time - (isCoarse ? 2_000_000_000 : 20_000_000)
        // What is not there cannot be read by halves.
        if self != .nothing, changed(since: latest) || linkChanged(on: path, since: latest) { self = .unknown }
    }

    /// Whether what is at a path may have changed at or after a time, in nanoseconds since 1970: the file, or a link that leads to it.
    package static func isChanged(_ path: String, since time: Int) -> Bool {
        let state = FileState(path)
        // Times of files are those of the last tick of the clock.
        let tick = 10_000_000
        return state.changed(since: time - tick) || linkChanged(on: path, since: time - tick)
    }

    /// Device, inode, size, and times of change.
    public var words: String {
        "\(device) \(inode) \(size) \(modified.tv_sec).\(modified.tv_nsec) \(changed.tv_sec).\(changed.tv_nsec)"
    }

    /// Reads what `words` wrote; like no state that anything is in for any other text.
    package init(words: String) {
        // By bytes: there may be many thousand files.
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

    /// Reads decimal numbers, each of which ends with a blank or a dot but for the last.
    ///
    /// - Returns: whether there are as many as `numbers` has room for, and nothing else.
    private static func read(_ bytes: UnsafeBufferPointer<UInt8>, into numbers: UnsafeMutableBufferPointer<Int>) -> Bool
    {
        var position = 0
        for i in numbers.indices {
            let isNegative = position < bytes.count && bytes[position] == UInt8(ascii: "-")
            if isNegative { position += 1 }
            let start = position
            // Numbers of devices and inodes have 64 bits.
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

    /// The paths of files that are in another state than the one with them, which `words` wrote.
    package static func changed(_ files: [(path: String, state: String)]) -> [String] {
        // Where they are many, the kernel is asked by several threads.
        let size = 512
        let chunks = stride(from: 0, to: files.count, by: size).map { $0..<min($0 + size, files.count) }
        return mapInThreads(chunks, threads: coresToUse) { chunk in
            files[chunk].filter { FileState($0.path) != FileState(words: $0.state) }.map(\.path)
        }.flatMap(\.self)
    }

    /// The paths of files that are certainly in another state than the one with them, which `words` wrote: of a file that was changed
    /// while it was read the state is not known.
    package static func certainlyChanged(_ files: [(path: String, state: String)]) -> [String] {
        changed(files.filter { FileState(words: $0.state) != .unknown })
    }

    /// Whether it was changed at or after a time, in nanoseconds since 1970.
    public func changed(since time: Int) -> Bool { isTime(changed, since: time) }

    public static func == (a: Self, b: Self) -> Bool {
        a.device == b.device && a.inode == b.inode && a.size == b.size
            && a.modified.tv_sec == b.modified.tv_sec && a.modified.tv_nsec == b.modified.tv_nsec
            && a.changed.tv_sec == b.changed.tv_sec && a.changed.tv_nsec == b.changed.tv_nsec
    }
}

/// Whether the folder that a path leads to, or the last on the way there that is there, was changed at or after a time, in
/// nanoseconds since 1970: what leaves a folder changes it.
private func folderChanged(above path: String, since time: Int) -> Bool {
    var folder = path[...]
    while let slash = folder.lastIndex(of: "/") {
        folder = path[..<slash]
        let state = FileState(folder.isEmpty ? "/" : String(folder))
        if state != .nothing { return state.changed(since: time) }
    }
    return FileState(".").changed(since: time)
}

/// Whether a link on the way of a path was changed at or after a time, in nanoseconds since 1970.
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

/// Whether a time is at or after another, in nanoseconds since 1970. A time that lies ahead says nothing: the clock was set back.
private func isTime(_ time: timespec, since limit: Int) -> Bool {
    let nanoseconds = time.tv_sec * 1_000_000_000 + time.tv_nsec
    return nanoseconds >= limit && nanoseconds <= wallClock() + 2_000_000_000
}
