import Routing
import Telemetry

/// Knows for which clients no rule of a map decides but its default.
package struct DefaultRules {
    /// The tally of the snapshot that `maps` is of; 0 is none's.
    private var tally: UInt32 = 0
    /// By the position of a service in the configuration, its map; -1 for a service that no name has.
    private var maps: [Int32] = []

    package init() {}

    /// Whether the default decided, or a rule that says the same; `nil` if another snapshot has answered.
    package mutating func decide(_ hit: Hit, in snapshot: Snapshot) -> Bool? {
        guard hit.tally == snapshot.tally.number else { return nil }
        return withExtendedLifetime(snapshot) {
            if tally != snapshot.tally.number {
                tally = snapshot.tally.number
                maps = Array(repeating: -1, count: snapshot.serviceNames.count)
                for service in snapshot.answers.services.buffer { maps[Int(service.service)] = service.map }
            }
            guard maps.indices.contains(hit.service), maps[hit.service] >= 0 else { return nil }
            let map = snapshot.maps[Int(maps[hit.service])]
            return map.locate(hit.client, length: hit.clientLength, resolver: hit.resolver).list == map.defaultList
        }
    }
}
