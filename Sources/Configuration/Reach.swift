import Routing

extension Configuration {
    /// Returns all datacenters that `destination` may send clients of `services` to: those that it names, and if it
    /// spreads clients over all, every datacenter in which one of the services has an answer.
    public func reach(of destination: Destination, for services: some Sequence<Service>) -> Set<Datacenter> {
        destination.spreadsOverAll
            ? services.reduce(into: destination.datacenters) { $0.formUnion($1.answering) } : destination.datacenters
    }

    /// Returns all datacenters that some client of `service` may be sent to, by index.
    public func reach(of service: Service) -> [Datacenter] {
        let map = maps[service.map]
        return (map.rules.spreadsOverAll ? map.datacenters.union(service.answering) : map.datacenters).sorted()
    }
}

extension Configuration.Service {
    /// The datacenters in which it has an answer.
    fileprivate var answering: [Datacenter] { answers.indices.filter { !answers[$0].isEmpty } }
}
