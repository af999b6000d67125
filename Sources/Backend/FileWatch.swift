import Glibc

/// Tells when files change: when they are written, replaced, removed, or reached by another way.
///
/// What counts is what is at a path now, links followed. inotify(7) only says when to look; for file systems that it says
/// nothing about, somebody may look now and then.
struct FileWatch: ~Copyable {
    /// Becomes readable when it is time to look; -1 if there is no inotify.
    let descriptor: CInt
    private var states: [String: FileState] = [:]
    private var folders: Set<String> = []

    init() { descriptor = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC)) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The paths that are watched.
    var paths: Set<String> { Set(states.keys) }

    /// Watches these paths and no others: those that were watched before from the state that they were in then, the others
    /// from now on.
    mutating func watch(_ paths: Set<String>) {
        states = Dictionary(uniqueKeysWithValues: paths.map { ($0, states[$0] ?? FileState($0)) })
        // A link on the way to a file may change in any of the folders that lead there.
        for path in paths {
            watchFolders(above: path)
            if let real = realpath(path, nil) {
                watchFolders(above: String(cString: real))
                free(real)
            }
        }
    }

    private mutating func watchFolders(above path: String) {
        var folder = path[...]
        while let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            let name = folder.isEmpty ? "/" : String(folder)
            guard folders.insert(name).inserted else { return }
            let events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR
            inotify_add_watch(descriptor, name, UInt32(events))
        }
    }

    /// Whether any file was changed at or after a time, in seconds since 1970.
    func hasFile(changedSince time: Int) -> Bool { states.values.contains { $0.changed.tv_sec >= time } }

    /// Whether any of the files is another than before, or changed; from now on this is the state to compare with.
    mutating func hasChanged() -> Bool {
        var changed = false
        for (path, state) in states {
            let now = FileState(path)
            guard now != state else { continue }
            states[path] = now
            changed = true
        }
        return changed
    }
}

/// What is at a path.
struct FileState: Equatable {
    private var device: UInt64 = 0
    private var inode: UInt64 = 0
    private var size: Int64 = 0
    private var modified = timespec()
    private(set) var changed = timespec()

    init(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = status.st_mtim
        changed = status.st_ctim
    }

    /// Device, inode, size, and times of change.
    var words: String {
        "\(device) \(inode) \(size) \(modified.tv_sec).\(modified.tv_nsec) \(changed.tv_sec).\(changed.tv_nsec)"
    }

    static func == (a: Self, b: Self) -> Bool {
        a.device == b.device && a.inode == b.inode && a.size == b.size
            && a.modified.tv_sec == b.modified.tv_sec && a.modified.tv_nsec == b.modified.tv_nsec
            && a.changed.tv_sec == b.changed.tv_sec && a.changed.tv_nsec == b.changed.tv_nsec
    }
}
