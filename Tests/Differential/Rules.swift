import Support

/// The destination of a rule in all forms of the configuration. Datacenters are numbers.
indirect enum RuleDestination {
    case datacenter(Int)
    case list([RuleDestination])
    case weighted([(datacenter: Int, weight: Int)])
    case random([Int])
    /// All datacenters with a location, by distance.
    case nearest
    case nearestOf([Int], limit: Int?)
    /// A destination whose clients of unusable datacenters are spread over these, or over all.
    case spread(RuleDestination, group: [Int]?)
    case none

    var yaml: String {
        switch self {
        case .datacenter(let number): name(number)
        case .list(let parts): "[\(parts.map(\.yaml).joined(separator: ", "))]"
        case .weighted(let shares):
            "{ \(shares.map { "\(name($0.datacenter)): \($0.weight)" }.joined(separator: ", ")) }"
        case .random(let members): "{ random: [\(members.map(name).joined(separator: ", "))] }"
        case .nearest: "nearest"
        case .nearestOf(let members, let limit):
            "{ nearest: [\(members.map(name).joined(separator: ", "))]\(limit.map { ", limit: \($0)" } ?? "") }"
        case .spread(let destination, let group):
            "{ \(destination.spreadForm), then: \(group.map { "{ spread: [\($0.map(name).joined(separator: ", "))] }" } ?? "spread") }"
        case .none: "none"
        }
    }

    /// The other key in a mapping with `then`.
    private var spreadForm: String {
        switch self {
        case .random, .nearestOf: String(yaml.dropFirst(2).dropLast(2))
        case .nearest: "nearest: all"
        case .list: "list: \(yaml)"
        default: "list: [\(yaml)]"
        }
    }
}

extension RuleDestination {
    /// Whether any part depends on distances.
    var dependsOnDistance: Bool {
        switch self {
        case .nearest, .nearestOf: true
        case .list(let parts): parts.contains(where: \.dependsOnDistance)
        case .spread(let destination, _): destination.dependsOnDistance
        case .datacenter, .weighted, .random, .none: false
        }
    }
}

func name(_ datacenter: Int) -> String { "dc\(datacenter)" }

/// A map of the configuration.
struct MapRules {
    var networks: [(network: Network, destination: RuleDestination)] = []
    var systems: [(number: UInt32, destination: RuleDestination)] = []
    /// Rules by city: `US/Miami`, `US-FL/Miami` or a number.
    var cities: [(key: String, destination: RuleDestination)] = []
    /// Rules by subdivision: `US-FL`.
    var subdivisions: [(key: String, destination: RuleDestination)] = []
    var countries: [(key: String, destination: RuleDestination)] = []
    /// Rules by region, with the members: `US`, `US-FL`.
    var regions: [(name: String, members: [String], destination: RuleDestination)] = []
    var continents: [(key: String, destination: RuleDestination)] = []
    var fallback: RuleDestination = .none
    /// The number of networks that are in a separate file.
    var networksInFile = 0

    /// The destinations of all rules.
    var destinations: [RuleDestination] {
        networks.map(\.destination) + systems.map(\.destination) + cities.map(\.destination)
            + subdivisions.map(\.destination) + countries.map(\.destination) + regions.map(\.destination)
            + continents.map(\.destination) + [fallback]
    }
}

/// A configuration for both geopipe and the evaluator.
struct TestWorld {
    var databases: [String] = []
    /// The location of each datacenter, if it has one.
    var datacenters: [ReferenceLocation?] = []
    /// The capacity of each datacenter, if it has one.
    var capacities: [Int: Int] = [:]
    var maps: [MapRules] = []
    /// The services, each with its map and other settings, such as `spread: 2`.
    var services: [(name: String, map: Int, settings: String)] = []

    static let zone = "example.com"

    /// The configuration file, which names a file of networks for each map.
    private func yaml(_ networksFiles: [String]) -> String {
        var lines = ["databases: [\(databases.joined(separator: ", "))]", "datacenters:"]
        for (number, location) in datacenters.enumerated() {
            let fields = [
                location.map { "location: [\($0.latitude), \($0.longitude)]" },
                capacities[number].map { "capacity: \($0)" },
            ].compactMap(\.self)
            lines.append("  \(name(number)): { \(fields.joined(separator: ", ")) }")
        }
        let regions = maps.flatMap(\.regions)
        if !regions.isEmpty { lines.append("regions:") }
        for region in regions { lines.append("  \(region.name): [\(region.members.joined(separator: ", "))]") }
        func section(_ title: String, _ rules: [(String, RuleDestination)]) {
            guard !rules.isEmpty else { return }
            lines.append("    \(title):")
            for (key, destination) in rules { lines.append("      \"\(key)\": \(destination.yaml)") }
        }
        lines.append("maps:")
        for (number, map) in maps.enumerated() {
            lines.append("  map\(number):")
            let outside = map.networks.dropLast(map.networksInFile)
            section("networks", outside.map { ("\($0.network)", $0.destination) })
            if map.networksInFile > 0 { lines.append("    networks_file: \(networksFiles[number])") }
            section(
                "asns", map.systems.map { ($0.number % 2 == 0 ? "AS\($0.number)" : "\($0.number)", $0.destination) })
            section("cities", map.cities)
            section("subdivisions", map.subdivisions)
            section("countries", map.countries)
            section("regions", map.regions.map { ($0.name, $0.destination) })
            section("continents", map.continents)
            lines.append("    default: \(map.fallback.yaml)")
        }
        lines.append("services:")
        for service in services {
            lines += ["  \(service.name):", "    map: map\(service.map)", "    ttl: 60"]
            if !service.settings.isEmpty { lines.append("    \(service.settings)") }
            let answers = datacenters.indices.map { "\(name($0)): \(Geopipe.address(of: $0))" }
            lines.append("    answers: { \(answers.joined(separator: ", ")) }")
        }
        lines += [
            "zones:", "  \(Self.zone):",
            "    soa: { primary: ns.\(Self.zone)., contact: host.\(Self.zone)., serial: 1 }",
            "    ns: [ns.\(Self.zone).]", "    records:",
        ]
        for service in services { lines.append("      \(service.name): { service: \(service.name) }") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The contents of the file of networks for each map.
    private var networkLines: [String] {
        maps.map { map in
            map.networks.suffix(map.networksInFile).map { "\($0.network) \($0.destination.yaml)\n" }.joined()
        }
    }

    /// Writes the files; returns the path of the configuration.
    func write(to folder: Folder) throws -> String {
        let networks = try networkLines.enumerated().map { try folder.write($1.utf8, to: "map\($0).nets") }
        return try folder.write(yaml(networks).utf8, to: "geopipe.yaml")
    }
}
