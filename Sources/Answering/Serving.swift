import Geography
import Routing
import State

/// All that an answer depends on, except for the question and random draws: a snapshot, and which of its datacenters
/// and addresses may be used.
public final class Serving: Sendable {
    public let snapshot: Snapshot
    /// The switches in force.
    public let switches: [Switch]
    /// The states of the targets that are down.
    public let down: [String: HealthReport.State]
    /// The states of each service, by its position in the configuration: one for all clients, or one for each class
    /// of `placeClasses`.
    private let states: [[ServiceState]]
    /// The classes of places that the switches distinguish.
    private let placeClasses: PlaceClasses
    /// Areas of switches in which the image has no place, so that the switches have no effect there.
    public let unknownAreas: [Area]
    /// The datacenters and addresses that take only a part of their clients.
    package let limits: Limits
    /// The parts that most questions need, without reference counting.
    nonisolated(unsafe) let world: UnsafePointer<World>
    /// The new side of a rollout; `nil` if none runs.
    package let candidate: Candidate?
    /// Both sides of the rollout, without reference counting.
    nonisolated(unsafe) let sides: UnsafePointer<RolloutSides>?

    /// - Parameters:
    ///   - switches: the switches of operators. Those that name a datacenter or service that the snapshot does not
    ///     have are ignored.
    ///   - health: the health report; addresses that it does not contain count as up.
    ///   - time: the current time, in seconds since 1970. Ended switches and too old health are ignored.
    ///   - candidate: the new side, which answers a part of the clients while a rollout runs.
    public init(
        _ snapshot: Snapshot, switches: [Switch], health: HealthReport? = nil, at time: Int,
        candidate: Candidate? = nil
    ) {
        self.snapshot = snapshot
        self.candidate = candidate
        let switches = switches.filter { $0.isInForce(at: time) }
        self.switches = switches
        let down = health?.down(at: time) ?? [:]
        self.down = down
        let classes = PlaceClasses(of: switches, snapshot.places)
        placeClasses = classes
        let datacenters = Dictionary(zip(snapshot.datacenterNames, 0...), uniquingKeysWith: { first, _ in first })
        unknownAreas = switches.filter { datacenters[$0.datacenter] != nil }.flatMap(\.areas).filter {
            !snapshot.places.isInside([$0]).contains(true)
        }
        let limits = snapshot.limits(health, at: time)
        self.limits = limits
        states = snapshot.serviceNames.indices.map { service in
            let name = snapshot.serviceNames[service]
            let own = switches.indices.filter { (switches[$0].service ?? name) == name }
            let forced = Set(
                own.filter { switches[$0].action == .force }.compactMap { datacenters[switches[$0].datacenter] })
            let checked = down.isEmpty ? nil : snapshot.checkedServices[service]
            let (shares, weights) = (limits.shares(ofService: service), limits.weights(ofService: service))
            func state(_ drains: [Int]) -> ServiceState {
                var drained: Set<Datacenter> = []
                var parts: [Datacenter: Double] = [:]
                for entry in drains.map({ switches[$0] }) {
                    guard let datacenter = datacenters[entry.datacenter] else { continue }
                    if entry.share == 100 {
                        drained.insert(datacenter)
                    } else {
                        parts[datacenter] = max(parts[datacenter] ?? 0, Double(entry.share) / 100)
                    }
                }
                let partialDrains = parts.map { datacenter, part in
                    let name = snapshot.datacenterNames[datacenter]
                    return (datacenter, Availability.PartialDrain(part: part, identity: identity(of: name)))
                }
                // All services without restrictions share one object, which stays in the processor's cache.
                if drained.isEmpty, partialDrains.isEmpty, checked == nil, shares.isEmpty, weights.isEmpty {
                    return .all
                }
                var limited = Dictionary(uniqueKeysWithValues: partialDrains)
                for (datacenter, share) in shares.enumerated() where share < 100 && !forced.contains(datacenter) {
                    // It takes its share of the networks that a partial drain leaves to it.
                    let part = 1 - (1 - (parts[datacenter] ?? 0)) * Double(share) / 100
                    let name = snapshot.datacenterNames[datacenter]
                    limited[datacenter] = Availability.PartialDrain(part: part, identity: identity(of: name))
                }
                return ServiceState(
                    drained: drained, partialDrains: Dictionary(uniqueKeysWithValues: partialDrains),
                    health: checked?.datacenters(forced: forced) { down[$0] != nil } ?? [],
                    downAddresses: checked?.addresses(forced: forced) { down[$0] != nil } ?? [],
                    limited: shares.isEmpty ? nil : limited, weights: weights)
            }
            let drains = own.filter { switches[$0].action == .drain }
            guard drains.contains(where: { !switches[$0].areas.isEmpty }) else { return [state(drains)] }
            return classes.members.map { members in
                state(drains.filter { switches[$0].areas.isEmpty || members.contains($0) })
            }
        }
        world = World.made(snapshot, isUnrestricted: states.map { $0.count == 1 && $0[0] === ServiceState.all })
        sides = candidate.map { [world] in RolloutSides.made(world, $0) }
    }

    deinit {
        if let sides { RolloutSides.free(sides) }
        World.free(world)
    }

    /// Returns the switches in force that apply to a service.
    package func switches(ofService service: String) -> [Switch] {
        switches.filter { ($0.service ?? service) == service }
    }

    /// Returns the datacenters that are forced up for a service, by its position in the configuration.
    package func forced(forService service: Int) -> Set<Datacenter> {
        Set(
            switches(ofService: snapshot.serviceNames[service]).filter { $0.action == .force }
                .compactMap { snapshot.datacenterNames.firstIndex(of: $0.datacenter) })
    }

    /// Returns the state of a service for a client, by the service's position in the configuration, and the length of
    /// the prefix around the client, at least 1, in which it is the same for every client.
    ///
    /// - Parameters:
    ///   - client: the first address of the client's subnet, of which `length` bits are known.
    ///   - resolver: the address that asks; it stands in for a client of unknown place.
    package func state(
        ofService service: Int, for client: IPAddress, length: Int, resolver: IPAddress
    ) -> (state: ServiceState, scope: UInt8) {
        guard states[service].count > 1 else { return (states[service][0], 1) }
        let (place, scope) = snapshot.places.lookup(client, length: length)
        let known = place == 0 ? snapshot.places.number(of: resolver) : place
        return (states[service][placeClasses.number(ofPlace: known)], scope)
    }
}

/// Which datacenters and addresses a service may use.
package final class ServiceState: Sendable {
    /// The datacenters that are not drained.
    package let undrained: Availability
    /// The same, without the client networks that exceed the limits of a datacenter; `nil` if there are no limits.
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
    ///   - limited: `partialDrains`, and those of limited datacenters; `nil` if no datacenter is limited.
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
    /// limits is better served by its first datacenter than not at all.
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
