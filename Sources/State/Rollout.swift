import Geography
import Glibc
import Routing

/// A rollout: a new image answers a part of the clients, until it is committed or aborted.
///
/// The image in force is the old side, which still follows the files on disk. The new side is an image file that
/// never changes.
public struct Rollout: Hashable, Sendable {
    /// The id: the time of its start in UTC. It also selects the client networks of its shares.
    public var id: String
    public var progress = Progress.running
    /// The clients that the new image answers.
    public var part = Part.dark
    /// The operator who started it. Other operators may only end it.
    public var owner: String
    /// When it was started, in seconds since 1970.
    public var since: Int
    /// The reason; may be empty.
    public var reason = ""
    /// The name of the folder of images, which identifies configuration, databases and format.
    public var images: String
    /// The content id of the new image.
    public var new: String
    /// The content id of the image that was in force at the start.
    public var old: String
    /// The absolute path of the configuration or image file that the new image comes from.
    public var source: String
    /// Whether `source` is a configuration.
    public var isConfiguration: Bool
    /// The absolute path of the configuration in use.
    public var configuration: String
    /// The `contentIdentity` of `configuration` at the start.
    public var configurationState: String
    /// The id of the plan that it carries out; empty for none.
    public var plan = ""
    /// Datacenters that were down for a service at the start, as `SERVICE/DATACENTER`. They do not abort the rollout.
    public var down: [String] = []
    /// By how many percentage points the refusal rate of the new side may exceed that of the old side. Above that the
    /// rollout is aborted.
    public var refusalLimit = 1
    /// The commit, written before it changes anything; `nil` before the first commit.
    public var commit: Commit?
    /// Who ended it, when and why; `nil` while it runs.
    public var end: End?

    public enum Progress: String, Sendable {
        case running
        /// The new image is in force.
        case committed
        /// The old image answers all clients again.
        case aborted
        /// It was committed, and then taken back: the image from before the commit is in force again.
        case back
    }

    public struct Commit: Hashable, Sendable {
        /// The `contentIdentity` of the new configuration; empty if the configuration does not change.
        public var content: String
        /// The file name of the image that was in force before.
        public var image: String

        public init(content: String, image: String) {
            self.content = content
            self.image = image
        }
    }

    /// The part of the clients that the new image answers.
    public enum Part: Hashable, Sendable {
        /// No client. The differences are only counted.
        case dark
        /// A percentage of the client networks, 1...100.
        case share(Int)
        /// The clients in these areas.
        case places([Area])
    }

    public struct End: Hashable, Sendable {
        public var who: String
        /// In seconds since 1970.
        public var time: Int
        /// The reason; may be empty.
        public var reason: String
        /// Whether a coprocess aborted it, not an operator.
        public var isAutomatic: Bool
        /// The path of the backup of the replaced configuration; empty for none.
        public var backup: String

        public init(who: String, time: Int, reason: String, isAutomatic: Bool = false, backup: String = "") {
            self.who = who
            self.time = time
            self.reason = reason
            self.isAutomatic = isAutomatic
            self.backup = backup
        }
    }

    public init(
        id: String, owner: String, since: Int, images: String, old: String, new: String, source: String,
        isConfiguration: Bool, configuration: String, configurationState: String
    ) {
        self.id = id
        self.owner = owner
        self.since = since
        self.images = images
        self.old = old
        self.new = new
        self.source = source
        self.isConfiguration = isConfiguration
        self.configuration = configuration
        self.configurationState = configurationState
    }

    public var isRunning: Bool { progress == .running }

    /// Makes the shares of this rollout independent of those of other rollouts.
    public var salt: UInt64 { identity(of: "rollout \(id)") }

    /// The clients that get the new image, in words.
    public var partWords: String {
        switch part {
        case .dark: "dark: no client gets it"
        case .share(let percent): "\(percent)% of the client networks get it"
        case .places(let areas): "clients in \(areaWords(areas)) get it"
        }
    }
}

/// The format of the rollout file: a line for each field.
enum RolloutFile {
    private static let heading = "geopipe rollout 1"

