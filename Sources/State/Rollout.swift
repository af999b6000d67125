import Geography
import Glibc
import Routing

/// A rollout: a part of the clients is answered from another image than the one in force, until that is put in force or taken back.
///
/// The image in force is the old side, and follows what is on disk as ever. The new side is a file of its own that never changes.
public struct Rollout: Hashable, Sendable {
    /// Tells it from all others, and decides which client networks its shares have: the time of its start in UTC.
    public var id: String
    public var progress = Progress.running
    /// Which clients are answered from the new image.
    public var part = Part.dark
    /// Who started it. Others may only end it.
    public var owner: String
    /// When it was started, in seconds since 1970.
    public var since: Int
    /// Why; may be empty.
    public var reason = ""
    /// The name of the folder of images, which tells configuration, databases and format.
    public var images: String
    /// The content id of the new image.
    public var new: String
    /// The content id of the image that was in force at the start.
    public var old: String
    /// The absolute path of the configuration or image that the new image was made from.
    public var source: String
    /// Whether `source` is a configuration.
    public var isConfiguration: Bool
    /// The absolute path of the configuration that runs.
    public var configuration: String
    /// What was at `configuration` at the start, as `contentIdentity` tells it.
    public var configurationState: String
    /// The plan that it carries out; empty for none.
    public var plan = ""
    /// Datacenters that were down for a service at the start, as `SERVICE/DATACENTER`: they abort nothing.
    public var down: [String] = []
    /// The clients of whose questions the new side may refuse more than the old side does, of 100, before it is aborted.
    public var refusalLimit = 1
    /// What a commit puts in place, written before it does; `nil` before the first commit.
    public var commit: Commit?
    /// Who ended it, when and why, once it has ended.
    public var end: End?

    public enum Progress: String, Sendable {
        case running
        /// The new image was put in force.
        case committed
        /// All clients are answered from the old image again.
        case aborted
        /// It was committed, and all clients are answered from what was in force before the commit again.
        case back
    }

    public struct Commit: Hashable, Sendable {
        /// What takes the place of the configuration, as `contentIdentity` tells it; empty if the configuration stays as it is.
        public var content: String
        /// The name of the file of the image that was in force before.
        public var image: String

        public init(content: String, image: String) {
            self.content = content
            self.image = image
        }
    }

    /// The clients that are answered from the new image.
    public enum Part: Hashable, Sendable {
        /// None: what they would get is only counted.
        case dark
        /// This part of the client networks, in percent, from 1.
        case share(Int)
        /// Those in one of these areas.
        case places([Area])
    }

    public struct End: Hashable, Sendable {
        public var who: String
        /// In seconds since 1970.
        public var time: Int
        /// May be empty.
        public var reason: String
        /// Whether a coprocess aborted it, and no person.
        public var isAutomatic: Bool
        /// Where the configuration is that a commit has replaced; empty for nowhere.
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

    /// Makes the shares of this rollout independent of those of others.
    public var salt: UInt64 { identity(of: "rollout \(id)") }

    /// Who gets the new image, for people.
    public var partWords: String {
        switch part {
        case .dark: "dark: no client gets it"
        case .share(let percent): "\(percent)% of the client networks get it"
        case .places(let areas): "clients in \(areaWords(areas)) get it"
        }
    }
}

/// The file of the rollout: a line for each field.
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

