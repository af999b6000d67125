import Logging
import State

/// Writes the switches in use again if their files have disappeared. Otherwise a coprocess that starts later would
/// answer without them, and commands could not end them.
struct SwitchRestorer {
    /// Why the files are still gone; `nil` if they are not.
    private(set) var diagnostic: String?
    private var isDue = false
    private var pause = Pause(5_000, isOver: true)

    /// Notes whether the files are gone, after reading them.
    mutating func noteFiles(areGone: Bool) {
        isDue = areGone
        if !areGone { diagnostic = nil }
    }

    /// Makes an attempt, if one is due.
    mutating func restore(_ switches: [Switch], in state: StateDirectory, _ log: Logger) {
        guard isDue, pause.takeTurn() else { return }
        do throws(StateDirectory.Failure) {
            if try state.restore(switches) {
                log.warning("the switch files have disappeared; wrote the switches in use again")
            }
            noteFiles(areGone: false)
        } catch {
            if diagnostic == nil {
                log.error("the switch files have disappeared, and new coprocesses have no switches: \(error)")
            }
            diagnostic = "the switch files have disappeared, and this coprocess cannot write them again: \(error)"
        }
    }
}
