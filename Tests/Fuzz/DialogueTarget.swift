import Answering
import Geography

@testable import State

/// The first byte says what answers and how the dialogue begins, the rest is what pdns sends.
final class DialogueTarget: FuzzTarget {
    private let conversation = Conversation()
    private let servings: [Serving?]

    init() {
        let (old, new) = (Sample.snapshot(), Sample.snapshot(norway: "ashburn"))
        let areas = [Area("continent:EU")!]
        let switches = [
            Switch(datacenter: "oslo", service: nil, share: 50, until: nil, who: "", since: 0, reason: ""),
            Switch(
                .drain, datacenter: "tokyo", service: nil, areas: areas, share: 100, until: nil, who: "", since: 0,
                reason: ""),
        ]
        let states = old.healthTargets.enumerated().map { number, target in
            (target.identity, HealthReport.State(isUp: number != 0, since: 0, told: 1_000, reason: "", weight: 50))
        }
        let health = HealthReport(
            time: 1_000, process: 1, states: Dictionary(states, uniquingKeysWith: { first, _ in first }))
        let differences = RolloutDifferences(from: old, to: new)
        func rolledOut(_ part: Rollout.Part) -> Serving {
            Serving(
                old, switches: switches, health: health, at: 1_000,
                candidate: Candidate(
                    Sample.rollout(part), Serving(new, switches: switches, health: health, at: 1_000), differences,
                    RolloutCounts(differences), RolloutStability(differences)))
        }
        servings = [
            nil, Serving(old, switches: [], at: 1_000), Serving(old, switches: switches, health: health, at: 1_000),
            rolledOut(.dark), rolledOut(.share(50)), rolledOut(.places(areas)),
        ]
    }

    func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let version = first & 7
        let greeting = 1...5 ~= version ? "HELO\t\(version)\n" : ""
        conversation.hold(Array(greeting.utf8) + input.dropFirst(), with: servings[Int(first >> 3) % servings.count])
    }
}
