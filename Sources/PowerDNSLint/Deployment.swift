import Configuration
import DNS
import Routing
import Zones

/// The configuration that a pdns_server serves, and the machine that it runs on: its settings are checked against both.
public struct Deployment {
    public var configuration: Configuration
    /// The CPU time from the start of a coprocess to its first answer.
    public var startTime: Duration
    /// The number of coprocesses that can run in parallel.
    public var cores: Int
    /// Returns the configuration file that geopipe uses with these arguments; throws the error in them.
    public var configurationFile: (_ arguments: [String]) throws(CommandError) -> String

    /// The error of arguments with which geopipe does not run as a backend.
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
    /// Whether the answers of any name depend on the client.
    var isGeographic: Bool { zones.contains { !$0.services.isEmpty } }

    /// Returns the first zone that has records of `type`, in its file or from a service.
    func zone(with type: RecordType) -> Zone? {
        zones.first { zone in
            zone.types.contains(type)
                || zone.services.contains { services[$0].answers.joined().contains { $0.type == type } }
        }
    }

    /// The record types that some clients of a service lack, as text; `nil` if every service in use answers all
    /// clients with the same types.
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
                : "for the clients that map \(maps[service.map].name) sends to no datacenter"
            return "service \(service.name) has \(missing), but not \(who)"
        }
        return nil
    }

    /// Returns the types that each group of a service's clients gets.
    private func types(_ service: Service) -> [Set<RecordType>] {
        reach(of: service).map { Set(service.answers[$0].map(\.type)) }
            + (maps[service.map].rules.sendsSomeNowhere ? [[]] : [])
    }
}
