import Configuration
import Routing

/// All that an answer depends on but the question and chance: a snapshot, and which of its datacenters may be used.
public final class Serving: Sendable {
    public let snapshot: Snapshot
    /// The switches that count.
    public let switches: [Switch]
    /// By the position of a service in the configuration.
    private let availability: [Availability]

    /// - Parameters:
    ///   - switches: what operators have switched off. Datacenters and services that the snapshot does not have are passed over.
    ///   - time: switches that have ended by then, in seconds since 1970, count no more.
    public init(_ snapshot: Snapshot, switches: [Switch], at time: Int) {
        self.snapshot = snapshot
        let switches = switches.filter { $0.isInForce(at: time) }
        self.switches = switches
        availability = snapshot.serviceNames.map { service in
            var down: Set<Datacenter> = []
            var parts: [Datacenter: Double] = [:]
            for entry in switches where (entry.service ?? service) == service {
                guard let datacenter = snapshot.datacenterNames.firstIndex(of: entry.datacenter) else { continue }
                if entry.share == 100 {
                    down.insert(datacenter)
                } else {
                    parts[datacenter] = max(parts[datacenter] ?? 0, Double(entry.share) / 100)
                }
            }
            let closures = parts.map { datacenter, part in
                let name = snapshot.datacenterNames[datacenter]
                return (datacenter, Availability.Closure(part: part, identity: identity(of: name)))
            }
            return Availability(down: down, closures: Dictionary(uniqueKeysWithValues: closures))
        }
    }

    /// The switches that count for a service.
    func switches(ofService service: String) -> [Switch] { switches.filter { ($0.service ?? service) == service } }

    /// Which datacenters a service may use, by its position in the configuration.
    func availability(ofService service: Int) -> Availability { availability[service] }
}
