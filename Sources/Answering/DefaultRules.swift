import Routing
import Telemetry

/// Determines for which clients only the default of a map applies.
package struct DefaultRules {
    /// The number of the counters of the snapshot that `maps` belongs to; 0 for none.
    private var tally: UInt32 = 0
    /// The map of each service, by its position in the configuration; -1 for a service that no name has.
    private var maps: [Int32] = []

    /// Makes a value that has seen no snapshot.
    package init() {}

    /// Returns whether the default decided, or a rule with the same result; `nil` if another snapshot answered.
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
