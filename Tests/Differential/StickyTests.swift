import Foundation
import Support
import Testing

/// A sticky choice depends on the client's network, so its scope must not be wider than that network.
@Suite("Sticky choices")
struct StickyTests {
    @Test(
        "all clients in the scope of an answer get the same one, from other coprocesses too",
        arguments: (0..<UInt64(10 * Effort.rounds)).map { Effort.seed &+ $0 })
    func random(seed: UInt64) throws {
        var random = try RandomWorld(seed: seed)
        try expectSame(try random.questions(300), random.world, random.folder, seed: seed)
    }

    @Test("scopes are right next to networks that carry IPv4, whose clients are hashed as IPv4")
    func carriers() throws {
        var generator = SeededGenerator(seed: Effort.seed)
        var world = TestWorld()
        world.databases = [Project.demonstration]
        world.datacenters = Array(repeating: nil, count: 8)
        var map = MapRules()
        map.fallback = .random(Array(world.datacenters.indices))
        world.maps = [map]
        world.services = [("sticky", 0, "sticky: true")]
        var clients: [Address] = []
        for carrier in Carrier.allCases.map(\.network) {
            clients += carrier.borders
            for length in 1..<carrier.length {
                clients.append(Network(carrier.first, length).random(using: &generator))
                clients.append(Network(carrier.first, length).last)
            }
        }
        try expectSame(clients.map { PipeQuestion("sticky", $0) }, world, try Folder(), seed: Effort.seed)
    }

    private func expectSame(_ questions: [PipeQuestion], _ world: TestWorld, _ folder: Folder, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let evaluator = try Evaluator(world, map: 0)
        // Without a client subnet, the answer is for the resolver, and pdns sends no scope.
        let questions = questions.filter { $0.sourcePrefix > 0 }.map { question in
            var question = question
            question.service = "sticky"
            return question
        }
        let answers = try Geopipe.answers(to: questions, of: world, in: folder)
        var disagreements: [String] = []
        var neighbours: [(question: PipeQuestion, expected: PipeAnswer)] = []
        for (question, answer) in zip(questions, answers) {
            guard let scope = answer.scope else { continue }
            let expectation = try evaluator.expectation(for: question)
            // A sticky choice depends on the client's /24 or /56. The /24 in 2002::/16 ends at bit 40.
            let isDrawn = (expectation.list.first?.count ?? 0) > 1
            let hashed =
                question.client.family == .v4 ? 24 : Carrier.sixToFour.network.contains(question.client) ? 40 : 56
            if scope < max(expectation.scopes.lowerBound, isDrawn ? hashed : 1) {
                disagreements.append("\(question): \(answer); scope is too wide")
            }
            let network = Network(Network(question.client, question.sourcePrefix).first, scope)
            var addresses = [network.first, network.last, network.random(using: &generator)]
            // The embedded IPv4 address of such a client is unknown, and its neighbours are subnets of the same length.
            let carrier = Carrier.of(Network(Network(question.client, question.sourcePrefix).first, 128))
            let isOpen = carrier.map { question.sourcePrefix <= $0.offset } ?? false
            for carrier in Carrier.allCases where !isOpen && network.contains(carrier.network) {
                addresses.append(carrier.carry(Network.everything(.v4).random(using: &generator), using: &generator))
            }
            for address in addresses {
                var neighbour = question
                neighbour.client = address
                neighbour.sourcePrefix = isOpen ? question.sourcePrefix : address.family.width
                neighbours.append((neighbour, answer))
            }
        }
        let others = try Geopipe.answers(to: neighbours.map(\.question), of: world, in: folder)
        for (neighbour, other) in zip(neighbours, others) where neighbour.expected.datacenters != other.datacenters {
            disagreements.append(
                "\(neighbour.question): \(other); in the scope of another that got \(neighbour.expected)")
        }
        folder.isKept = !disagreements.isEmpty
        #expect(
            disagreements.isEmpty,
            """
            \(disagreements.count) of \(neighbours.count) with GEOPIPE_SEED=\(seed); its files are in \(folder.path):
            \(disagreements.prefix(5).joined(separator: "\n"))
            \(folder.text(of: "geopipe.yaml"))
            \(folder.text(of: "map0.nets"))
            """)
    }
}
