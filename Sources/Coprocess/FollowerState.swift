import Answering
import Glibc
import Logging
import Platform
import State

/// Following the state directory: switches, health and the rollout.
extension Follower {
    /// Moves to the state directory of a new configuration. Switches and health of the old one do not apply there.
    mutating func moveState() {
        guard compiler.request.stateDirectory == nil, !compiler.isRunning, let snapshot,
            !isState(snapshot.manifest.stateDirectory)
        else { return }
        let path = snapshot.manifest.stateDirectory
        state = path.isEmpty ? nil : StateDirectory(path: path)
        (switches, switchIdentity, health) = ([], nil, nil)
        switchRestorer = SwitchRestorer()
        rollouts.read(state, printError)
        compiler = CompilerRunner(compiler.request, state: state)
        compiler.readReport()
        imageName = compiler.store?.currentName
        // The image moves too, for coprocesses that start there.
        if let store = compiler.store, imageName == nil {
            store.restore(snapshot)
            imageName = store.currentName
        }
        if let state {
            readSwitches(state)
            readHealth(state)
        }
        stateFiles.watch(statePaths, readSince: time(nil))
        watchFiles()
    }

    /// Whether a path leads to the state directory, even by another name. An empty path stands for no state
    /// directory.
    func isState(_ path: String) -> Bool {
        guard let state, !path.isEmpty else { return state == nil && path.isEmpty }
        if path == absolutePath(state.path) { return true }
        var (own, other) = (stat(), stat())
        return stat(state.path, &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev
            && own.st_ino == other.st_ino
    }

    /// - Returns: whether the serving in use is out of date.
    mutating func followState() -> Bool {
        let now = time(nil)
        var isRolloutNew = false
        if let state {
            let changes = stateFiles.changes()
            if changes.contains(state.switchFile) { readSwitches(state) }
            switchRestorer.restore(switches, in: state, at: milliseconds(), log)
            if changes.contains(state.healthFile) { readHealth(state) }
            isRolloutNew = changes.contains(state.rolloutFile)
            if isRolloutNew { rollouts.read(state, printError) }
        }
        let isRolloutMended = rollouts.retry(state, rolloutStore, at: milliseconds(), printError)
        // Compared each time: an ended switch is in force again if the clock is set back.
        let nowInForce = switches.filter { $0.isInForce(at: now) }
        let nowDown = Set(health?.down(at: now).keys ?? [:].keys)
        return nowInForce != inForce || nowDown != down || isRolloutNew || isRolloutMended
            || rollouts.hasOtherLimits(health, at: now)
            || snapshot.map { $0.weightsAndShares(health, at: now) != weightsAndShares } ?? false
    }

    mutating func served() -> Serving? {
        let now = time(nil)
        inForce = switches.filter { $0.isInForce(at: now) }
        down = Set(health?.down(at: now).keys ?? [:].keys)
        let serving = snapshot.map { snapshot in
            let candidate = rollouts.candidate(
                for: snapshot, rolloutStore, switches: switches, health: health, at: now, printError)
            return Serving(snapshot, switches: switches, health: health, at: now, candidate: candidate)
        }
        unknownAreas = serving?.unknownAreas ?? []
        weightsAndShares = serving?.weightsAndShares ?? WeightsAndShares()
        return serving
    }

    /// Reads the switches. A corrupt file changes nothing.
    mutating func readSwitches(_ state: StateDirectory) {
        do throws(StateDirectory.Failure) {
            let found = try state.switches()
            if let diagnostic = found.diagnostic { log.warning("\(diagnostic)") }
            // A missing file ends no switch: commands that end a switch write the file.
            switchRestorer.noteFiles(areGone: found.value == nil && !switches.isEmpty)
            if let value = found.value {
                (switches, switchIdentity) = (value, found.identity)
                log.debug("read the switches", metadata: ["count": .stringConvertible(value.count)])
            }
        } catch {
            log.error("\(error); the switches stay as they are")
        }
    }

    /// Reads the health. A corrupt file changes nothing, and targets that the report lacks keep their state.
    mutating func readHealth(_ state: StateDirectory) {
        do throws(StateDirectory.Failure) {
            let found = try state.health()
            if let diagnostic = found.diagnostic { log.warning("\(diagnostic)") }
            guard var newer = found.value else { return }
            if let known = health { newer.complete(from: known) }
            health = newer
            log.debug(
                "read the health",
                metadata: [
                    "targets": .stringConvertible(newer.states.count),
                    "age_s": .stringConvertible(time(nil) - newer.time),
                ])
        } catch {
            log.error("\(error); the health of all addresses stays as it is")
        }
    }
}