    static func text(_ rollout: Rollout) -> String {
        var lines = [
            ["id", rollout.id], ["progress", rollout.progress.rawValue], ["owner", rollout.owner],
            ["since", "\(rollout.since)"], ["reason", rollout.reason], ["images", rollout.images],
            ["old", rollout.old], ["new", rollout.new], ["source", rollout.source],
            ["kind", rollout.isConfiguration ? "configuration" : "image"], ["configuration", rollout.configuration],
            ["found", rollout.configurationState], ["plan", rollout.plan],
            ["refusals", "\(rollout.refusalLimit)"],
        ]
        switch rollout.part {
        case .dark: lines.append(["part", "dark"])
        case .share(let percent): lines.append(["part", "share", "\(percent)"])
        case .places(let areas): lines.append(["part", "places", areaField(areas)])
        }
        lines += rollout.down.map { ["down", $0] }
        if let commit = rollout.commit { lines.append(["commit", commit.content, commit.image]) }
        if let end = rollout.end {
            lines.append([
                "end", "\(end.time)", end.who, end.isAutomatic ? "automatic" : "by hand", end.backup, end.reason,
            ])
        }
        return StateFile.text(heading, lines)
    }

    /// Reads what `text` wrote. A field that this version does not know makes the file invalid.
    static func rollout(_ text: String) throws(StateFile.Untrusted) -> Rollout {
        var fields: [String: [String]] = [:]
        var down: [String] = []
        for line in try StateFile.lines(text, heading) {
            if line.count == 2, line[0] == "down" { down.append(line[1]) } else { fields[line[0]] = line }
        }
        func untrusted(_ name: String) -> StateFile.Untrusted {
            StateFile.Untrusted(description: "its field '\(name)' is missing or invalid")
        }
        func field(_ name: String) throws(StateFile.Untrusted) -> String {
            guard let line = fields.removeValue(forKey: name), line.count == 2 else { throw untrusted(name) }
            return line[1]
        }
        func number(_ name: String) throws(StateFile.Untrusted) -> Int {
            guard let number = State.number(ofField: try field(name)) else { throw untrusted(name) }
            return number
        }
        let kind = try field("kind")
        guard ["configuration", "image"].contains(kind) else { throw untrusted("kind") }
        var rollout = Rollout(
            id: try field("id"), owner: try field("owner"), since: try number("since"), images: try field("images"),
            old: try field("old"), new: try field("new"), source: try field("source"),
            isConfiguration: kind == "configuration", configuration: try field("configuration"),
            configurationState: try field("found"))
        rollout.reason = try field("reason")
        rollout.plan = try field("plan")
        rollout.refusalLimit = try number("refusals")
        rollout.down = down
        guard let progress = Rollout.Progress(rawValue: try field("progress")) else { throw untrusted("progress") }
        rollout.progress = progress
        guard let part = fields.removeValue(forKey: "part").flatMap(part) else { throw untrusted("part") }
        rollout.part = part
        if let commit = fields.removeValue(forKey: "commit") {
            guard commit.count == 3 else { throw untrusted("commit") }
            rollout.commit = Rollout.Commit(content: commit[1], image: commit[2])
        }
        if let end = fields.removeValue(forKey: "end") {
            guard end.count == 6, let time = State.number(ofField: end[1]) else { throw untrusted("end") }
            rollout.end = Rollout.End(
                who: end[2], time: time, reason: end[5], isAutomatic: end[3] == "automatic", backup: end[4])
        }
        // The id becomes part of file names.
        guard !rollout.id.isEmpty, rollout.id.utf8.allSatisfy(isPlain) else { throw untrusted("id") }
        if let name = fields.keys.first { throw untrusted(name) }
        return rollout
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
    }

    private static func part(_ line: [String]) -> Rollout.Part? {
        switch (line.dropFirst().first, line.count) {
        case ("dark", 2): return .dark
        case ("share", 3): return Int(line[2]).flatMap { 1...100 ~= $0 ? .share($0) : nil }
        case ("places", 3): return areas(ofField: line[2]).flatMap { $0.isEmpty ? nil : .places($0) }
        default: return nil
        }
    }
}

extension StateDirectory {
    /// Aborts a rollout automatically.
    ///
    /// - Parameters:
    ///   - who: the process, or the operator whose command caused the abort.
    ///   - time: in seconds since 1970.
    /// - Returns: false if the rollout no longer runs.
    package func abort(
        _ rollout: Rollout, because reason: String, by who: String, at time: Int
    ) throws(Failure) -> Bool {
        var isAborted = false
        try changeRollout { known in
            guard var ended = known, ended.id == rollout.id, ended.isRunning else { return nil }
            var reason = reason
            if ended.hasBegunCommit {
                do throws(Failure) {
                    // The rollout file names the configuration, so root must not replace one that the owner of the
                    // state directory could not.
                    let kept = try asOwner { () throws(Failure) in try ended.undoBegunCommit() }
                    reason += "; \(ended.undoneWords(kept: kept))"
                } catch {
                    reason += "; \(ended.begunWords), and the old configuration cannot be restored: \(error)"
                }
            }
            ended.progress = .aborted
            ended.end = Rollout.End(who: who, time: time, reason: reason, isAutomatic: true)
            isAborted = true
            return (
                ended, HistoryEntry(time: time, who: who, .rolloutAbort, datacenter: rollout.id, reason: reason)
            )
        }
        return isAborted
    }

