import Foundation
import Support
import Testing

/// Tests of the evaluator with cases that are easy to check by hand.
@Suite("The evaluator")
struct EvaluatorsOwnTests {
    /// Rules that all match one client, in the order of precedence.
    private static let precedence: [@Sendable (inout MapRules, RuleDestination) -> Void] = [
        { $0.networks.append((Network("10.1.0.0/16"), $1)) },
        { $0.networks.append((Network("10.0.0.0/8"), $1)) },
        { $0.systems = [(2119, $1)] },
        { $0.cities = [("GB-KEN/Maidstone", $1)] },
        { $0.subdivisions.append(("GB-KEN", $1)) },
        { $0.regions.append(("south", ["GB-KEN"], $1)) },
        { $0.subdivisions.append(("GB-ENG", $1)) },
        { $0.regions.append(("island", ["GB-ENG", "GB-SCT"], $1)) },
        { $0.countries = [("GB", $1)] },
        { $0.regions.append(("north", ["IS", "GB"], $1)) },
        { $0.continents = [("EU", $1)] },
        { $0.fallback = $1 },
    ]

    @Test("each rule has precedence over those after it, in geopipe too")
    func rules() throws {
        let folder = try Folder()
        var writer = DatabaseWriter(isV6: true)
        writer.insert(
            Network("10.0.0.0/8"),
            .map([
                ("autonomous_system_number", .uint32(2119)), ("continent", .map([("code", .string("EU"))])),
                ("country", .map([("iso_code", .string("GB"))])),
                ("city", .map([("names", .map([("en", .string("Maidstone"))]))])),
                ("subdivisions", .array(["ENG", "KEN"].map { .map([("iso_code", .string($0))]) })),
            ]))
        var world = TestWorld()
        world.databases = [try folder.write(writer.image.bytes, to: "kent.mmdb")]
        world.datacenters = Array(repeating: nil, count: Self.precedence.count)
        for first in Self.precedence.indices {
            var map = MapRules()
            for (number, rule) in Self.precedence.enumerated().dropFirst(first) { rule(&map, .datacenter(number)) }
            // Each map has its own regions, since a place in several regions is ambiguous.
            map.regions = map.regions.map { ("\($0.name)-\(first)", $0.members, $0.destination) }
            world.maps.append(map)
            world.services.append(("service-\(first)", first, ""))
        }
        let questions = world.services.map { PipeQuestion($0.name, Address("10.1.2.3")) }
        let answers = try Geopipe.answers(to: questions, of: world, in: folder)
        for (first, (question, answer)) in zip(questions, answers).enumerated() {
            let list = try Evaluator(world, map: first).expectation(for: question).list
            #expect(list == [[first: 1]])
            #expect(answer.datacenters == [first])
        }
    }

    @Test(
        "the scope is the widest network with the same list",
        arguments: [
            ("129.240.1.1", 0, 16), ("141.20.1.1", 1, 16), ("143.107.1.1", 2, 7), ("198.18.0.1", 2, 6),
            ("2001:700:100::1", 0, 41), ("2001:638::1", 1, 32), ("3fff::1", 2, 4), ("::ffff:129.240.1.1", 0, 112),
            ("2002:81f0:101::1", 0, 32), ("2001::7e0f:fefe", 0, 112),
        ])
    func scope(client: String, datacenter: Int, scope: Int) throws {
        var world = TestWorld()
        world.databases = [Project.demonstration]
        var map = MapRules()
        map.countries = [("NO", .datacenter(0)), ("JP", .datacenter(0))]
        map.continents = [("EU", .datacenter(1)), ("AS", .datacenter(1))]
        map.fallback = .datacenter(2)
        world.maps = [map]
        let expectation = try Evaluator(world, map: 0).expectation(for: PipeQuestion("", Address(client)))
        #expect(expectation.list == [[datacenter: 1]])
        #expect(expectation.scopes == scope...scope)
    }
}

/// Compares geopipe with the evaluator, for random rules and random databases.
@Suite("Answers follow the rules")
struct EvaluatorTests {
    @Test(
        "every client gets its datacenters, with the widest correct scope",
        arguments: (0..<UInt64(20 * Effort.rounds)).map { Effort.seed &+ $0 })
    func random(seed: UInt64) throws {
        var random = try RandomWorld(seed: seed)
        let questions = try random.questions(1_500)
        let evaluator = try Evaluator(random.world, map: 0)
        let answers = try Geopipe.answers(to: questions, of: random.world, in: random.folder)
        var disagreements: [String] = []
        for (question, answer) in zip(questions, answers) {
            let expectation = try evaluator.expectation(for: question)
            if let fault = expectation.fault(of: answer, to: question) {
                disagreements.append("\(question): \(answer); \(fault)")
            }
        }
        let folder = random.folder
        folder.isKept = !disagreements.isEmpty
        #expect(
            disagreements.isEmpty,
            """
            \(disagreements.count) of \(questions.count) with GEOPIPE_SEED=\(seed); the files are in \(folder.path):
            \(disagreements.prefix(5).joined(separator: "\n"))
            \(folder.text(of: "geopipe.yaml"))
            \(folder.text(of: "map0.nets"))
            """)
    }
}

extension Evaluator.Expectation {
    /// Returns the errors of an answer; `nil` if it is correct.
    func fault(of answer: PipeAnswer, to question: PipeQuestion) -> String? {
        guard let tier = list.first else {
            if question.type == "A" { return answer == PipeAnswer() ? nil : "none has no address" }
            guard answer.isMarker, answer.datacenters.isEmpty else { return "none answers with the marker alone" }
            return faultOfScope(answer)
        }
        let given = Set(answer.datacenters)
        let wanted = question.service == "two" ? 2 : question.service == "three" ? 3 : 1
        guard !answer.isMarker, given.count == answer.datacenters.count else { return "expected \(description)" }
        if wanted == 1 {
            guard given.count == 1, given.isSubset(of: tier.keys) else { return "expected \(description)" }
        } else if list.allSatisfy({ $0.count == 1 }) {
            // Every tier has one member, so the order is not random.
            guard given == Set(list.prefix(wanted).flatMap(\.keys)) else { return "expected \(description)" }
        } else {
            guard !given.isDisjoint(with: tier.keys) else { return "expected \(description)" }
        }
        return faultOfScope(answer)
    }

    private func faultOfScope(_ answer: PipeAnswer) -> String? {
        guard let scope = answer.scope, !scopes.contains(scope) else { return nil }
        return "\(scope < scopes.lowerBound ? "too wide" : "too narrow"): expected \(description)"
    }

    private var description: String {
        let tiers = list.map { tier in
            tier.sorted { $0.key < $1.key }.map { tier.count == 1 ? name($0.key) : "\(name($0.key)): \($0.value)" }
                .joined(separator: " or ")
        }
        let scope = scopes.count == 1 ? "\(scopes.lowerBound)" : "\(scopes.lowerBound) to \(scopes.upperBound)"
        return "\(tiers.isEmpty ? "none" : tiers.joined(separator: ", ")), scope \(scope)"
    }
}
