/// Commits that can be taken back.
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

    func keepCommit(_ rollout: Rollout) throws(Failure) {
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
