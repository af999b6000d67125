import Configuration
import Foundation
import Geography
import Platform
import Routing
import Testing

@testable import Answering
@testable import Compiler
@testable import Inspection

@Suite("Choices of a service")
struct ChoiceTests {
    private let configuration: Configuration
    private let snapshot: Snapshot
    private let serving: Serving

    init() throws {
        let dialogues = URL(filePath: #filePath).appending(path: "../../Transcripts/dialogues").standardized
        configuration = try Configuration.load(dialogues.appending(path: "choices.yaml").path)
        snapshot = try Snapshot(configuration)
        serving = Serving(snapshot, switches: [], at: 0)
    }

    @Test("of a sticky service are the same within a network, and differ between networks")
    func sticky() throws {
        var addresses: Set<String> = []
        for third in 0..<64 {
            let clients = ["203.0.\(third).1", "203.0.\(third).200", "203.0.\(third).0/24"]
            let answers = try Set(clients.map { try records("kept.geo.example.com", $0) })
            #expect(answers.count == 1)
            addresses.formUnion(answers.joined())
        }
        #expect(addresses == ["192.0.2.1", "192.0.2.2"])
    }

    @Test("of a service that is not sticky are drawn for every question")
    func notSticky() throws {
        var answers: Set<[String]> = []
        for _ in 0..<200 { answers.insert(try records("one.geo.example.com", "203.0.113.1")) }
        #expect(answers == [["192.0.2.1", "2001:db8::1"], ["192.0.2.2"]])
    }

    @Test("go to available datacenters, or to all if none is available")
    func availability() {
        func chosen(down: Set<Datacenter>) -> [Int32] {
            // The service of two.geo.example.com, for a client in Norway.
            let position = snapshot.answers.services.buffer.firstIndex {
                configuration.services[Int($0.service)].name == "two"
            }!
            let client = IPAddress("129.240.1.1")!
            let state = ServiceState(drained: down, partialDrains: [:], health: [], downAddresses: [])
            let choice = snapshot.choose(
                service: position, for: client, length: 32, resolver: client, state: state, placeScope: 1, random: 1
            ) {
                #expect($1 == .all)
            }
            return (0..<choice.count).map { choice.datacenters[$0] }
        }
        #expect(chosen(down: []) == [0, 1])
        #expect(chosen(down: [0]) == [1, 2])
        #expect(chosen(down: [0, 1]) == [2])
        #expect(chosen(down: [0, 1, 2]) == [0, 1])
    }

    private func records(_ name: String, _ client: String) throws -> [String] {
        try LocalQuery(serving).ask(name, type: "ANY", client: IPPrefix(client)!).records.map(\.content).sorted()
    }
}

@Suite("Explanations")
struct ExplanationTests {
    @Test("name the databases, the rules, the winner, the choice and its scope")
    func explains() throws {
        let dialogues = URL(filePath: #filePath).appending(path: "../../Transcripts/dialogues").standardized
        let configuration = try Configuration.load(dialogues.appending(path: "choices.yaml").path)
        let serving = Serving(try Snapshot(configuration), switches: [], at: 0)
        let explanation = try serving.explain("one.geo.example.com", for: IPPrefix("129.240.1.1")!, configuration)
        #expect(explanation.answer.exists)
        #expect(explanation.answer.records.first == "one.geo.example.com.\t60\tIN\tA\t192.0.2.1")
        #expect(explanation.databases.first?.network == "129.240.0.0/16")
        #expect(explanation.databases.first?.city == "Oslo")
        let service = try #require(explanation.service)
        #expect(service.rules.map(\.rule) == ["country NO", "region nordics (country NO)", "default"])
        #expect(service.preference.map { $0.map(\.datacenter) } == [["oslo"], ["ashburn"], ["singapore"]])
        #expect(service.chosen == ["oslo"])
        #expect(service.scope == "129.240.0.0/16")
        #expect(
            try !serving.explain("nope.geo.example.com", for: IPPrefix("129.240.1.1")!, configuration).answer.exists)
    }

    @Test("warn of rules for places in no database, and suggest the nearest known place")
    func unknownPlaces() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("geopipe-\(UUID().uuidString).yaml")
            .path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let demo = URL(filePath: #filePath).appending(path: "../../../examples/demo/demo.mmdb").standardized.path
        let text = """
            databases: [\(demo)]
            datacenters: { oslo: {} }
            regions: { far: [XX] }
            maps:
              world:
                asns: { 64500: oslo }
                cities: { NO/Osol: oslo, 7: oslo, NO/Oslo: oslo }
                subdivisions: { NO-99: oslo }
                countries: { NO: oslo, ZZ: oslo }
                regions: { far: oslo }
                default: oslo
            zones:
              example.com: { soa: { primary: ns., contact: hostmaster. }, ns: [ns.] }
            """
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        let warnings = try Snapshot.compiled(
            SnapshotPlan(Configuration.load(file)), warnsOfUnknownPlaces: true
        ).warnings.map {
            "\($0.position!.line):\($0.position!.column): \($0.message)"
        }
        #expect(
            warnings.contains { $0.hasPrefix("3:18: no database knows the country XX, so that its rule never acts") })
        #expect(warnings.contains("6:13: no database knows AS64500, so that its rule never acts"))
        #expect(
            warnings.contains(
                "7:15: no database knows the city NO/Osol, so that its rule never acts; did you mean 'Oslo'?"))
        #expect(warnings.contains("7:30: no database knows the city 7, so that its rule never acts"))
        #expect(
            warnings.contains {
                $0.hasPrefix(
                    "8:21: no database knows the subdivision NO-99, so that its rule never acts; did you mean 'NO-")
            })
        #expect(
            warnings.contains { $0.hasPrefix("9:28: no database knows the country ZZ, so that its rule never acts") })
        #expect(warnings.count == 6)
    }
}
