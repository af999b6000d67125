import Glibc

extension StateDirectory {
    /// Aborts a rollout automatically.
    ///
    /// - Parameters:
    ///   - user: the process, or the operator whose command caused the abort.
    ///   - time: in seconds since 1970.
    /// - Returns: false if the rollout no longer runs.
    package func abort(
        _ rollout: Rollout, because reason: String, by user: String, at time: Int
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
            ended.end = Rollout.End(user: user, time: time, reason: reason, isAutomatic: true)
            isAborted = true
            return (
                ended, HistoryEntry(time: time, user: user, .rolloutAbort, datacenter: rollout.id, reason: reason)
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
    ///   - user: the operator who ends it.
    ///   - time: in seconds since 1970.
    /// - Returns: the last step in the history, if there is one, and whether files were renamed; `nil` if there is a
    ///   valid file, or nothing to end.
    package func endLostRollout(
        by user: String, at time: Int, reason: String
    ) throws(Failure) -> (last: HistoryEntry?, isPutAside: Bool)? {
        try make()
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw cannotWrite() }
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
            try record([
                HistoryEntry(time: time, user: user, .rolloutAbort, datacenter: last.datacenter, reason: reason)
            ])
        }
        return (last, isPutAside)
    }

    /// Adds an entry to the history.
    package func note(_ entry: HistoryEntry) throws(Failure) {
        let lock = openLock("switches.lock")
        guard lock >= 0 else { throw cannotWrite() }
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
        guard lock >= 0 else { throw cannotWrite() }
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
