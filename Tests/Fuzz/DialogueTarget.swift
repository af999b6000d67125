import Answering
import Geography

@testable import PipeProtocol
@testable import State

/// The sources of answers: nothing, an image, one with switches and health, and the two sides of a rollout.
private func makeServings() -> [Serving?] {
    let (old, new) = (Sample.snapshot(), Sample.snapshot(norway: "ashburn"))
    let areas = [Area("continent:EU")!]
    let switches = [
        Switch(datacenter: "oslo", service: nil, share: 50, until: nil, user: "", since: 0, reason: ""),
        Switch(
            .drain, datacenter: "tokyo", service: nil, areas: areas, share: 100, until: nil, user: "", since: 0,
            reason: ""),
    ]
    let states = old.healthTargets.enumerated().map { number, target in
        (target.identity, HealthReport.State(isUp: number != 0, since: 0, reportedAt: 1_000, reason: "", weight: 50))
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
    return [
        nil, Serving(old, switches: [], at: 1_000), Serving(old, switches: switches, health: health, at: 1_000),
        rolledOut(.dark), rolledOut(.share(50)), rolledOut(.places(areas)),
    ]
}

/// The first byte selects the source of answers and the start of the dialogue, the rest comes from pdns. In some
/// inputs, two bytes after a zero are a repeated byte, so that lines can be longer than the input.
final class DialogueTarget: FuzzTarget {
    private let conversation = Conversation()
    private let servings = makeServings()

    func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let version = first & 7
        var lines = Array((1...5 ~= version ? "HELO\t\(version)\n" : "").utf8)
        var rest = input.dropFirst()
        while input.isChosen(oneIn: 16), let zero = rest.firstIndex(of: 0), rest.endIndex - zero > 2,
            lines.count < 1 << 17
        {
            lines += rest[..<zero]
            lines += repeatElement(rest[zero + 1], count: Int(rest[zero + 2]) * 300)
            rest = rest[(zero + 3)...]
        }
        lines += rest
        conversation.hold(
            lines[...], with: servings[Int(first >> 3) % servings.count], isReadAtOnce: input.isChosen(oneIn: 8))
    }
}

/// The first byte selects the source of answers and the protocol version, the rest is one line of pdns after the
/// greeting.
final class LineTarget: FuzzTarget {
    private let conversation = Conversation()
    private let servings = makeServings()

    func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let version = ABIVersion(Int(first & 7) % 5 + 1)
        conversation.hold(
            input.dropFirst(), with: servings[Int(first >> 3) % servings.count], version: version,
            isReadAtOnce: false)
    }
}