    /// Returns the last step of a running rollout from the history, after its files were lost; `nil` if the history
    /// has none.
    package func lostRollout() -> HistoryEntry? {
        guard let text = try? read(historyFile) else { return nil }
        // Usually there is none, and the history may be long: search the text before parsing.
        for line in text.split(separator: "\n").reversed() where line.contains("\trollout ") {
            guard let entry = HistoryEntry(line: line) else { continue }
            switch entry.action {
            case .rolloutStart, .rolloutShare, .rolloutPlaces: return entry
            case .rolloutCommit, .rolloutAbort, .rolloutSeen, .rolloutBack: return nil
            default: continue
            }
        }
        return nil
    }

    /// Returns the last step of the last rollout from the history, after its file was lost; `nil` if the history has
    /// none.
    package func lastStep() -> HistoryEntry? {
        guard let text = try? read(historyFile) else { return nil }
        for line in text.split(separator: "\n").reversed() where line.contains("\trollout ") {
            if let entry = HistoryEntry(line: line), entry.action != .rolloutBack { return entry }
        }
        return nil
    }

    /// Ends a rollout whose files are gone or corrupt: renames the corrupt files, and adds its end to the history.
    ///
    /// - Parameters:
    ///   - who: the operator who ends it.
    ///   - time: in seconds since 1970.
    /// - Returns: the last step in the history, if there is one, and whether files were renamed; `nil` if there is a
    ///   valid file, or nothing to end.
    package func endLostRollout(
        by who: String, at time: Int, reason: String
    ) throws(Failure) -> (last: HistoryEntry?, isPutAside: Bool)? {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw Failure("write to", path) }
        defer { close(lock) }
        guard hold(lock, timeout: 10_000) else { throw Failure("lock", path) }
        var isPutAside = false
        do throws(Failure) {
            guard try rollout().value == nil else { return nil }
        } catch {
            let putAside = { () throws(Failure) in
                for file in [rolloutFile, copy(of: rolloutFile)] where access(file, F_OK) == 0 {
                    guard rename(file, file + ".untrusted") == 0 else { throw Failure("rename", file) }
                }
            }
            try asOwner(putAside)
            isPutAside = true
        }
        let last = lostRollout()
        guard last != nil || isPutAside else { return nil }
        if let last {
            try record([HistoryEntry(time: time, who: who, .rolloutAbort, datacenter: last.datacenter, reason: reason)])
        }
        return (last, isPutAside)
    }

    /// Adds an entry to the history.
    package func note(_ entry: HistoryEntry) throws(Failure) {
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw Failure("write to", path) }
        defer { close(lock) }
        guard hold(lock, timeout: 10_000) else { throw Failure("lock", path) }
        try record([entry])
    }

    /// The path of the rollout file.
    public var rolloutFile: String { path + "/rollout" }

    /// Reads the running rollout, or the last one; none if there never was one.
    public func rollout() throws(Failure) -> Found<Rollout> { try find(rolloutFile, RolloutFile.rollout) }

    /// Changes the rollout under the lock that commands share. The change is on disk when this returns.
    ///
    /// If the file and its backup copy are corrupt, there is no rollout. The file is renamed when a rollout is
    /// written.
    ///
    /// - Parameter body: gets the current rollout, and returns the one to write with an optional entry for the
    ///   history; `nil` to change nothing.
    /// - Returns: a diagnostic about a corrupt file or a failure to record. An abort succeeds even if the file cannot
    ///   be written: see `makeRoom`.
    @discardableResult
    package func changeRollout(
        _ body: (Rollout?) -> (rollout: Rollout, entry: HistoryEntry?)?
    ) throws(Failure) -> String? {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw Failure("write to", path) }
        defer { close(lock) }
        guard hold(lock, timeout: 10_000) else { throw Failure("lock", path) }
        removeLeftovers()
        var diagnostics: [String] = []
        var known: Rollout?
        do throws(Failure) {
            let found = try rollout()
            known = found.value
            if let diagnostic = found.diagnostic { diagnostics.append(diagnostic) }
        } catch {
            diagnostics.append("\(error)")
        }
        guard let (rollout, entry) = body(known) else { return diagnostics.first }
        let text = RolloutFile.text(rollout)
        do throws(StateFile.Untrusted) {
            _ = try RolloutFile.rollout(text)
        } catch {
            throw Failure(description: "cannot write \(rolloutFile): \(error)")
        }
        if !diagnostics.isEmpty, try putAside(rolloutFile) {
            diagnostics[0] += "; it is now \(rolloutFile).untrusted"
        }
        // A committed rollout can be taken back even after another one was started.
        if let known, known.id != rollout.id, known.progress == .committed {
            do throws(Failure) { try keepCommit(known) } catch { diagnostics.append("\(error)") }
        }
        do throws(Failure) {
            try writeTwice(text, to: rolloutFile)
        } catch {
            guard rollout.progress == .aborted, known?.isRunning == true else { throw error }
            diagnostics.append(try makeRoom(for: text, of: rollout, error))
        }
        do throws(Failure) {
            if let entry { try record([entry]) }
        } catch {
            diagnostics.append("\(error); the rollout is changed nevertheless")
        }
        return diagnostics.isEmpty ? nil : diagnostics.joined(separator: "; ")
    }
}

