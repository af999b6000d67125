import Geography

/// The rules of one map. The most specific that knows the client wins: network (longest prefix), autonomous system,
/// city, subdivision, country, region, continent, default.
public struct PlaceRules: Sendable {
    public var networks = NetworkRules()
    /// By the number of the autonomous system.
    public var systems: [UInt32: Destination] = [:]
    public var cities: [CityKey: Destination] = [:]
    public var subdivisions: [SubdivisionCode: Destination] = [:]
    public var countries: [PlaceCode: Destination] = [:]
    /// Groups of countries and subdivisions. A region acts at the level of its member, behind the member's own rule; of
    /// two regions with the same member the first acts.
    public var regions: [Region] = []
    public var continents: [PlaceCode: Destination] = [:]
    public var fallback: Destination

    /// Rules that send everybody to `fallback`.
    public init(fallback: Destination) { self.fallback = fallback }

    /// How a rule names a city.
    public enum CityKey: Hashable, Sendable, CustomStringConvertible {
        case geonameID(UInt32)
        case inCountry(PlaceCode, name: String)
        case inSubdivision(SubdivisionCode, name: String)

        public var description: String {
            switch self {
            case .geonameID(let number): "\(number)"
            case .inCountry(let country, let name): "\(country)/\(name)"
            case .inSubdivision(let subdivision, let name): "\(subdivision)/\(name)"
            }
        }
    }

    /// A named group of places, and where its clients go.
    public struct Region: Sendable {
        public var name: String
        public var countries: Set<PlaceCode>
        public var subdivisions: Set<SubdivisionCode>
        public var destination: Destination

        public init(
            name: String, countries: Set<PlaceCode>, subdivisions: Set<SubdivisionCode>, destination: Destination
        ) {
            self.name = name
            self.countries = countries
            self.subdivisions = subdivisions
            self.destination = destination
        }
    }

    /// All datacenters that rules name, to which some client may be sent.
    public var datacenters: Set<Datacenter> {
        var all = fallback.datacenters
        for destination in destinations { all.formUnion(destination.datacenters) }
        return all
    }

    /// Whether some rule spreads the clients of a datacenter that is not available.
    public var spreads: Bool {
        (destinations + [fallback]).contains { if case .spread = $0 { true } else { false } }
    }

    /// Whether some rule may spread clients over all datacenters that have an answer.
    public var spreadsOverAll: Bool { (destinations + [fallback]).contains(where: \.spreadsOverAll) }

    /// Some clients are sent to no datacenter.
    public var sendsSomeNowhere: Bool { (destinations + [fallback]).contains { $0.datacenters.isEmpty } }

    /// What the rules look at of a client beside its network.
    ///
    /// Of a client of whom none of this is known the resolver stands in.
    public var fields: PlaceFields {
        var fields: PlaceFields = []
        if !systems.isEmpty { fields.insert(.asn) }
        for city in cities.keys {
            fields.insert(.city)
            switch city {
            case .geonameID: break
            case .inCountry: fields.insert(.country)
            case .inSubdivision(let subdivision, _): fields.formUnion(subdivision.fields)
            }
        }
        for subdivision in subdivisions.keys { fields.formUnion(subdivision.fields) }
        for region in regions {
            if !region.countries.isEmpty { fields.insert(.country) }
            for subdivision in region.subdivisions { fields.formUnion(subdivision.fields) }
        }
        if !countries.isEmpty { fields.insert(.country) }
        if !continents.isEmpty { fields.insert(.continent) }
        if (destinations + [fallback]).contains(where: \.wantsNearest) { fields.insert(.coordinates) }
        return fields
    }

    private var destinations: [Destination] {
        networks.destinations + Array(systems.values) + Array(cities.values) + Array(subdivisions.values)
            + Array(countries.values) + regions.map(\.destination) + Array(continents.values)
    }
}

// MARK: - Matching

extension PlaceRules {
    /// A rule that applies to a client.
    public struct Match: Sendable {
        /// Such as `country NO`.
        public var rule: String
        public var destination: Destination
    }

    /// All rules that apply to a client, the one that wins first. The last is the default.
    public func matches(_ client: IPPrefix, system: UInt32, place: Place) -> [Match] {
        networkMatches(client) + systemMatches(system) + placeMatches(place)
    }

    /// The rules for the networks around `client`, the longest prefix first.
    private func networkMatches(_ client: IPPrefix) -> [Match] {
        let client = client.embeddedIPv4.map { .v4($0.address) } ?? client.address
        var longest: [Int: Match] = [:]
        for (prefix, destination) in networks where prefix.contains(client) {
            longest[prefix.length] = Match(rule: "network \(prefix)", destination: destination)
        }
        return longest.sorted { $0.key > $1.key }.map(\.value)
    }

    private func systemMatches(_ system: UInt32) -> [Match] {
        systems[system].map { [Match(rule: "AS\(system)", destination: $0)] } ?? []
    }

    func placeMatches(_ place: Place) -> [Match] {
        cityMatches(place) + subdivisionMatches(place.subdivisions) + countryMatches(place.country)
            + continentMatches(place.continent) + [Match(rule: "default", destination: fallback)]
    }

    func cityMatches(_ place: Place) -> [Match] {
        guard let city = place.city else { return [] }
        var keys: [CityKey] = city.geonameID > 0 ? [.geonameID(city.geonameID)] : []
        for name in city.names {
            keys += place.subdivisions.reversed().map { .inSubdivision($0, name: name) }
            if let country = place.country { keys.append(.inCountry(country, name: name)) }
        }
        return keys.compactMap { key in cities[key].map { Match(rule: "city \(key)", destination: $0) } }
    }

    /// Of the narrowest subdivision first its own rule, then that of its region.
    func subdivisionMatches(_ list: [SubdivisionCode]) -> [Match] {
        list.reversed().flatMap { subdivision in
            let own =
                subdivisions[subdivision].map { [Match(rule: "subdivision \(subdivision)", destination: $0)] } ?? []
            return own
                + regions.filter { $0.subdivisions.contains(subdivision) }.map {
                    $0.match("subdivision \(subdivision)")
                }
        }
    }

    func countryMatches(_ country: PlaceCode?) -> [Match] {
        guard let country else { return [] }
        let own = countries[country].map { [Match(rule: "country \(country)", destination: $0)] } ?? []
        return own + regions.filter { $0.countries.contains(country) }.map { $0.match("country \(country)") }
    }

    func continentMatches(_ continent: PlaceCode?) -> [Match] {
        guard let continent, let destination = continents[continent] else { return [] }
        return [Match(rule: "continent \(continent)", destination: destination)]
    }
}

extension SubdivisionCode {
    /// What has to be known of a client for a rule that means this.
    fileprivate var fields: PlaceFields {
        isName ? [.country, .subdivisions, .subdivisionNames] : [.country, .subdivisions]
    }
}

extension PlaceRules.Region {
    fileprivate func match(_ member: String) -> PlaceRules.Match {
        PlaceRules.Match(rule: "region \(name) (\(member))", destination: destination)
    }
}
