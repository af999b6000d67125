import Geography
import Routing
import State

/// All that an answer depends on, except for the question and random draws: a snapshot, and which of its datacenters
/// and addresses may be used.
public final class Serving: Sendable {
    /// The image that answers come from.
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
    /// The weights of addresses, and the shares that datacenters take while they come back.
    package let weightsAndShares: WeightsAndShares
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
        let weightsAndShares = snapshot.weightsAndShares(health, at: time)
        self.weightsAndShares = weightsAndShares
        states = snapshot.serviceNames.indices.map { service in
            let name = snapshot.serviceNames[service]
            let own = switches.indices.filter { (switches[$0].service ?? name) == name }
            let forced = Set(
                own.filter { switches[$0].action == .force }.compactMap { datacenters[switches[$0].datacenter] })
            let checked = down.isEmpty ? nil : snapshot.checkedServices[service]
            let (shares, weights) = (
                weightsAndShares.shares(ofService: service), weightsAndShares.weights(ofService: service)
            )
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
