import ArgumentParser
import Inspection
import Platform

struct RolloutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout",
        abstract: "Roll out a configuration or an image to a part of the clients, then to all, or roll it back.",
        discussion: """
            One rollout runs at a time, and the operator who started it owns it. Others may abort it; to continue it they add \
            --take-over. Until the commit, the image in force decides which names exist.
            """,
        subcommands: [
            RolloutStart.self, RolloutShare.self, RolloutPlaces.self, RolloutCommit.self, RolloutAbort.self,
            RolloutBack.self, RolloutStatus.self,
        ],
        defaultSubcommand: RolloutStatus.self)
}

/// A step of a rollout.
protocol RolloutStep: ParsableCommand {
    var output: SwitchOutput { get }
    var options: ConfigurationOptions { get }

    /// Carries the step out.
    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome
}

extension RolloutStep {
    func run() throws {
        do throws(Refusal) {
            let desk = try RolloutContext(options)
            let outcome = try perform(desk)
            for note in outcome.notes { printError(visible(note)) }
            if output.json {
                print(try desk.json().pretty)
            } else {
                for line in outcome.lines + (outcome.followers.map { [$0.words] } ?? []) { print(visible(line)) }
            }
            guard outcome.isWrong else { return }
        } catch {
            for line in error.notes + [error.message] { printError(visible(line)) }
            if output.json { print(refused(error).pretty) }
            throw error.code
        }
        throw ExitCode.wrong
    }

    /// Returns the reason why nothing was changed, with the current state.
    private func refused(_ refusal: Refusal) -> JSON {
        var state = "unknown"
        if let desk = try? RolloutContext(options), let found = try? desk.found() {
            state = found.value.flatMap { desk.isOwn($0) ? $0.progress.rawValue : nil } ?? "none"
        }
        return .object([
            "state": .text(state), "error": .text(refusal.message),
            "notes": refusal.notes.isEmpty ? nil : .list(refusal.notes.map(JSON.text)),
        ])
    }
}

/// The operator of a step, and the reason.
struct RolloutAttribution: ParsableArguments {
    @Option(help: ArgumentHelp("The reason, shown by history.", valueName: "text"))
    var reason = ""

    @Flag(help: "Become the owner of another operator's rollout.")
    var takeOver = false
}

/// The outcome of a step.
struct RolloutOutcome {
    /// For standard output.
    var lines: [String] = []
    /// Additional problems, for standard error.
    var notes: [String] = []
    var followers: Followers?
    var isWrong = false
}
