import Configuration
import Geography
import Routing
import Zones

/// All that answers are made from, compiled from one configuration and never changed.
public final class Snapshot: Sendable {
    let store: RecordStore
    let zones: ZoneTable
    let maps: [CompiledMap]
    /// The services of the zones' names; a name knows the position of its own.
    let services: [BoundService]

    /// A service as one zone has it.
    struct BoundService {
        var map: Int
        var answers: ServiceAnswers
    }

    /// Opens the databases of `configuration`, and works out all that a question could ask.
    public init(_ configuration: Configuration) throws(ConfigurationError) {
        let atlas = try Self.atlas(configuration)
        maps = configuration.maps.map { CompiledMap($0.rules, atlas) }

        var store = RecordStore()
        var services: [BoundService] = []
        var zones: [Zone] = []
        for (position, zone) in configuration.zones.enumerated() {
            var bound: [Int: Int] = [:]
            for service in Set(zone.services.map(\.service)).sorted() {
                let configured = configuration.services[service]
                let records = configured.answers.map { $0.map { (type: $0.type, content: $0.content) } }
                let answers = ServiceAnswers(
                    records, ttl: configured.ttl ?? zone.defaultTTL, zoneID: position + 1, store: &store)
                bound[service] = services.count
                services.append(BoundService(map: configured.map, answers: answers))
            }
            zones.append(
                Zone(
                    apex: zone.apex, defaultTTL: zone.defaultTTL, negativeTTL: zone.negativeTTL, records: zone.records,
                    services: zone.services.map { (name: $0.name, service: bound[$0.service]!) }))
        }
        self.zones = ZoneTable(zones, store: &store)
        self.store = store
        self.services = services
    }

    private static func atlas(_ configuration: Configuration) throws(ConfigurationError) -> Atlas {
        var atlas = Atlas()
        var complaints: [Complaint] = []
        for database in configuration.databases {
            do {
                try atlas.add(try MaxMindDatabase(path: database.path))
            } catch {
                let file = database.position == nil ? "--database" : configuration.file
                complaints.append(
                    Complaint(
                        file: file, position: database.position,
                        message: "\(error); name a file in MaxMind's format (.mmdb)"))
            }
        }
        guard complaints.isEmpty else { throw ConfigurationError(complaints) }
        return atlas
    }
}
