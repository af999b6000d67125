import Platform
import State

/// Watches the input files of the image, and finds when a change of them is complete.
struct InputWatch: ~Copyable {
    private var files = FileWatch()
    /// Whether a file has changed since the last compilation.
    private(set) var hasChanged = false
    /// Whether inotify has reported that change.
    private var hasEvent = false
    /// When the files were checked last, in milliseconds on the monotonic clock.
    private var lastCheck = 0

    /// How long a file must stay unchanged if inotify reports changes, in milliseconds.
    static let quiet = 100
    /// How long a file must stay unchanged without inotify, in milliseconds. A change may then be the begin of a long write.
    private static let quietWithoutEvents = 1_000
    /// The interval of checking all files without events, in milliseconds.
    private static let interval = 5_000

    /// A descriptor that becomes readable when a check is due; -1 if there is no inotify.
    var descriptor: CInt { files.descriptor }

    /// The known state of each file, by its path.
    var states: [String: FileState] { files.states }

    /// Watches these files and no others, from the states in which a compilation read them.
    mutating func watch(_ states: [String: FileState]) {
        files.watch(states)
        noteCompilation()
        lastCheck = 0
    }

    /// Watches these files and no others.
    ///
    /// - Parameter start: when the files began to be read, in seconds since 1970. A file that was changed since then counts as changed.
    mutating func watch(_ paths: Set<String>, readSince start: Int) {
        files.watch(paths, readSince: start)
        noteCompilation()
        lastCheck = 0
    }

    /// Notes that a compilation begins: it reads the files in their present state.
    mutating func noteCompilation() { (hasChanged, hasEvent) = (false, false) }

    /// Reads all pending events, and returns whether any may concern these files.
    mutating func takeEvents() -> Bool { files.takeEvents() }

    /// Checks the files if there are events or the interval is over, and returns whether they have changed and are no longer being written.
    mutating func isChangeComplete(hasNewEvents: Bool) -> Bool {
        let now = milliseconds()
        // inotify reports the end of a write.
        hasEvent = hasEvent || hasNewEvents
        let interval = hasChanged ? hasEvent ? Self.quiet : Self.quietWithoutEvents : Self.interval
        let isDue = now - lastCheck >= interval
        var isChanging = false
        if hasNewEvents || isDue {
            isChanging = files.hasChanged()
            hasChanged = hasChanged || isChanging
            lastCheck = now
        }
        // A file that changes again is still being written, and may be incomplete.
        return hasChanged && !isChanging && isDue
    }
}
