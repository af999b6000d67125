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
        (switches, health) = (SwitchFollower(), HealthFollower())
        rollouts.read(state, printError)
        compiler = CompilerRunner(compiler.request, state: state)
        compiler.readReport()
        images.name = compiler.store?.currentName
        // The image moves too, for coprocesses that start there.
        if let store = compiler.store, images.name == nil {
            store.restore(snapshot)
            images.name = store.currentName
        }
        if let state {
            switches.read(state, log)
            health.read(state, log)
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
            if changes.contains(state.switchFile) { switches.read(state, log) }
            switches.restoreFiles(in: state, log)
            if changes.contains(state.healthFile) { health.read(state, log) }
            isRolloutNew = changes.contains(state.rolloutFile)
            if isRolloutNew { rollouts.read(state, printError) }
        }
        let isRolloutMended = rollouts.retry(state, rolloutStore, at: milliseconds(), printError)
        return switches.isOutdated(at: now) || health.isOutdated(for: snapshot, at: now) || isRolloutNew
            || isRolloutMended || rollouts.hasOtherLimits(health.report, at: now)
    }

    mutating func served() -> Serving? {
        let now = time(nil)
        let serving = snapshot.map { snapshot in
            let candidate = rollouts.candidate(
                for: snapshot, rolloutStore, switches: switches.all, health: health.report, at: now, printError)
            return Serving(snapshot, switches: switches.all, health: health.report, at: now, candidate: candidate)
        }
        switches.note(serving, at: now)
        health.note(serving, at: now)
        return serving
    }
}
