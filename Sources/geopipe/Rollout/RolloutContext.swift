import Geography
import Glibc
import Image
import Inspection
import Platform
import State

/// The configuration whose rollouts are changed, and the operator.
struct RolloutContext {
    let options: ConfigurationOptions
    let state: StateDirectory
    let store: ImageStore
    let user = operatorName()
    /// Seconds since 1970.
    let now = time(nil)

    init(_ options: ConfigurationOptions) throws(Refusal) {
        self.options = options
        state = try options.requiredState()
        store = ImageStore(of: options.file, overrides: options.databases, in: state)
    }

    /// Keeps coprocesses from compiling files while a step replaces them.
    ///
    /// - Returns: a descriptor; the lock is held until the caller closes it.
    func lockCompiling() throws(Refusal) -> CInt {
        let lock = store.lock(timeout: 130_000)
        guard lock >= 0 else {
            throw Refusal(
                message:
                    "another process holds the lock on \(store.folder); find it with fuser -v \(store.folder)/lock, wait for it or end it, and try again",
                code: .unusable)
        }
        return lock
    }

    /// Returns the rollout that runs in the state directory, or the last one, of any configuration; `nil` if there was
    /// none.
    func found() throws(Refusal) -> StateDirectory.Found<Rollout> {
        do throws(StateDirectory.Failure) {
            return try state.rollout()
        } catch {
            throw Refusal(
                message:
                    "\(error); all clients get the image in force; geopipe rollout abort renames the file, and geopipe rollout start starts a new rollout",
                code: .unusable)
        }
    }

    /// Returns the report of this configuration's rollout; `nil` if there never was one.
    func report() throws(Refusal) -> RolloutReport? {
        let found = try found()
        guard let rollout = found.value, isOwn(rollout) else { return nil }
        return RolloutReport(rollout, identity: found.identity, store, state.coprocesses(of: options.file))
    }

    /// Returns the report of this configuration's rollout for programs, or the one of another configuration.
    func json() throws(Refusal) -> JSON {
        if let report = try report() { return report.json }
        let other = try found().value
        return .object([
            "state": .text("none"), "other": other?.otherJSON,
            "lost": other == nil ? state.lostRollout().map { .text($0.datacenter) } : nil,
        ])
    }

    /// Returns whether a rollout is of this configuration.
    ///
    /// Compares the path as written, not its target: a user who may write the rollout's file, but not the
    /// configuration's folder, could change a link.
    func isOwn(_ rollout: Rollout) -> Bool {
        ImageStore.isSame(rollout.images, store.name) && rollout.configuration == absolutePath(options.file)
    }

    /// Says whose rollout it is, for one of another configuration.
    func otherWords(_ rollout: Rollout) -> String {
        "the rollout \(rollout.id) of \(rollout.owner) is of \(subjectWords(rollout))"
    }

    /// Names the configuration of a rollout of another configuration.
    func subjectWords(_ rollout: Rollout) -> String {
        let isSamePath = rollout.configuration == absolutePath(options.file)
        let subject =
            isSamePath ? "the same configuration with other databases (--database)" : rollout.configuration
        return "\(subject), and not of \(options.file)"
    }

    /// Says how to continue a rollout of another configuration.
    func wayToOther(_ rollout: Rollout) -> String {
        rollout.configuration == absolutePath(options.file)
            ? "name its databases, too" : "add --config \(rollout.configuration)"
    }

    static let nothingRuns = Refusal(message: "no rollout runs; geopipe rollout start NEW starts one", code: .wrong)

    static func unusable(_ reason: Image.Refusal) -> Refusal {
        Refusal(
            message:
                "the new image cannot be used: \(reason); geopipe rollout abort gives all clients the image in force, then start again",
            code: .unusable)
    }

