import Support
import Testing

@testable import Routing

@Suite("Spreading the clients of an unavailable datacenter")
struct SpreadTests {
    private static let capacities: [Double] = [40, 10, 30, 20, 5]
    private static let networks: [UInt64] = {
        var generator = SeededGenerator(seed: 20)
        return (0..<20_000).map { _ in generator.next() >> 40 }
    }()

    private func lists(_ destinations: Destination...) throws -> Lists {
        try Lists(
            destinations.map { PreferenceList($0, client: nil, locations: []) },
            datacenters: Self.capacities.enumerated().map {
                DatacenterProperties(identity: identity(of: "dc\($0.offset)"), location: nil, capacity: $0.element)
            })
    }

    private func tier(_ datacenter: Datacenter) -> Destination { .tier([Share(datacenter)]) }

    private func choices(
        _ lists: Lists, _ network: UInt64, of list: UInt32 = 0, isStable: Bool = true, down: Set<Datacenter>
    ) -> [Datacenter] {
        RoutingTests.choices(
            lists, list,
            isStable ? RendezvousDraw(network: network, salt: 99) : RendezvousDraw(random: splitMix64(network)),
            Availability(down: down), spreading: .spreading(network: network, salt: 99))
    }

    /// Whether a number of `total` agrees with a part within five standard deviations.
    private func isPart(_ count: Int, _ part: Double, of total: Int) -> Bool {
        abs(Double(count) - part * Double(total)) <= 5 * (part * (1 - part) * Double(total)).squareRoot()
    }

    /// Whether the datacenters that are up share the networks in proportion to their capacities.
    private func expectShares(
        _ counts: [Datacenter: Int], among group: [Datacenter], at place: SourceLocation = #_sourceLocation
    ) {
        let total = counts.values.reduce(0, +)
        let sum = group.reduce(0) { $0 + Self.capacities[$1] }
        for datacenter in Self.capacities.indices {
            let part = group.contains(datacenter) ? Self.capacities[datacenter] / sum : 0
            #expect(
                isPart(counts[datacenter] ?? 0, part, of: total), "\(datacenter): \(counts)", sourceLocation: place)
        }
    }

    @Test("clients are spread by capacity over all other datacenters, also those that the list does not name")
    func shares() throws {
        let lists = try lists(.spread(.list([tier(0), tier(1)]), group: nil))
        for down in [[0], [0, 2], [0, 1], [0, 1, 2]] as [Set<Datacenter>] {
            let counts = Dictionary(grouping: Self.networks) { choices(lists, $0, down: down)[0] }.mapValues(\.count)
            expectShares(counts, among: Self.capacities.indices.filter { !down.contains($0) })
        }
    }

    @Test(
        "only the clients of the failed datacenter move, and when another fails, only its clients move"
    )
    func minimal() throws {
        let lists = try lists(
            .spread(.list([tier(0), tier(1)]), group: nil), .spread(.list([tier(2), tier(0)]), group: nil))
        for network in Self.networks.prefix(3_000) {
            #expect(choices(lists, network, of: 1, down: [0])[0] == 2)
            #expect(choices(lists, network, down: [2])[0] == 0)
            let first = choices(lists, network, down: [0])
            #expect(first.count == 4)
            for second in 1..<5 {
                // The others keep their order.
                #expect(choices(lists, network, down: [0, second]) == first.filter { $0 != second })
            }
        }
    }

    @Test(
        "the clients that had drawn the datacenter are spread independently of that draw",
        arguments: [true, false])
    func tiers(isStable: Bool) throws {
        let lists = try lists(.spread(.tier([Share(0, weight: 3), Share(1, weight: 2)]), group: nil))
        var counts: [Datacenter: Int] = [:]
        for network in Self.networks {
            let before = choices(lists, network, isStable: isStable, down: [])[0]
            let after = choices(lists, network, isStable: isStable, down: [0])[0]
            if before == 0 { counts[after, default: 0] += 1 } else { #expect(after == before) }
        }
        #expect(isPart(counts.values.reduce(0, +), 0.6, of: Self.networks.count))
        expectShares(counts, among: [1, 2, 3, 4])
    }

    @Test("clients may be spread over a group, after which the list goes on")
    func group() throws {
        let lists = try lists(.spread(.list([tier(0), tier(1), tier(4)]), group: [3, 2]))
        let counts = Dictionary(grouping: Self.networks) { choices(lists, $0, down: [0])[0] }.mapValues(\.count)
        expectShares(counts, among: [2, 3])
        #expect(lists.table.spreadGroup(of: 0) == [2, 3])
        for network in Self.networks.prefix(100) {
            #expect(choices(lists, network, down: [0])[2...] == [1, 4])
            #expect(choices(lists, network, down: [0, 2, 3]) == [1, 4])
            #expect(choices(lists, network, down: [0, 1, 2, 3, 4]) == [])
        }
    }

    @Test("spreading begins at the first unavailable datacenter of a list")
    func later() throws {
        let lists = try lists(.spread(.list([tier(0), tier(1), tier(2)]), group: nil))
        for network in Self.networks.prefix(100) {
            #expect(choices(lists, network, down: []) == [0, 1, 2])
            let choices = choices(lists, network, down: [1])
            #expect(choices[0] == 0)
            #expect(Set(choices) == [0, 2, 3, 4])
        }
    }

    @Test("datacenters that cannot answer are skipped, and the reason names the unavailable datacenter")
    func reasons() throws {
        let lists = try lists(.spread(.list([tier(1), tier(0)]), group: nil))
        for network in Self.networks.prefix(1_000) {
            var datacenters: [Datacenter] = []
            lists.table.forEachSpreadChoice(
                0, RendezvousDraw(random: 1), spreading: .spreading(network: network, salt: 1), Availability(down: [1]),
                canAnswer: { $0 == 0 || $0 == 4 }
            ) { datacenter, reason in
                if case .spread(from: 1) = reason {} else { Issue.record("\(reason)") }
                datacenters.append(datacenter)
                return datacenters.count < 2
            }
            #expect(Set(datacenters) == [0, 4])
        }
    }

    @Test("capacities may have any size")
    func capacities() throws {
        for (capacity, part) in [(0, 0.0), (1e-300, 0), (5, 0.5), (1e300, 1), (.infinity, 1)] as [(Double, Double)] {
            let sites = [1, capacity, 5].enumerated().map {
                DatacenterProperties(identity: UInt64($0.offset), location: nil, capacity: $0.element)
            }
            let list = PreferenceList(.spread(tier(0), group: nil), client: nil, locations: [])
            let lists = try Lists([list], datacenters: sites)
            let count = Self.networks.count { choices(lists, $0, down: [0])[0] == 1 }
            #expect(isPart(count, part, of: Self.networks.count), "\(capacity): \(count)")
        }
    }
}
