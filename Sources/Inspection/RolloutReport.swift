import Answering
import Platform
import State

/// The state of a rollout and its counts.
public struct RolloutReport: Sendable {
    public var rollout: Rollout
    /// The sum of the counts of all running coprocesses.
    public var tally = RolloutTotals()
    /// The number of coprocesses that follow it, and of all that could.
    public var followers = 0
    public var coprocesses = 0
    /// The input files of the new image that have changed since it was compiled.
    public var changedFiles: [String] = []
    /// Why its image cannot be read; `nil` if it can.
    public var diagnostic: String?
    /// Whether a commit has replaced the configuration but did not finish.
    public var hasBegunCommit = false

    /// - Parameters:
    ///   - identity: the identity of the rollout's text.
    ///   - store: the store of its image.
    ///   - coprocesses: the coprocesses of its configuration. Those that cannot follow it are ignored.
    public init(
        _ rollout: Rollout, identity: String?, _ store: ImageStore, _ coprocesses: [CoprocessStatus]
    ) {
        self.rollout = rollout
        let coprocesses = coprocesses.filter { $0.follows(store) }
        self.coprocesses = coprocesses.count
        followers = coprocesses.count { identity != nil && $0.rollout == identity }
        // A commit that is still running holds the lock.
        hasBegunCommit = rollout.hasBegunCommit && !store.state.isBeingChanged
        guard rollout.isRunning else { return }
        tally = coprocesses.compactMap(\.rolloutTally).reduce(into: RolloutTotals(), +=)
        guard rollout.images == store.name else {
            diagnostic = "its image has another format than this program's"
            return
        }
        do {
            let summary = try store.candidateSummary(of: rollout.id)
            if rollout.isConfiguration {
                changedFiles = FileState.certainlyChanged(summary.manifest.inputs.map { ($0.path, $0.state) })
            }
        } catch {
            diagnostic = "\(error)"
        }
    }

    /// The problem of a running rollout, in words; `nil` if there is none.
    public var trouble: String? {
        diagnostic.map {
            followers > 0
                ? "its image cannot be used any more: \($0); coprocesses that have it keep using it, and those that start answer from the image in force"
                : "it is not in force, and all clients get the image in force: \($0)"
        }
    }

    /// The problem of a commit that was killed, and a hint; `nil` if there is none.
    public var begunWords: (message: String, hint: String)? {
        guard hasBegunCommit else { return nil }
        return (
            rollout.begunWords,
            rollout.isRunning
                ? "geopipe rollout commit continues, and geopipe rollout abort restores the old configuration"
                : "geopipe rollout abort restores the old configuration"
        )
    }

    /// `running`, `committed`, `aborted` or `back`.
    public var state: String { rollout.progress.rawValue }

    /// The part of the client networks that gets the new image, in percent; absent for a rollout by places.
    private var share: Int? {
        guard rollout.isRunning else { return rollout.progress == .committed ? 100 : 0 }
        return switch rollout.part {
        case .dark: 0
        case .share(let percent): percent
        case .places: nil
        }
    }

