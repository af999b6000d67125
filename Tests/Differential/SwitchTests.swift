import Foundation
import Support
import Testing

/// Compares the effects of drains, forces, health and spreading with the evaluator, for random ones.
@Suite("Drained, forced and spread")
struct SwitchTests {
    private static let services = [
        ServiceRules(name: "plain"), ServiceRules(name: "checked", isChecked: true),
        ServiceRules(name: "strict", isChecked: true, answersWhenAllDown: false), ServiceRules(name: "sticky"),
    ]

    @Test(
        "every client gets an answer that rules and switches allow",
        arguments: (0..<UInt64(15 * Effort.rounds)).map { Effort.seed &+ $0 })
    func random(seed: UInt64) throws {
        var random = try RandomWorld(seed: seed, spreads: true)
        let services = Self.services
        random.world.services = services.map {
            ($0.name, 0, $0.name == "sticky" ? "sticky: true" : $0.settings)
        }
        let switches = try random.switches(services.map(\.name))
        try switches.write(to: random.folder)
        let questions = try random.questions(1_200).enumerated().map { number, question in
            var question = question
            question.service = services[number % services.count].name
            question.type = "ANY"
            question.sourcePrefix = question.client.family.width
            return question
        }
        let evaluator = try Evaluator(random.world, map: 0)
        let answers = try Geopipe.answers(to: questions, of: random.world, in: random.folder)
        var disagreements: [String] = []
        var neighbours: [(question: PipeQuestion, expected: PipeAnswer)] = []
        for (number, (question, answer)) in zip(questions, answers).enumerated() {
            let service = services[number % services.count]
            let expectation = try evaluator.expectation(for: question)
            let outcomes = try switches.outcomes(service, expectation.list, of: random.world.datacenters.count) {
                try evaluator.isInside($0, question.client, resolver: question.remote)
            }
            let given = answer.datacenters.first
            if answer.datacenters.count > 1 || !outcomes.contains(given) || (given == nil) != answer.isMarker {
                disagreements.append(
                    "\(question): \(answer); expected \(outcomes.map { $0.map(name) ?? "none" }.sorted())")
            } else if let scope = answer.scope, scope < expectation.scopes.lowerBound {
                disagreements.append("\(question): \(answer); the scope is too wide")
            } else if service.name == "sticky", let scope = answer.scope {
                // All clients in the scope get the same.
                for _ in 0..<2 {
                    var neighbour = question
                    neighbour.client = Network(question.client, scope).random(using: &random.generator)
                    neighbours.append((neighbour, answer))
                }
            }
        }
        let others = try Geopipe.answers(to: neighbours.map(\.question), of: random.world, in: random.folder)
        for (neighbour, other) in zip(neighbours, others) where neighbour.expected.datacenters != other.datacenters {
            disagreements.append(
                "\(neighbour.question): \(other); in the scope of another that got \(neighbour.expected)")
        }
        let folder = random.folder
        folder.isKept = !disagreements.isEmpty
        #expect(
            disagreements.isEmpty,
            """
            \(disagreements.count) of \(questions.count) with GEOPIPE_SEED=\(seed); the files are in \(folder.path):
            \(disagreements.prefix(5).joined(separator: "\n"))
            \(switches)
            \(folder.text(of: "geopipe.yaml"))
            """)
    }

    /// Returns the fraction of the client networks that each datacenter gets.
    private func parts(_ world: TestWorld, _ switches: Switches) throws -> [Int: Double] {
        let folder = try Folder()
        try switches.write(to: folder)
        let count = 6_000
        let questions = (0..<count).map { number in
            PipeQuestion("web", Address(.v4, UInt128(0x0a00_0001 + number << 8)))
        }
        var parts: [Int: Double] = [:]
        for answer in try Geopipe.answers(to: questions, of: world, in: folder) {
            parts[try #require(answer.datacenters.first), default: 0] += 1 / Double(count)
        }
        return parts
    }

    private func expect(_ parts: [Int: Double], _ expected: [Int: Double], seed: UInt64) {
        #expect(Set(parts.keys).isSubset(of: expected.filter { $0.value > 0 }.keys), "GEOPIPE_SEED=\(seed)")
        for (datacenter, part) in expected {
            // Six standard deviations.
            let deviation = (part * (1 - part) / 6_000).squareRoot()
            #expect(
                abs((parts[datacenter] ?? 0) - part) <= 6 * deviation + 1e-9,
                "\(name(datacenter)) gets \(parts[datacenter] ?? 0), not \(part); GEOPIPE_SEED=\(seed)")
        }
    }

    /// Four datacenters of random capacity, and one service.
    private func world(_ fallback: RuleDestination, _ settings: String = "", capacities: [Int]) -> TestWorld {
        var world = TestWorld()
        world.databases = [Project.demonstration]
        world.datacenters = Array(repeating: nil, count: 4)
        world.capacities = Dictionary(uniqueKeysWithValues: capacities.enumerated().map { ($0, $1) })
        var map = MapRules()
        map.fallback = fallback
        world.maps = [map]
        world.services = [("web", 0, settings)]
        return world
    }

    @Test(
        "datacenters get the fractions that weights, capacities, shares and their own signals define",
        arguments: (0..<UInt64(3 * Effort.rounds)).map { Effort.seed &+ $0 })
    func parts(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let weights = (0..<4).map { _ in generator.number(1...9) }
        let sum = Double(weights.reduce(0, +))
        let tier = RuleDestination.weighted(weights.enumerated().map { ($0, $1) })
        let byWeight = Dictionary(uniqueKeysWithValues: weights.enumerated().map { ($0, Double($1) / sum) })
        expect(try parts(world(tier, capacities: weights), Switches()), byWeight, seed: seed)
        // The clients of unusable datacenters are spread by capacity, and the rest of the tier keeps its clients.
        let away = generator.number(0...3)
        let drained = Switches(drains: [.init(datacenter: away)])
        var bySpread = byWeight
        bySpread[away] = 0
        for other in 0..<4 where other != away {
            bySpread[other]! += byWeight[away]! * Double(weights[other]) / (sum - Double(weights[away]))
        }
        expect(
            try parts(world(.spread(tier, group: nil), capacities: weights), drained), bySpread, seed: seed)
        // Without spreading, the clients of unusable datacenters draw again by weight.
        let others = byWeight.filter { $0.key != away }.mapValues { $0 / (1 - byWeight[away]!) }
        expect(try parts(world(tier, capacities: [1, 1, 1, 1]), drained), others, seed: seed)
        // A share of the networks goes to the next of a list, or is spread over a group.
        let share = generator.number(1...99)
        let partly = Switches(drains: [.init(datacenter: 0, share: share)])
        let moved = Double(share) / 100
        let list = RuleDestination.list([.datacenter(0), .datacenter(1)])
        expect(try parts(world(list, capacities: weights), partly), [0: 1 - moved, 1: moved], seed: seed)
        let pair = Double(weights[2] + weights[3])
        expect(
            try parts(world(.spread(list, group: [2, 3]), capacities: weights), partly),
            [0: 1 - moved, 2: moved * Double(weights[2]) / pair, 3: moved * Double(weights[3]) / pair], seed: seed)
        // The capacity signal of an address.
        let capacitySignals = Switches(capacitySignals: [0: 100 - share])
        expect(
            try parts(world(list, "check: { tcp: 80 }", capacities: weights), capacitySignals),
            [0: 1 - moved, 1: moved],
            seed: seed)
    }
}
