import ArgumentParser
import Glibc
import Inspection
import Platform
import State

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show who drained, undrained and forced what, when and why.",
        discussion:
            "Prints the oldest first. A switch with a time limit has a second entry when it ends by itself. About 10,000 changes are kept."
    )

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func run() throws {
        do throws(Refusal) {
            for line in try lines() { print(line) }
        } catch {
            printError(error.message)
            throw error.code
        }
    }

    /// Returns the lines to print.
    func lines() throws(Refusal) -> [String] {
        let state = try options.requiredState()
        var history: (entries: [HistoryEntry], unreadable: Int)
        do throws(StateDirectory.Failure) {
            history = try state.history()
            history.entries = history.entries.withEnds(until: time(nil))
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
        if json {
            return JSON.object([
                "history": .list(history.entries.map(\.json)), "unreadable": .integer(history.unreadable),
            ]).lines
        }
        if history.unreadable > 0 {
            let lines = history.unreadable == 1 ? "line of the history is" : "lines of the history are"
            printError("\(history.unreadable) \(lines) corrupt, and left out")
        }
        return history.entries.isEmpty ? ["no switch was ever changed"] : history.entries.map(\.words)
    }
}

extension HistoryEntry {
    fileprivate var words: String { "\(dateAndTime(time))  \(user)  \(deed)" }
}
