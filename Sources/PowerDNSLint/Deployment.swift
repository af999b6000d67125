import Configuration
import DNS
import Routing
import Zones

/// What a pdns_server is to serve, and on what: all that its settings are held against.
public struct Deployment {
    public var configuration: Configuration
    /// The CPU time that a coprocess needs until its first answer.
    public var startTime: Duration
    /// How many coprocesses can run at once.
    public var cores: Int
    /// The configuration that geopipe uses when it is started with these arguments; throws what is wrong with them.
    public var configurationFile: (_ arguments: [String]) throws(CommandError) -> String

    /// Arguments with which geopipe is no backend.
    public struct CommandError: Error {
        public var message: String

        public init(message: String) { self.message = message }
    }

    public init(
        configuration: Configuration, startTime: Duration, cores: Int,
        configurationFile: @escaping (_ arguments: [String]) throws(CommandError) -> String
    ) {
        self.configuration = configuration
        self.startTime = startTime
        self.cores = cores
        self.configurationFile = configurationFile
    }
}

extension Configuration {
    /// The answers of some name depend on the client.
    var isGeographic: Bool { zones.contains { !$0.services.isEmpty } }

    /// The first zone that has records of `type`, of its own or of a service.
    func zone(with type: RecordType) -> Zone? {
        zones.first { zone in
            zone.types.contains(type)
                || zone.services.contains { services[$0].answers.joined().contains { $0.type == type } }
        }
    }

    /// Of a service in use that answers some clients with fewer types of records than others, what those lack.
    var varyingTypes: String? {
        let used = Set(zones.flatMap(\.services))
        for service in used.sorted().map({ services[$0] }) {
            let types = types(service)
            let all = types.reduce(into: Set()) { $0.formUnion($1) }
            guard let place = types.firstIndex(where: { $0 != all }) else { continue }
            let missing = all.subtracting(types[place]).map(\.description).sorted().joined(separator: " and ")
            let reached = reach(of: service)
            let who =
                reached.indices.contains(place)
                ? "in datacenter \(datacenters[reached[place]].name)"
                : "for those whom map \(maps[service.map].name) sends to none"
            return "service \(service.name) has \(missing), but not \(who)"
        }
        return nil
    }

    /// The types that each group of a service's clients gets.
    private func types(_ service: Service) -> [Set<RecordType>] {
        reach(of: service).map { Set(service.answers[$0].map(\.type)) }
            + (maps[service.map].rules.sendsSomeNowhere ? [[]] : [])
    }
}
