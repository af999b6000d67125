import Geography
import Routing

/// Which datacenters and addresses a service may use for the clients of a place: the effect of drains, forced
/// datacenters, health, weights and shares.
///
/// A drain outranks health: if one datacenter is drained and all others are down, clients get those others.
package final class ServiceState: Sendable {
    /// The datacenters that are not drained.
    package let undrained: Availability
    /// The same, without the client networks that exceed the share of a datacenter; `nil` if every datacenter takes
    /// all of its clients.
    let preferred: Availability?
    /// Whether each address is down, by its number; empty if none is.
    private let downAddresses: [Bool]
    /// The weight of each address in percent, by its number; empty if all are 100.
    private let weights: [UInt8]
    private let ipv4: [Attempt]
    private let ipv6: [Attempt]
    private let rest: [Attempt]

    /// Datacenters that a part of an answer may come from.
    struct Attempt: Sendable {
        let availability: Availability
        /// Whether addresses that are down are left out.
        let respectsHealth: Bool
    }

    /// The state without restrictions.
    static let all = ServiceState(drained: [], partialDrains: [:], health: [], downAddresses: [])

    /// - Parameters:
    ///   - drained: the datacenters that get no clients.
    ///   - partialDrains: the datacenters that do not get a part of the client networks.
    ///   - health: the health of each datacenter, by its number; empty if nothing is known.
    ///   - downAddresses: whether each address is down, by its number; see `AnswerTable.DatacenterAnswers.number`.
    ///   - limited: `partialDrains`, and those of datacenters that take only a share; `nil` if each takes all.
    ///   - weights: the weight of each address in percent, by its number; empty if all are 100.
    init(
        drained: Set<Datacenter>, partialDrains: [Datacenter: Availability.PartialDrain],
        health: [CheckedService.DatacenterHealth], downAddresses: [Bool],
        limited: [Datacenter: Availability.PartialDrain]? = nil, weights: [UInt8] = []
    ) {
        preferred = limited.map { Availability(down: drained, partialDrains: $0) }
        self.weights = weights
        undrained = Availability(down: drained, partialDrains: partialDrains)
        self.downAddresses = downAddresses.contains(true) ? downAddresses : []
        let hasDown = !self.downAddresses.isEmpty
        func attempts(_ usability: [Usability]) -> [Attempt] {
            guard hasDown else { return [] }
            // A drain outranks health: drained datacenters are tried last, up or down.
            return (limited.map { [Self.firstAttempt(usability, drained: drained, partialDrains: $0)] } ?? [])
                + Self.attempts(usability, drained: drained, partialDrains: partialDrains)
                + Self.attempts(usability, drained: [], partialDrains: [:])
        }
        ipv4 = attempts(health.map { Usability($0.ipv4) })
        ipv6 = attempts(health.map { Usability($0.ipv6) })
        rest = attempts(health.map(Usability.init))
    }

    /// How usable a datacenter is for a part of an answer.
    private enum Usability: Hashable, Comparable {
        /// It has no such records.
        case absent
        /// Less than the quorum is up: the part of the addresses that are up, 0..<1.
        case short(Double)
        /// At least the quorum is up.
        case up

        /// Makes the usability of a family's addresses.
        init(_ family: CheckedService.FamilyHealth) {
            self =
                family.addresses == 0
                ? .absent : family.isUp ? .up : .short(Double(family.up) / Double(family.addresses))
        }

        /// Makes the usability of records that are not addresses: one family that is up is enough.
        init(_ datacenter: CheckedService.DatacenterHealth) {
            self = datacenter.isUp ? .up : .short(datacenter.up > 0 ? 0.5 : 0)
        }
    }

    /// Returns the attempt that uses only datacenters that are up.
    private static func firstAttempt(
        _ usability: [Usability], drained: Set<Datacenter>, partialDrains: [Datacenter: Availability.PartialDrain]
    ) -> Attempt {
        let unused = usability.indices.filter { usability[$0] != .up }
        return Attempt(
            availability: Availability(down: drained.union(unused), partialDrains: partialDrains), respectsHealth: true)
    }

    /// Returns the attempts in order: the datacenters that are up; those short of their quorum that have an address
    /// up, the largest part first; then all, regardless of health.
    private static func attempts(
        _ usability: [Usability], drained: Set<Datacenter>, partialDrains: [Datacenter: Availability.PartialDrain]
    ) -> [Attempt] {
        func attempt(respectsHealth: Bool, _ isUsed: (Usability) -> Bool) -> Attempt {
            let unused = usability.indices.filter { !isUsed(usability[$0]) }
            return Attempt(
                availability: Availability(down: drained.union(unused), partialDrains: partialDrains),
                respectsHealth: respectsHealth)
        }
        let short = Set(usability).filter { $0 > .short(0) && $0 < .up }.sorted(by: >)
        return [attempt(respectsHealth: true) { $0 == .up }]
            + short.map { level in attempt(respectsHealth: true) { $0 == level } }
            + [attempt(respectsHealth: false) { $0 != .absent }]
    }

    /// The number of attempts made even if the service gives no answer when all is down. A client that exceeds all
    /// shares is better served by its first datacenter than not at all.
    var certainAttempts: Int { preferred == nil ? 1 : 2 }

    /// Returns the sets of datacenters to try for a part of an answer, in order. Empty if no address is down.
    func attempts(for part: AnswerPart) -> [Attempt] {
        switch part {
        case .all: []
        case .ipv4: ipv4
        case .ipv6: ipv6
        case .rest: rest
        }
    }

    /// Whether it has the same effect for all clients.
    var isSameForAll: Bool { preferred?.isSameForAll ?? undrained.isSameForAll }

    /// Whether any address is down.
    var hasDownAddresses: Bool { !downAddresses.isEmpty }

    /// Returns whether an address is down, by its number.
    func isDown(_ address: Int) -> Bool { address < downAddresses.count && downAddresses[address] }

    /// Returns the weight of an address for picking, from its configured weight and its number.
    func weight(_ weight: UInt32, ofAddress address: Int) -> UInt32 {
        // No overflow: a configured weight is at most 1,000,000.
        weights.isEmpty ? weight : weight &* UInt32(weights[address])
    }
}
