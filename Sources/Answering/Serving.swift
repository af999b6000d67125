import Geography
import Routing
import State

/// All that an answer depends on but the question and chance: a snapshot, and what of it may be used.
public final class Serving: Sendable {
    public let snapshot: Snapshot
    /// The switches that count.
    public let switches: [Switch]
    /// By what is asked of them, the addresses that are down.
    public let down: [String: HealthReport.State]
    /// By the position of a service in the configuration: for all clients alike, or for each class of `placeClasses`.
    private let states: [[ServiceState]]
    /// Which places the switches tell apart.
    private let placeClasses: PlaceClasses
    /// Areas of switches in which the image has no place: these switches do nothing there.
    public let unknownAreas: [Area]
    /// What takes less than all of its clients.
    package let limits: Limits
    /// What a question is answered from, without references to count.
    nonisolated(unsafe) let world: UnsafePointer<World>
    /// The other side of a rollout; `nil` if none runs.
    package let candidate: Candidate?
    /// Both sides of it, without references to count.
    nonisolated(unsafe) let sides: UnsafePointer<RolloutSides>?

    /// - Parameters:
    ///   - switches: what operators have switched. Datacenters and services that the snapshot does not have are passed over.
    ///   - health: what is known of the health of addresses; those that it does not speak of count as up.
    ///   - time: the present, in seconds since 1970. Switches that have ended by then and health that is too old do not count.
    ///   - candidate: what a part of the clients is answered from, while a rollout runs.
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
                // One for all of which there is nothing to tell stays in the processor's cache.
                if drained.isEmpty, partialDrains.isEmpty, checked == nil, shares.isEmpty, weights.isEmpty {
                    return .all
                }
                var limited = Dictionary(uniqueKeysWithValues: partialDrains)
                for (datacenter, share) in shares.enumerated() where share < 100 && !forced.contains(datacenter) {
                    // Of the networks that a drain leaves to it, it takes its share.
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

    /// The switches that count for a service.
    package func switches(ofService service: String) -> [Switch] {
        switches.filter { ($0.service ?? service) == service }
    }

    /// The datacenters that count as up for a service, by its position in the configuration.
    package func forced(forService service: Int) -> Set<Datacenter> {
        Set(
            switches(ofService: snapshot.serviceNames[service]).filter { $0.action == .force }
                .compactMap { snapshot.datacenterNames.firstIndex(of: $0.datacenter) })
    }

    /// What a service may use for a client, by the service's position in the configuration, and the length of a prefix around the
    /// client, at least 1, for whose clients it may use the same.
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
    /// What is not drained.
    package let undrained: Availability
    /// What is not drained, but for the clients that datacenters do not take yet, or have no room for; `nil` if there are none.
    let preferred: Availability?
    /// By the number of an address; empty if none is down.
    private let downAddresses: [Bool]
    /// By the number of an address, the clients that it takes of 100 that it would get; empty if each takes all.
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

    /// All may be used.
    static let all = ServiceState(drained: [], partialDrains: [:], health: [], downAddresses: [])

    /// - Parameters:
    ///   - drained: the datacenters that no client is sent to.
    ///   - closures: the datacenters that a part of the client networks is not sent to.
    ///   - health: by the number of a datacenter; empty if nothing is known of any.
    ///   - downAddresses: by the number of an address; see `ServiceAnswers.number`.
    ///   - limited: `partialDrains`, and those of datacenters that take less than all of their clients; `nil` if there are none.
    ///   - weights: by the number of an address, the clients that it takes of 100 that it would get.
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
            // An operator's word counts for more than a check's: what is drained comes last, whatever its health is.
            return (limited.map { [Self.firstAttempt(usability, drained: drained, partialDrains: $0)] } ?? [])
                + Self.attempts(usability, drained: drained, partialDrains: partialDrains)
                + Self.attempts(usability, drained: [], partialDrains: [:])
        }
        ipv4 = attempts(health.map { Usability($0.ipv4) })
        ipv6 = attempts(health.map { Usability($0.ipv6) })
        rest = attempts(health.map(Usability.init))
    }

    /// How far a datacenter can be used for a part of an answer.
    private enum Usability: Hashable, Comparable {
        /// It has no such records.
        case absent
        /// Less than the quorum is up: this part of the addresses, from 0 to below 1.
        case short(Double)
        case up

        /// Of the addresses of a family.
        init(_ family: CheckedService.FamilyHealth) {
            self =
                family.addresses == 0
                ? .absent : family.isUp ? .up : .short(Double(family.up) / Double(family.addresses))
        }

        /// Of records that are no addresses: it is enough that something is up there.
        init(_ datacenter: CheckedService.DatacenterHealth) {
            self = datacenter.isUp ? .up : .short(datacenter.up > 0 ? 0.5 : 0)
        }
    }

    /// What is up.
    private static func firstAttempt(
        _ usability: [Usability], drained: Set<Datacenter>, partialDrains: [Datacenter: Availability.PartialDrain]
    ) -> Attempt {
        let unused = usability.indices.filter { usability[$0] != .up }
        return Attempt(
            availability: Availability(down: drained.union(unused), partialDrains: partialDrains), respectsHealth: true)
    }

    /// First what is up; then what is short of its quorum but has addresses that are up, the largest part first; then all, as if
    /// nothing were known.
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

    /// The number of attempts that are made even if there is to be no answer when all is down. A client that its datacenters
    /// have no room for is better served by the first of them than not at all.
    var certainAttempts: Int { preferred == nil ? 1 : 2 }

    /// The datacenters to try for a part of an answer, one set after the other. Empty if no address is down.
    func attempts(for part: AnswerPart) -> [Attempt] {
        switch part {
        case .all: []
        case .ipv4: ipv4
        case .ipv6: ipv6
        case .rest: rest
        }
    }

    /// Whether it is the same for all clients.
    var isSameForAll: Bool { preferred?.isSameForAll ?? undrained.isSameForAll }

    /// Whether any address is down.
    var hasDownAddresses: Bool { !downAddresses.isEmpty }

    /// Whether the address of that number is down.
    func isDown(_ address: Int) -> Bool { address < downAddresses.count && downAddresses[address] }

    /// A weight for picking among addresses, of which one has that weight and that number.
    func weight(_ weight: UInt32, ofAddress address: Int) -> UInt32 {
        // A weight of the configuration is at most 1,000,000.
        weights.isEmpty ? weight : weight &* UInt32(weights[address])
    }
}
