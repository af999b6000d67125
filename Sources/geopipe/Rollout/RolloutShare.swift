import ArgumentParser
import Configuration
import Geography
import State

struct RolloutShare: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "share", abstract: "Give NEW to a part of the client networks, always the same ones.",
        discussion: "Networks are /24 of IPv4 and /56 of IPv6. Those in a share are in every larger share as well.")

    @Argument(help: ArgumentHelp("1% to 100%.", valueName: "percent"))
    var share: Percentage

    @OptionGroup var attribution: RolloutAttribution
    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        try desk.give(attribution) { rollout, outcome throws(Refusal) in
            if case .share(let before) = rollout.part, before > share.value {
                outcome.lines.append("\(before - share.value)% of the client networks go back to the old side")
            }
            rollout.part = .share(share.value)
            outcome.lines.append(rollout.partWords)
            return desk.entry(.rolloutShare, rollout.id, share: share.value, reason: attribution.reason)
        }
    }
}

struct RolloutPlaces: RolloutStep {
    static let configuration = CommandConfiguration(
        commandName: "places", abstract: "Give NEW to all clients in some places, instead of a share.")

    @Argument(help: "NO,US-CA,continent:EU or regions of the configuration.")
    var places: String

    @OptionGroup var attribution: RolloutAttribution
    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func perform(_ desk: RolloutContext) throws(Refusal) -> RolloutOutcome {
        try desk.give(attribution) { rollout, outcome throws(Refusal) in
            rollout.part = .places(try areas(desk, rollout))
            outcome.lines.append(rollout.partWords)
            guard case .places(let areas) = rollout.part else { return desk.entry(.rolloutPlaces, rollout.id) }
            return desk.entry(.rolloutPlaces, rollout.id, areas: areas, reason: attribution.reason)
        }
    }

    private func areas(_ desk: RolloutContext, _ rollout: Rollout) throws(Refusal) -> [Area] {
        let regions = (try? options.configuration())?.regions ?? [:]
        let new = try? desk.newSnapshot(rollout)
        do throws(UnknownArea) {
            return try Configuration.areas(named: places, regions: regions, known: new?.areas)
        } catch {
            throw Refusal(message: "\(error)", code: .wrong)
        }
    }
}
