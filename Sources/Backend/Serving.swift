import Configuration
import Routing

/// All that an answer depends on but the question and chance: a snapshot, and what of it may be used.
public final class Serving: Sendable {
    public let snapshot: Snapshot
    /// The switches that count.
    public let switches: [Switch]
    /// By what is asked of them, the addresses that are down.
    public let down: [String: HealthReport.State]
    /// By the position of a service in the configuration.
    private let states: [ServiceState]

    /// - Parameters:
    ///   - switches: what operators have switched off. Datacenters and services that the snapshot does not have are passed over.
    ///   - health: what is known of the health of addresses; those that it does not speak of count as up.
    ///   - time: switches that have ended by then, in seconds since 1970, count no more, nor does health that is not known any
    ///     more.
    public init(_ snapshot: Snapshot, switches: [Switch], health: HealthReport? = nil, at time: Int) {
        self.snapshot = snapshot
        let switches = switches.filter { $0.isInForce(at: time) }
        self.switches = switches
        let down = health?.down(at: time) ?? [:]
        self.down = down
        states = snapshot.serviceNames.indices.map { service in
            let name = snapshot.serviceNames[service]
            var drained: Set<Datacenter> = []
            var parts: [Datacenter: Double] = [:]
            for entry in switches where (entry.service ?? name) == name {
                guard let datacenter = snapshot.datacenterNames.firstIndex(of: entry.datacenter) else { continue }
                if entry.share == 100 {
                    drained.insert(datacenter)
                } else {
                    parts[datacenter] = max(parts[datacenter] ?? 0, Double(entry.share) / 100)
                }
            }
            let closures = parts.map { datacenter, part in
                let name = snapshot.datacenterNames[datacenter]
                return (datacenter, Availability.Closure(part: part, identity: identity(of: name)))
            }
            let checked = down.isEmpty ? nil : snapshot.checkedServices[service]
            // One for all of which there is nothing to tell stays in the processor's cache.
            if drained.isEmpty, closures.isEmpty, checked == nil { return .all }
            let health = checked?.datacenters { down[$0] != nil } ?? []
            return ServiceState(
                drained: drained, closures: Dictionary(uniqueKeysWithValues: closures),
                down: Set(health.indices.filter { !health[$0].isUp }),
                downAddresses: checked?.addresses { down[$0] != nil } ?? [])
        }
    }

    /// The switches that count for a service.
    func switches(ofService service: String) -> [Switch] { switches.filter { ($0.service ?? service) == service } }

    /// What a service may use, by its position in the configuration.
    func state(ofService service: Int) -> ServiceState { states[service] }
}

/// Which datacenters and addresses a service may use.
final class ServiceState: Sendable {
    /// What is neither drained nor down.
    let available: Availability
    /// What is not drained.
    let undrained: Availability
    /// What is not down.
    let up: Availability
    /// By the number of an address; empty if none is down.
    private let downAddresses: [Bool]

    /// All may be used.
    static let all = ServiceState(drained: [], closures: [:], down: [], downAddresses: [])

    init(
        drained: Set<Datacenter>, closures: [Datacenter: Availability.Closure], down: Set<Datacenter>,
        downAddresses: [Bool]
    ) {
        available = Availability(down: drained.union(down), closures: closures)
        undrained = down.isEmpty ? available : Availability(down: drained, closures: closures)
        up = down.isEmpty ? .all : Availability(down: down)
        self.downAddresses = downAddresses.contains(true) ? downAddresses : []
    }

    /// Whether it is the same for all clients.
    var isSameForAll: Bool { available.isSameForAll }

    /// Whether any address is down.
    var hasDownAddresses: Bool { !downAddresses.isEmpty }

    /// Whether the address of that number is down.
    func isDown(_ address: Int) -> Bool { address < downAddresses.count && downAddresses[address] }
}