// MARK: - An abort without room on the disk

extension StateDirectory {
    /// Ends a rollout whose end cannot be written: removes its image and its files, so that all clients get the image
    /// in force.
    ///
    /// - Parameters:
    ///   - text: the content to write, if the removal has freed enough space.
    ///   - failure: why it could not be written.
    /// - Returns: a diagnostic.
    /// - Throws: `failure`, if the files cannot be removed either.
    private func makeRoom(
        for text: String, of rollout: Rollout, _ failure: Failure
    ) throws(Failure) -> String {
        for store in ImageStore.all(in: self) { store.removeCandidate(of: rollout.id) }
        try removeRollout(failure)
        do throws(Failure) {
            try writeTwice(text, to: rolloutFile)
            return "\(failure); the files of the rollout \(rollout.id) were removed to free space, and written again"
        } catch {
            // A single copy without the other would be ambiguous later.
            try removeRollout(failure)
            return
                "\(failure); the files of the rollout \(rollout.id) are removed instead, so that all clients get the image in force; geopipe rollout abort records that once there is space"
        }
    }

    private func removeRollout(_ failure: Failure) throws(Failure) {
        let remove = { () throws(Failure) in
            for file in [rolloutFile, copy(of: rolloutFile)] where unlink(file) != 0 && errno != ENOENT {
                throw failure
            }
        }
        try asOwner(remove)
    }

    /// Removes the temporary files of commands that were killed while they wrote. The caller must hold the lock of
    /// the switches, under which such files are written.
    private func removeLeftovers() {
        let remove = { () throws(Failure) in
            for name in entries(of: path) {
                let parts = name.split(separator: ".")
                guard parts.count > 2, parts.last == "new", Int(parts[parts.count - 2]) != nil,
                    ["rollout", "switches", "history"].contains(parts[0])
                else { continue }
                unlink("\(path)/\(name)")
            }
        }
        try? asOwner(remove)
    }
}

// MARK: - Commits that can be taken back

extension StateDirectory {
    /// Returns the path at which the last committed rollout of a configuration is kept, after another rollout has
    /// replaced it in the rollout file.
    private func commitFile(of images: String) -> String { "\(path)/committed-\(images.prefix { $0 != "." })" }

    /// Returns the last committed rollout of a configuration that was not taken back, even if another one was started
    /// after it; `nil` if there is none.
    ///
    /// - Parameter images: the name of the configuration's folder of images.
    package func lastCommit(of images: String) -> Rollout? {
        if let last = (try? rollout())?.value, last.progress == .committed, ImageStore.isSame(last.images, images) {
            return last
        }
        guard let text = try? read(commitFile(of: images)), let kept = try? RolloutFile.rollout(text),
            kept.progress == .committed, ImageStore.isSame(kept.images, images)
        else { return nil }
        return kept
    }

    private func keepCommit(_ rollout: Rollout) throws(Failure) {
        guard rollout.images.utf8.allSatisfy({ $0 != UInt8(ascii: "/") }) else { return }
        try write(RolloutFile.text(rollout), to: commitFile(of: rollout.images))
    }

    /// Records that a committed rollout was taken back, also in the history.
    ///
    /// - Returns: a diagnostic about a corrupt file or a failure to record.
    package func takeBack(_ rollout: Rollout, _ end: Rollout.End, _ entry: HistoryEntry) throws(Failure) -> String? {
        var back = rollout
        (back.progress, back.end) = (.back, end)
        var isWritten = false
        let diagnostic = try changeRollout { known in
            guard known?.id == rollout.id, known?.progress == .committed else { return nil }
            isWritten = true
            return (back, entry)
        }
        guard !isWritten else { return diagnostic }
        try keepCommit(back)
        try note(entry)
        return diagnostic
    }
}
