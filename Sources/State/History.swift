import Glibc

extension [HistoryEntry] {
    /// Returns the entries, and in between the ends of switches that have ended by themselves until a time in seconds
    /// since 1970.
    public func withEnds(until time: Int) -> [HistoryEntry] {
        var switches: [Switch] = []
        var entries: [HistoryEntry] = []
        func expire(at time: Int) {
            for entry in switches.expire(at: time) {
                entries.append(HistoryEntry(endOf: entry, at: Swift.max(entry.until ?? time, entry.since)))
            }
        }
        for entry in self {
            expire(at: entry.time)
            entries.append(entry)
            entry.apply(to: &switches)
        }
        expire(at: time)
        return entries
    }

    /// Returns the switches that result from the entries, and are in force at a time in seconds since 1970.
    func switches(at time: Int) -> [Switch] {
        var switches: [Switch] = []
        for entry in self {
            // A command does not end or replace a switch that has ended by itself.
            _ = switches.expire(at: entry.time)
            entry.apply(to: &switches)
        }
        _ = switches.expire(at: time)
        return switches
    }
}

extension StateDirectory {
    /// The path of the history.
    public var historyFile: String { path + "/history" }

    /// The size in bytes above which the older half of the history is dropped.
    static let historyLimit = 1 << 20

    /// Returns the entries, the oldest first, and the number of malformed lines.
    public func history() throws(Failure) -> (entries: [HistoryEntry], unreadable: Int) {
        entries(of: try read(historyFile) ?? "")
    }

    private func entries(of text: String) -> (entries: [HistoryEntry], unreadable: Int) {
        let lines = text.split(separator: "\n")
        let entries = lines.compactMap { HistoryEntry(line: $0) }
        return (entries, lines.count - entries.count)
    }

    /// Returns the switches in force at a time in seconds since 1970, rebuilt from the history; `nil` if the history
    /// is missing or incomplete.
    func switchesOfHistory(at time: Int) -> [Switch]? {
        guard let history = try? history(), history.unreadable == 0, !history.entries.isEmpty else { return nil }
        return history.entries.switches(at: time)
    }

    /// Returns entries that end all switches in force by the history, after their files were removed.
    ///
    /// Without these entries the switches would return when they are next rebuilt from the history.
    ///
    /// - Parameter user: the operator in these entries; `nil` for the operator of each switch.
    func removedSwitches(by user: String?) -> [HistoryEntry] {
        let now = time(nil)
        let switches = (try? history())?.entries.switches(at: now) ?? []
        return switches.map { entry in
            HistoryEntry(
                time: now, user: user ?? entry.user, entry.action == .drain ? .undrain : .forceAuto,
                datacenter: entry.datacenter, service: entry.service, areas: entry.areas, share: entry.share,
                reason: "the switch files were removed")
        }
    }

    /// Adds entries to the history. The caller must hold the lock of the switches.
    func record(_ entries: [HistoryEntry]) throws(Failure) {
        guard !entries.isEmpty else { return }
        let lines = entries.map(\.line)
        guard lines.allSatisfy({ HistoryEntry(line: $0.dropLast()) != nil }) else {
            throw Failure(description: "cannot write \(historyFile): the line could not be read again")
        }
        try asOwner { () throws(Failure) in try append(lines.joined()) }
    }

    private func append(_ lines: String) throws(Failure) {
        let flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let descriptor = open(historyFile, flags, 0o644)
        guard descriptor >= 0 else { throw Failure("write", historyFile) }
        defer { close(descriptor) }
        // Operators read it, so the umask must not restrict it.
        fchmod(descriptor, 0o644)
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw Failure("write", historyFile) }
        if end > Self.historyLimit {
            let all = (try read(historyFile) ?? "").utf8
            // The first line may be cut.
            let whole = all.suffix(Self.historyLimit / 2).drop { $0 != UInt8(ascii: "\n") }.dropFirst()
            // Switches of the dropped half may still be in force, so their lines are written again.
            let dropped = entries(of: String(decoding: all.dropLast(whole.count), as: UTF8.self)).entries
            let begun = dropped.switches(at: dropped.last?.time ?? 0).map { HistoryEntry($0).line }.joined()
            return try write(begun + String(decoding: whole, as: UTF8.self) + lines, to: historyFile)
        }
        // A line that a full disk has cut must not join the next one.
        var last: UInt8 = 0
        let isTorn = end > 0 && pread(descriptor, &last, 1, end - 1) == 1 && last != UInt8(ascii: "\n")
        try writeAll((isTorn ? "\n" : "") + lines, to: descriptor, historyFile)
        fsync(descriptor)
    }
}
