import Routing

extension ConfigurationParser {
    /// Words with a meaning of their own in destinations, which cannot name a datacenter.
    static let destinationWords =
        (KeyGroup.destinations + [.spread]).reduce(into: Set(["all", "none"])) { $0.formUnion($1.names) }

    /// Reads where a rule sends its clients: see `Destination`.
    func destination(_ node: YAMLNode, _ what: String) -> Destination? {
        switch node.value {
        case .sequence(let sequence):
            if sequence.isEmpty {
                reader.diagnose(node.position, "\(what) is an empty list; name a datacenter, or write none")
            }
            return .list(sequence.compactMap { part(of: $0, what) })
        case .mapping(let mapping):
            let keys = mapping.compactMap { $0.key.scalar?.string }
            if keys.contains("then") || keys.contains("list") { return spreading(node, keys, what) }
            if keys.contains("random") { return pool(node, what) }
            if keys.contains("nearest") || keys.contains("limit") { return nearest(node, what) }
            return weighted(node, what)
        default:
            guard let word = reader.text(node, what) else { return nil }
            switch word {
            case "none":
                adviseOfNowhere(node.position, what)
                return Destination.none
            case "nearest": return nearest(of: locatedDatacenters, limit: nil, node.position, what)
            default: return datacenter(word, node.position).map { .tier([Share($0)]) }
            }
        }
    }

    /// Reads a destination inside a list.
    func part(of node: YAMLNode, _ what: String) -> Destination? {
        if let then = node.mapping?.first(where: { $0.key.scalar?.string == "then" }) {
            reader.diagnose(
                then.key.position,
                "then is inside the list of \(what); write it next to the list: { list: [...], then: spread }")
            return nil
        }
        guard case .scalar(let scalar) = node.value, scalar.string == "none" else { return destination(node, what) }
        reader.diagnose(node.position, "none is in the list of \(what); write it alone, or leave it out")
        return nil
    }

    func pool(_ node: YAMLNode, _ what: String) -> Destination? {
        guard let pool = reader.fields(node, what, .pool)["random"] else { return nil }
        let members = datacenters(pool.value, what)
        if members.isEmpty, case .sequence(let sequence) = pool.value.value, sequence.isEmpty {
            reader.diagnose(pool.value.position, "\(what) has an empty list; name at least one datacenter")
        }
        return .tier(members.map { Share($0) })
    }

    private func weighted(_ node: YAMLNode, _ what: String) -> Destination? {
        var shares: [Share] = []
        for entry in reader.entries(node, what) {
            guard let datacenter = datacenterNumbers[entry.key] else {
                if unknownSections.contains("datacenters") { continue }
                let known = configuration.datacenters.map(\.name) + KeyGroup.destinations.flatMap(\.required)
                reader.diagnose(
                    entry.keyPosition,
                    "unknown key '\(entry.key)' in \(what)\(suggestion(for: entry.key, among: known))")
                continue
            }
            if let weight = reader.count(entry.value, "the weight of \(entry.key) in \(what)") {
                shares.append(Share(datacenter, weight: weight))
            }
        }
        if case .mapping(let mapping) = node.value, mapping.isEmpty {
            reader.diagnose(node.position, "\(what) is empty; name a datacenter, or write none")
        }
        return shares.isEmpty ? nil : .tier(shares)
    }

    func nearest(_ node: YAMLNode, _ what: String) -> Destination? {
        let fields = reader.fields(node, what, .nearest)
        let limit = fields["limit"].flatMap { reader.count($0.value, "the limit of \(what)") }
        guard let field = fields["nearest"] else { return nil }
        if case .scalar(let scalar) = field.value.value, scalar.string == "all" {
            return nearest(of: locatedDatacenters, limit: limit, field.value.position, what)
        }
        if case .sequence(let sequence) = field.value.value, sequence.isEmpty {
            reader.diagnose(
                field.value.position, "\(what) uses nearest of an empty list; name at least one datacenter")
            return nil
        }
        return nearest(of: datacenters(field.value, what), limit: limit, field.value.position, what)
    }

    private func nearest(
        of datacenters: [Datacenter], limit: UInt32?, _ position: Diagnostic.Position?, _ what: String
    ) -> Destination? {
        for datacenter in datacenters where configuration.datacenters[datacenter].location == nil {
            let name = configuration.datacenters[datacenter].name
            if brokenLocations.contains(datacenter) { continue }
            reader.diagnoseOnce(
                position, key: "no location of \(name)",
                "\(what) uses nearest, but \(name) has no location; add \(name): { location: [LATITUDE, LONGITUDE] }"
            )
        }
        guard !datacenters.isEmpty else {
            if !brokenLocations.isEmpty || unknownSections.contains("datacenters") { return nil }
            reader.diagnoseOnce(
                position, key: "no location",
                "\(what) uses nearest, but no datacenter has a location; add location: [LATITUDE, LONGITUDE]")
            return nil
        }
        return .nearest(datacenters, limit: limit.map(Int.init) ?? datacenters.count)
    }

    private var locatedDatacenters: [Datacenter] {
        configuration.datacenters.indices.filter { configuration.datacenters[$0].location != nil }
    }

    /// Reads a list of datacenters, each at most once.
    func datacenters(_ node: YAMLNode, _ what: String) -> [Datacenter] {
        var members: [Datacenter] = []
        for item in reader.items(node) {
            guard let member = datacenter(item, "a datacenter of \(what)") else { continue }
            if members.contains(member) {
                reader.diagnose(
                    item.position, "\(configuration.datacenters[member].name) is listed twice; keep one")
            } else {
                members.append(member)
            }
        }
        return members
    }
}
