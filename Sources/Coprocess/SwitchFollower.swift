import Answering
import Geography
import Logging
import State

/// Follows the switches of the state directory.
struct SwitchFollower {
    /// All switches, in force or not.
    private(set) var all: [Switch] = []
    /// The identity of the text that `all` was read from; `nil` if there is no file.
    private(set) var identity: String?
    /// The switches of the serving in use.
    private var applied: [Switch] = []
    /// Areas of switches in which the image has no clients.
    private var unknownAreas: [Area] = []
    private var restorer = SwitchRestorer()

    /// Which switches have no effect, and what is wrong with their files.
    var diagnostics: [String] {
        (restorer.diagnostic.map { [$0] } ?? [])
            + (unknownAreas.isEmpty
                ? [] : ["a drain has no effect in \(areaWords(unknownAreas)): the image has no clients there"])
    }

    /// Whether other switches are in force than those of the serving in use. An ended switch is in force again if the clock is set back.
    ///
    /// - Parameter now: the time in seconds since 1970.
    func isOutdated(at now: Int) -> Bool { all.filter { $0.isInForce(at: now) } != applied }

    /// Notes the serving in use, which was made at the time `now`.
    mutating func note(_ serving: Serving?, at now: Int) {
        applied = all.filter { $0.isInForce(at: now) }
        unknownAreas = serving?.unknownAreas ?? []
    }

    /// Reads the switches. A corrupt file changes nothing.
    mutating func read(_ state: StateDirectory, _ log: Logger) {
        do throws(StateDirectory.Failure) {
            let found = try state.switches()
            if let diagnostic = found.diagnostic { log.warning("\(diagnostic)") }
            // A missing file ends no switch: commands that end a switch write the file.
            restorer.noteFiles(areGone: found.value == nil && !all.isEmpty)
            if let value = found.value {
                (all, identity) = (value, found.identity)
                log.debug("read the switches", metadata: ["count": .stringConvertible(value.count)])
            }
        } catch {
            log.error("\(error); the switches stay as they are")
        }
    }

    /// Writes the switches again if their files have disappeared, and an attempt is due.
    mutating func restoreFiles(in state: StateDirectory, _ log: Logger) {
        restorer.restore(all, in: state, log)
    }
}