    /// The report as JSON.
    public var json: JSON {
        func side(_ side: RolloutTotals.Side) -> JSON {
            .object(["answered": .integer(side.answered), "refused": .integer(side.refused)])
        }
        var mode = "dark"
        var places: [JSON] = []
        switch rollout.part {
        case .dark: break
        case .share: mode = "share"
        case .places(let areas): (mode, places) = ("places", areas.map { .text($0.description) })
        }
        return .object([
            "state": .text(state), "id": .text(rollout.id), "mode": .text(mode),
            "share": share.map(JSON.integer) ?? .null,
            "places": .list(places), "owner": .text(rollout.owner), "since": .integer(rollout.since),
            "reason": .text(rollout.reason), "plan": rollout.plan.isEmpty ? nil : .text(rollout.plan),
            "old": .text(rollout.old), "new": .text(rollout.new), "source": .text(rollout.source),
            "compared": .integer(tally.compared), "differing": .integer(tally.differing),
            "answers": .object(["old": side(tally.old), "new": side(tally.new)]),
            "byCountry": .list(
                sortedCountries.map {
                    .object(["country": $0.0.isEmpty ? .null : .text($0.0), "differing": .integer($0.1)])
                }),
            "byDatacenter": .list(
                sortedMoves.map { move, count in
                    .object([
                        "from": move.from.map(JSON.text) ?? .null, "to": move.to.map(JSON.text) ?? .null,
                        "differing": .integer(count),
                    ])
                }),
            "followers": .integer(followers), "coprocesses": .integer(coprocesses),
            "changedFiles": .list(changedFiles.map(JSON.text)), "diagnostic": diagnostic.map(JSON.text),
            "complaint": diagnostic.map(JSON.text),
            "hasBegunCommit": hasBegunCommit ? .boolean(true) : nil,
            "end": rollout.end.map {
                .object([
                    "by": .text($0.user), "who": .text($0.user), "time": .integer($0.time), "reason": .text($0.reason),
                    "isAutomatic": .boolean($0.isAutomatic),
                    "backup": $0.backup.isEmpty ? nil : .text($0.backup),
                ])
            },
        ])
    }

    private var sortedCountries: [(String, Int)] {
        tally.countries.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
            .map { ($0.key, $0.value) }
    }

    private var sortedMoves: [(RolloutTotals.Move, Int)] {
        tally.moves.sorted { one, two in
            one.value != two.value
                ? one.value > two.value
                : (one.key.from ?? "", one.key.to ?? "") < (two.key.from ?? "", two.key.to ?? "")
        }.map { ($0.key, $0.value) }
    }

    /// The maximum number of countries and moves in `lines`.
    private static let shown = 10

    /// The report as text.
    public var lines: [String] {
        var lines = [rollout.headline]
        if let begunWords { lines.append("\(begunWords.message): \(begunWords.hint)") }
        guard rollout.isRunning else { return lines }
        if !rollout.reason.isEmpty { lines.append("reason: \(rollout.reason)") }
        lines.append("old: \(rollout.old) at the start; the image in force answers")
        lines.append("new: \(rollout.new), of \(rollout.source)")
        if let trouble { lines.append(trouble) }
        lines += changedFiles.prefix(5).map { "\($0) has changed since; the new image does not follow that" }
        lines.append("\(followers) of \(coprocesses) coprocesses follow")
        let part = tally.compared == 0 ? "" : " (\(percent(tally.differing, of: tally.compared))%)"
        lines.append("questions of clients compared: \(tally.compared), differing: \(tally.differing)\(part)")
        for (name, side) in [("old", tally.old), ("new", tally.new)] where side.answered + side.refused > 0 {
            lines.append("answered by the \(name) side: \(side.answered), refused: \(side.refused)")
        }
        if !tally.countries.isEmpty {
            let rest = sortedCountries.count - Self.shown
            let words = sortedCountries.prefix(Self.shown).map { "\($0.0.isEmpty ? "unknown" : $0.0) \($0.1)" }
            lines.append(
                "by country: " + words.joined(separator: ", ") + (rest > 0 ? " and \(rest) more countries" : ""))
        }
        lines += sortedMoves.prefix(Self.shown).map { move, count in
            move.from == nil && move.to == nil
                ? "  names that differ: \(count)"
                : "  \(move.from ?? "no answer") -> \(move.to ?? "no answer"): \(count)"
        }
        return lines
    }
}

extension Rollout {
    /// The rollout in one line of text.
    public var headline: String {
        guard !isRunning else { return "\(id) by \(owner) since \(dateAndTime(since)): \(partWords)" }
        let end = end.map { end in
            " \(dateAndTime(end.time)) by \(end.user)" + (end.reason.isEmpty ? "" : ": \(end.reason)")
        }
        let deed = progress == .back ? "committed, and taken back" : progress.rawValue
        return "\(id) \(deed)" + (end ?? "")
    }
}

/// Returns a part in percent, with one decimal.
private func percent(_ part: Int, of whole: Int) -> String {
    let tenths = (part * 1_000 + whole / 2) / whole
    return "\(tenths / 10).\(tenths % 10)"
}
