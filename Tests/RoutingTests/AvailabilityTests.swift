import Testing

@testable import Routing

@Suite("Partial drains")
struct AvailabilityTests {
    private static let networks = UInt64(0)..<20_000
    private static let parts = [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.99, 1]

    /// Returns the networks, as the first 24 bits of addresses, that a datacenter drains.
    private func closed(_ part: Double, _ name: String = "oslo", down: Set<Datacenter> = []) -> Set<UInt64> {
        let availability = Availability(
            down: down, partialDrains: [1: .init(part: part, identity: identity(of: name))])
        return Set(Self.networks.filter { !availability.forNetwork($0).contains(1) })
    }

    /// Whether the number of networks agrees with a part within five standard deviations.
    private func isPart(_ count: Int, _ part: Double, of total: Int = networks.count) -> Bool {
        abs(Double(count) - part * Double(total)) <= 5 * (part * (1 - part) * Double(total)).squareRoot()
    }

    @Test("a partial drain has the right size", arguments: parts)
    func size(part: Double) {
        #expect(isPart(closed(part).count, part))
    }

    @Test(
        "a larger part of a drain includes all networks of a smaller one",
        arguments: ["oslo", "ashburn"])
    func monotone(name: String) {
        for (smaller, larger) in zip(Self.parts, Self.parts.dropFirst()) {
            #expect(closed(smaller, name) == closed(smaller, name))
            #expect(closed(smaller, name).isStrictSubset(of: closed(larger, name)))
        }
    }

    @Test("the drains of datacenters are independent: a network that one drains is not more likely drained by the next")
    func independent() {
        let both = closed(0.25, "oslo").intersection(closed(0.25, "ashburn"))
        #expect(isPart(both.count, 0.0625))
    }

    @Test("a partial drain is independent of the draw that chooses a datacenter")
    func independentOfDraws() {
        let names = ["oslo", "ashburn", "singapore"].map { identity(of: $0) }
        let drawing = Self.networks.filter { network in
            let draw = RendezvousDraw(network: network, salt: identity(of: "web"))
            let scores = names.map { draw.score($0, weight: 1) }
            return scores[0] == scores.min()
        }
        #expect(isPart(drawing.count, 1 / 3))
        #expect(isPart(closed(0.25).intersection(drawing).count, 0.25, of: drawing.count))
    }

    @Test("a datacenter that is down is not available to any network")
    func down() {
        #expect(closed(0.25, down: [1]).count == Self.networks.count)
    }

    @Test("a partial drain does not affect other datacenters")
    func others() {
        let availability = Availability(down: [], partialDrains: [1: .init(part: 1, identity: 7)])
        for network in Self.networks.prefix(100) {
            #expect([0, 1, 2].map(availability.forNetwork(network).contains) == [true, false, true])
        }
        #expect(!availability.isSameForAll)
        #expect(Availability(down: [1]).isSameForAll)
        #expect([0, 1, 2].map(Availability.all.contains) == [true, true, true])
    }
}
