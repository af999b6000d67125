import Routing

extension Configuration {
    /// Limits on drains: of all datacenters together, and of the datacenters of a service that is drained separately.
    public struct Safety: Sendable {
        /// The minimum number of datacenters that are not drained, or only partly.
        public var inUse: Int?
        /// The part of the capacity that must not be drained, in percent, 1 to 100.
        public var capacity: Int?

        public enum Rule: String, CaseIterable, Sendable {
            case inUse = "in_use"
            case capacity
        }
    }

    /// Returns the datacenters that a map sends clients to, or spreads clients of a service over; with `service`, only
    /// its own.
    public func datacentersInUse(byService service: String?) -> Set<Datacenter> {
        guard let service else {
            return services.filter { maps.indices.contains($0.map) }.reduce(
                into: maps.reduce(into: Set<Datacenter>()) { $0.formUnion($1.datacenters) }
            ) { $0.formUnion(reach(of: $1)) }
        }
        guard let service = services.first(where: { $0.name == service }), maps.indices.contains(service.map) else {
            return []
        }
        return Set(reach(of: service))
    }
}

extension ConfigurationParser {
    mutating func parseSafety(_ node: YAMLNode) {
        let fields = reader.fields(node, "safety", .safety)
        if let node = fields["in_use"]?.value, let number = reader.count(node, "in_use of safety") {
            let count = configuration.datacenters.count
            if number > count, !unknownSections.contains("datacenters") {
                reader.diagnose(
                    node.position,
                    "in_use of safety is \(number), and there \(count == 1 ? "is 1 datacenter" : "are \(count) datacenters"): every drain would be refused; write a smaller number"
                )
            } else {
                configuration.safety.inUse = Int(number)
            }
        }
        if let node = fields["capacity"]?.value, let text = reader.text(node, "capacity of safety") {
            if text.hasSuffix("%"), let percent = Int(text.dropLast()), 1...100 ~= percent {
                configuration.safety.capacity = percent
                adviseOfCapacities()
            } else {
                reader.diagnose(
                    node.position, "capacity of safety is '\(text)'; write a percentage from 1% to 100%, such as 60%")
            }
        }
    }

    /// Warns if some datacenters have a capacity and others have none: they cannot be compared.
    private func adviseOfCapacities() {
        let datacenters = configuration.datacenters
        guard datacenters.contains(where: { $0.capacity != nil }),
            let missing = datacenters.firstIndex(where: { $0.capacity == nil })
        else { return }
        reader.advise(
            positions.datacenters[missing],
            "datacenter \(datacenters[missing].name) has no capacity, but others do: it counts as 1 for the safety rule; write the capacity of each"
        )
    }
}
