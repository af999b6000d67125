import Configuration
import Geography
import Routing
import Telemetry
import Zones

/// All that answers are made from, compiled from one configuration and never changed. The configuration itself, which may
/// be several times as large, is not kept.
public final class Snapshot: Sendable {
    let store: RecordStore
    let zones: ZoneTable
    let maps: [CompiledMap]
    /// The services of all zones, each zone's own behind each other.
    let services: [BoundService]
    /// Where the services of each zone begin.
    private let firstServices: [Int]
    /// By number.
    let datacenterNames: [String]
    /// By position in the configuration.
    let serviceNames: [String]
    /// By position in the configuration, what of a service is checked.
    let checkedServices: [CheckedService?]
    /// Counts what is answered from it.
    let tally: Tally
    /// That tally, for the thread that answers.
    let counters: Tally.Writer
    /// The files of the databases, in the order in which they are asked.
    let databases: [String]
    /// When the databases that it was made from were built.
    let databaseBuilds: [DatabaseBuild]
    let hitsLog: Configuration.HitsLog?
    /// How long a coprocess stays awake for the next question, in microseconds.
    let waitMicroseconds: Int
    /// What works, but hardly as it was meant.
    public let warnings: [Complaint]

    /// A service as one zone has it.
    final class BoundService: Sendable {
        /// Its position in the configuration.
        let service: Int
        let map: Int
        let answers: ServiceAnswers
        /// How many addresses of each family a datacenter gives at most.
        let pick: Int
        /// How many datacenters an answer comes from at most.
        let spread: Int
        let isSticky: Bool
        let answersWhenAllDown: Bool
        /// Makes services draw independently of each other.
        let salt: UInt64

        init(
            _ configured: Configuration.Service, _ service: Int, _ zone: Zone, store: inout RecordStore
        ) {
            self.service = service
            map = configured.map
            answers = ServiceAnswers(
                configured.answers.map { answers in
                    answers.map {
                        ServiceAnswers.Record(
                            type: $0.type, content: $0.content, identity: identity(of: $0.content.text),
                            weight: $0.weight)
                    }
                }, ttl: configured.ttl ?? zone.defaultTTL, negativeTTL: zone.negativeTTL, store: &store)
            pick = configured.spread == nil ? configured.pick ?? .max : 1
            spread = configured.spread ?? 1
            isSticky = configured.isSticky
            answersWhenAllDown = configured.answersWhenAllDown
            salt = identity(of: configured.name)
        }
    }

    /// Reads the databases of `configuration`, and works out all that a question could ask.
    public convenience init(_ configuration: Configuration) throws(ConfigurationError) {
        try self.init(SnapshotPlan(configuration))
    }

    /// Works out what was planned, which takes its time with a large database.
    ///
    /// - Parameter warnsOfUnknownPlaces: also looks for rules that no database lets act, which may take longer than pdns
    ///   waits for an answer.
    public init(_ plan: SnapshotPlan, warnsOfUnknownPlaces: Bool = false) throws(ConfigurationError) {
        let configuration = plan.configuration
        datacenterNames = configuration.datacenters.map(\.name)
        serviceNames = configuration.services.map(\.name)
        checkedServices = configuration.services.map(CheckedService.init)
        databases = configuration.databases.map(\.path)
        databaseBuilds = plan.databaseBuilds
        hitsLog = configuration.hitsLog
        waitMicroseconds = configuration.waitMicroseconds
        let apexes = configuration.zones.map(\.apex)
        tally = Tally(zoneCount: apexes.count, services: serviceNames, datacenters: datacenterNames) {
            apexes[$0].description
        }
        counters = tally.writer
        let (atlas, databaseWarnings) = try plan.atlas()
        warnings =
            configuration.warnings + plan.warnings
            + (warnsOfUnknownPlaces ? databaseWarnings + configuration.warnings(about: atlas) : [])
        var compiler = MapCompiler(
            atlas,
            datacenters: configuration.datacenters.map {
                .init(identity: identity(of: $0.name), location: $0.location.map(Direction.init))
            })
        var maps: [CompiledMap] = []
        for map in configuration.maps { maps.append(compiler.compile(map.rules)) }
        self.maps = maps

        var store = RecordStore()
        var services: [BoundService] = []
        var firstServices: [Int] = []
        for zone in configuration.zones {
            firstServices.append(services.count)
            for service in zone.services {
                services.append(BoundService(configuration.services[service], service, zone, store: &store))
            }
        }
        zones = ZoneTable(configuration.zones)
        self.store = store
        self.services = services
        self.firstServices = firstServices
    }

    /// The position in `services` of a name's service.
    func service(of node: ZoneNode, inZone zone: Int) -> Int? {
        node.service < 0 ? nil : firstServices[zone] + Int(node.service)
    }
}