    /// Changes the running rollout.
    ///
    /// - Parameters:
    ///   - takesOver: whether the operator becomes the owner.
    ///   - needsOwner: whether only the owner may do it.
    ///   - body: changes it, and returns the entry for the history; `nil` for none.
    func change(
        takesOver: Bool = false, needsOwner: Bool = true,
        _ body: (inout Rollout, inout RolloutOutcome) throws(Refusal) -> HistoryEntry?
    ) throws(Refusal) -> RolloutOutcome {
        FileSwap.removeLeftovers(beside: realPath(options.file))
        var outcome = RolloutOutcome()
        var refusal: Refusal?
        let notes = try write { known in
            guard var rollout = known, rollout.isRunning else {
                refusal = Self.nothingRuns
                return nil
            }
            guard isOwn(rollout) else {
                refusal = Refusal(message: "\(otherWords(rollout)); \(wayToOther(rollout))", code: .wrong)
                return nil
            }
            if needsOwner, rollout.owner != user {
                guard takesOver else {
                    refusal = Refusal(
                        message:
                            "the rollout \(rollout.id) is \(rollout.owner)'s; add --take-over to become its owner, or run geopipe rollout abort",
                        code: .wrong)
                    return nil
                }
                outcome.lines.append("the rollout was \(rollout.owner)'s, and is yours now")
                rollout.owner = user
            }
            do throws(Refusal) {
                let entry = try body(&rollout, &outcome)
                return (rollout, entry)
            } catch {
                refusal = error
                return nil
            }
        }
        if let refusal { throw refusal }
        outcome.notes += notes
        return outcome
    }

    /// Changes which clients get NEW, and waits until all coprocesses follow.
    ///
    /// - Parameter body: as for `change`.
    func give(
        _ attribution: RolloutAttribution,
        _ body: (inout Rollout, inout RolloutOutcome) throws(Refusal) -> HistoryEntry
    ) throws(Refusal) -> RolloutOutcome {
        var outcome = try change(takesOver: attribution.takeOver) { rollout, outcome throws(Refusal) in
            try checkSafety(rollout, isSummed: true)
            return try body(&rollout, &outcome)
        }
        outcome.followers = wait()
        outcome.isWrong = outcome.followers?.areAll != true
        return outcome
    }

    /// Writes the rollout that `body` returns.
    ///
    /// - Returns: additional problems.
    func write(_ body: (Rollout?) -> (rollout: Rollout, entry: HistoryEntry?)?) throws(Refusal) -> [String] {
        do throws(StateDirectory.Failure) {
            return try state.changeRollout(body).map { [$0] } ?? []
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }

    /// Waits until all coprocesses follow.
    ///
    /// - Parameter timeout: the maximum wait, in milliseconds.
    func wait(timeout: Int = 2_000) -> Followers {
        // Without a file, coprocesses follow none.
        let none = "none"
        return Followers.wait(
            for: options.file, state, timeout: timeout,
            identity: {
                guard let found = try? state.rollout() else { return nil }
                return found.identity ?? none
            }, followed: { $0.rollout ?? none }, mayFollow: { $0.follows(store) })
    }

    /// Waits until all coprocesses answer from the image in force, and follow the rollout's file.
    ///
    /// - Parameter timeout: the maximum wait, in milliseconds.
    func waitForImage(timeout: Int) -> Followers {
        func identity(_ image: String?, _ rollout: String?) -> String { "\(image ?? "") \(rollout ?? "")" }
        return Followers.wait(
            for: options.file, state, timeout: timeout,
            identity: {
                store.currentName.map { identity(ImageStore.id(in: $0), (try? state.rollout())?.identity) }
            },
            followed: { identity($0.image, $0.rollout) }, mayFollow: { $0.follows(store) })
    }

    func entry(
        _ action: HistoryEntry.Action, _ rollout: String, share: Int = 100, areas: [Area] = [], reason: String = ""
    )
        -> HistoryEntry
    {
        HistoryEntry(time: now, user: user, action, datacenter: rollout, areas: areas, share: share, reason: reason)
    }
}
