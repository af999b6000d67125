import Scaling
import Testing

@Suite("A simulated pdns")
struct ClosedNetworkTests {
    static let times = ClosedNetwork.Times(take: 1, pdns: 20, geopipe: 5, load: 10, wake: 0)

    @Test("answers on one core as often as the service times of a question allow")
    func oneCore() {
        for receivers in [1, 2, 8] {
            let network = ClosedNetwork(
                times: Self.times, cores: 1, receivers: receivers, outstanding: 64, load: .elsewhere)
            #expect(isNear(network.throughput(questions: 20_000, seed: 1), 1e6 / 25))
        }
    }

    @Test("shares its core with the load")
    func sharedCore() {
        let network = ClosedNetwork(times: Self.times, cores: 1, receivers: 2, outstanding: 64, load: .among(1))
        #expect(isNear(network.throughput(questions: 20_000, seed: 1), 1e6 / 35))
    }

    @Test("uses no more cores than it has receivers, which wait for their coprocesses")
    func receivers() {
        let network = ClosedNetwork(times: Self.times, cores: 8, receivers: 3, outstanding: 64, load: .elsewhere)
        #expect(isNear(network.throughput(questions: 20_000, seed: 1), 3e6 / 25))
    }

    @Test("answers no more than can be taken from its socket")
    func socket() {
        let network = ClosedNetwork(times: Self.times, cores: 64, receivers: 64, outstanding: 1_000, load: .elsewhere)
        #expect(isNear(network.throughput(questions: 100_000, seed: 1), 1e6))
    }

    @Test("is slowed down by its load")
    func load() {
        let network = ClosedNetwork(times: Self.times, cores: 4, receivers: 4, outstanding: 64, load: .beside(1))
        #expect(isNear(network.throughput(questions: 20_000, seed: 1), 1e6 / 10))
    }

    @Test("delays a single question by two wake-ups of idle cores, and by none if all is on one core")
    func wake() {
        var times = Self.times
        times.wake = 8
        var network = ClosedNetwork(times: times, cores: 1, receivers: 1, outstanding: 1, load: .beside(1))
        #expect(isNear(network.throughput(questions: 20_000, seed: 1), 1e6 / (35 + 16)))
        network.load = .among(1)
        #expect(isNear(network.throughput(questions: 20_000, seed: 1), 1e6 / 35))
    }

    @Test("gives the same throughput for the same seed")
    func seed() {
        let network = ClosedNetwork(times: Self.times, cores: 2, receivers: 2, outstanding: 16, load: .among(2))
        #expect(network.throughput(questions: 5_000, seed: 5) == network.throughput(questions: 5_000, seed: 5))
    }

    private func isNear(_ value: Double, _ expected: Double) -> Bool { abs(value / expected - 1) < 0.02 }
}
