/// A question that is asked repeatedly, each time for another client.
enum Question: CaseIterable {
    case web, wildcard, zone, list, six, fixed, missing, checked, spread

    /// How often it is asked, relative to the others.
    var weight: Int { self == .web ? 4 : self == .list || self == .checked ? 3 : 1 }

    /// The name in the zone; a star becomes a unique label.
    var name: String {
        switch self {
        case .web, .zone: "www"
        case .wildcard: "*.any"
        case .list, .six: "api"
        case .fixed: "fixed"
        case .missing: "*"
        case .checked: "checked"
        case .spread: "spread"
        }
    }

    var type: Int {
        switch self {
        case .zone: 15
        case .six: 28
        default: 1
        }
    }

    var typeName: String { type == 15 ? "MX" : type == 28 ? "AAAA" : "A" }

    /// Whether its answers depend on the client, so that they must have a scope.
    var isGeographic: Bool { self != .fixed && self != .missing && self != .zone }

    var parts: [Part] {
        switch self {
        case .web, .wildcard: [.configuration, .networks, .database, .rollout] + Part.drains(of: .web)
        case .spread: [.database, .rollout] + Part.drains(of: .spread) + [.order]
        case .zone: [.zone, .rollout]
        case .list, .six: [.configuration, .database, .rollout] + Part.drains(of: .api)
        case .fixed, .missing: []
        case .checked:
            [.database, .rollout] + Part.drains(of: .checked) + Datacenter.allCases.map { .force($0) }
                + (0..<Part.checkedAddresses).map { .health($0) }
        }
    }
}
