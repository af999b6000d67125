import ArgumentParser
import Glibc
import Inspection
import Platform
import State

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show who drained, undrained and forced what, when and why.",
        discussion:
            "The oldest first. What was switched for a time is shown again when it has ended by itself. About 10,000 changes are kept."
    )

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        do throws(Refusal) {
            for line in try lines() { print(line) }
        } catch {
            complain(error.message)
            throw error.code
        }
    }

    /// What there is to show.
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
            complain("\(history.unreadable) lines of the history are torn, and left out")
        }
        return history.entries.isEmpty ? ["nothing was ever switched"] : history.entries.map(\.words)
    }
}

extension HistoryEntry {
    /// For people.
    fileprivate var words: String {
        var text = "\(dateAndTime(time))  \(who)  "
        switch action {
        case .drainEnded: text += "the drain of \(extent) ended by itself"
        case .forceEnded: text += "the force of \(extent) ended by itself"
        case .drain: text += "drained \(extent)"
        case .undrain: text += "undrained \(extent)"
        case .forceUp: text += "forced up \(extent)"
        case .forceAuto: text += "went by the checks again for \(extent)"
        case .rolloutStart: text += "started the rollout \(datacenter)"
        case .rolloutShare: text += "gave \(share)% of the client networks the rollout \(datacenter)"
        case .rolloutPlaces: text += "gave \(areaWords(areas)) the rollout \(datacenter)"
        case .rolloutCommit: text += "committed the rollout \(datacenter)"
        case .rolloutAbort: text += "aborted the rollout \(datacenter)"
        case .planWaived: text += "waived items of the plan \(datacenter)"
        case .rolloutBack: text += "went back to the image \(datacenter)"
        }
        if let until { text += ", until \(dateAndTime(until))" }
        if !overridden.isEmpty { text += ", overriding \(overridden.joined(separator: " and "))" }
        return reason.isEmpty ? text : "\(text): \(reason)"
    }
}