    /// Reads what `text` wrote. A field that this version does not know is a reason not to trust the file.
    static func rollout(_ text: String) throws(StateFile.Untrusted) -> Rollout {
        var fields: [String: [String]] = [:]
        var down: [String] = []
        for line in try StateFile.lines(text, heading) {
            if line.count == 2, line[0] == "down" { down.append(line[1]) } else { fields[line[0]] = line }
        }
        func untrusted(_ name: String) -> StateFile.Untrusted {
            StateFile.Untrusted(description: "its field '\(name)' is missing or wrong")
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
        // The id is a part of the names of files.
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
    /// Aborts a rollout for a reason that no person has given.
    ///
    /// - Parameters:
    ///   - who: the process or the operator whose act is the reason.
    ///   - time: in seconds since 1970.
    /// - Returns: false if it does not run any more.
    package func abort(
        _ rollout: Rollout, because reason: String, by who: String, at time: Int
    ) throws(Failure) -> Bool {
        var isAborted = false
        try changeRollout { known in
            guard var ended = known, ended.id == rollout.id, ended.isRunning else { return nil }
            var reason = reason
            if ended.hasBegunCommit {
                do throws(Failure) {
                    // The file says which configuration: root replaces none that the state directory's owner could not.
                    let kept = try asOwner { () throws(Failure) in try ended.undoBegunCommit() }
                    reason += "; \(ended.undoneWords(kept: kept))"
                } catch {
                    reason += "; \(ended.begunWords), and the previous configuration cannot be restored: \(error)"
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

    /// The last step of a rollout that nothing has ended, by the history, for one whose files are gone or cannot be trusted; `nil` if the
    /// history has none.
    package func lostRollout() -> HistoryEntry? {
        guard let text = try? read(historyFile) else { return nil }
        // Mostly there is none, and the history may be long.
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

    /// The last step of the last rollout, by the history, for when there is no file of it; `nil` if the history has none.
    package func lastStep() -> HistoryEntry? {
        guard let text = try? read(historyFile) else { return nil }
        for line in text.split(separator: "\n").reversed() where line.contains("\trollout ") {
            if let entry = HistoryEntry(line: line), entry.action != .rolloutBack { return entry }
        }
        return nil
    }

    /// Ends a rollout whose files are gone or cannot be trusted: puts aside what is left of them, and adds its end to the history.
    ///
    /// - Parameters:
    ///   - who: ends it.
    ///   - time: in seconds since 1970.
    /// - Returns: the step of the history that was the last one, if that has one, and whether files were put aside; `nil` if there is a
    ///   file that can be trusted, or nothing to end.
    package func endLostRollout(
        by who: String, at time: Int, reason: String
    ) throws(Failure) -> (last: HistoryEntry?, isPutAside: Bool)? {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw Failure("write to", path) }
        defer { close(lock) }
        guard hold(lock, patience: 10_000) else { throw Failure("lock", path) }
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
        guard hold(lock, patience: 10_000) else { throw Failure("lock", path) }
        try record([entry])
    }

    /// The file of the rollout.
    public var rolloutFile: String { path + "/rollout" }

    /// The rollout that runs, or the last one; none if there never was any.
    public func rollout() throws(Failure) -> Found<Rollout> { try find(rolloutFile, RolloutFile.rollout) }

    /// Changes the rollout; no other command changes it or the switches meanwhile, and it lasts when this returns.
    ///
    /// A file that cannot be trusted, while its copy cannot either, counts as none: it is put aside when a rollout is written.
    ///
    /// - Parameter body: gets the rollout there is, and returns the one to write and what the history is to have of that; `nil` if
    ///   the files are to stay as they are. Without an entry the history stays as it is.
    /// - Returns: a complaint about what could not be trusted, or not be recorded. What cannot be written since a rollout is aborted ends that
    ///   all the same: see `makeRoom`.
    @discardableResult
    package func changeRollout(
        _ body: (Rollout?) -> (rollout: Rollout, entry: HistoryEntry?)?
    ) throws(Failure) -> String? {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw Failure("write to", path) }
        defer { close(lock) }
        guard hold(lock, patience: 10_000) else { throw Failure("lock", path) }
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
        // What was committed can be taken back, whatever is started after that.
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
            diagnostics.append("\(error); the rollout is changed all the same")
        }
        return diagnostics.isEmpty ? nil : diagnostics.joined(separator: "; ")
    }
}

// MARK: - An abort without room on the disk

extension StateDirectory {
    /// Ends a rollout of which the end cannot be written: removes its image and its files, and so all clients get the image in force.
    ///
    /// - Parameters:
    ///   - text: what is to be written, if what was removed has left the room for it.
    ///   - failure: why it could not be written.
    /// - Returns: what there is to say about it.
    /// - Throws: `failure`, if the files cannot be removed either.
    private func makeRoom(
        for text: String, of rollout: Rollout, _ failure: Failure
    ) throws(Failure) -> String {
        for store in ImageStore.all(in: self) { store.removeCandidate(of: rollout.id) }
        try removeRollout(failure)
        do throws(Failure) {
            try writeTwice(text, to: rolloutFile)
            return "\(failure); the files of the rollout \(rollout.id) were removed to make room, and are written again"
        } catch {
            // One of two is none that could be trusted later.
            try removeRollout(failure)
            return
                "\(failure); the files of the rollout \(rollout.id) are removed instead, which gives all clients the image in force; geopipe rollout abort writes that down once there is room"
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

    /// Removes what commands have left that were killed while they wrote. The switches must be locked: only who has locked them writes such
    /// files.
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
    /// The file of the last rollout that was committed of a configuration, while that of the rollout is of another one.
    private func commitFile(of images: String) -> String { "\(path)/committed-\(images.prefix { $0 != "." })" }

    /// The last rollout of a configuration that was committed and not taken back, whatever was started after it; `nil` if there is none.
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

    /// Writes down that a rollout was taken back that was committed, and adds that to the history.
    ///
    /// - Returns: a complaint about what could not be trusted, or not be recorded.
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
