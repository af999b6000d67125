import Geography

/// The rules of one map. The most specific rule that matches a client wins: network (longest prefix), autonomous
/// system, city, subdivision, country, continent, default. A region acts at the level of its members.
public struct PlaceRules: Sendable {
    /// The rules for networks. The longest prefix that contains a client wins.
    public var networks = NetworkRules()
    /// The rules for autonomous systems by number (ASN): `asns` in the configuration.
    public var asns: [UInt32: Destination] = [:]
    /// The rules for cities. A rule by id comes first. Of two rules for the same name, the one in a
    /// subdivision comes before the one in a country.
    public var cities: [CityKey: Destination] = [:]
    /// The rules for subdivisions (ISO 3166-2). Of nested subdivisions the narrowest wins.
    public var subdivisions: [SubdivisionCode: Destination] = [:]
    /// The rules for countries (ISO 3166-1, two letters).
    public var countries: [PlaceCode: Destination] = [:]
    /// Groups of countries and subdivisions. A region acts at the level of its member, after the member's own rule. If
    /// two regions have the same member, the first one acts.
    public var regions: [Region] = []
    /// The rules for continents (AF, AN, AS, EU, NA, OC, SA).
    public var continents: [PlaceCode: Destination] = [:]
    /// The destination of clients that no other rule matches: `default` in the configuration.
    public var defaultDestination: Destination

    /// Makes rules that send all clients to one destination.
    public init(default destination: Destination) { defaultDestination = destination }

    /// A city as a rule names it.
    public enum CityKey: Hashable, Sendable, CustomStringConvertible {
        /// The city with this GeoNames id.
        case geonameID(UInt32)
        /// All cities of this name in a country.
        case inCountry(PlaceCode, name: String)
        /// All cities of this name in a subdivision.
        case inSubdivision(SubdivisionCode, name: String)

        public var description: String {
            switch self {
            case .geonameID(let number): "\(number)"
            case .inCountry(let country, let name): "\(country)/\(name)"
            case .inSubdivision(let subdivision, let name): "\(subdivision)/\(name)"
            }
        }
    }

    /// A named group of countries and subdivisions, and where its clients go.
    public struct Region: Sendable {
        /// The name in the configuration.
        public var name: String
        /// The countries that are members.
        public var countries: Set<PlaceCode>
        /// The subdivisions that are members.
        public var subdivisions: Set<SubdivisionCode>
        /// Where clients in a member go.
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

    /// All datacenters that the rules name.
    public var datacenters: Set<Datacenter> {
        var all = defaultDestination.datacenters
        for destination in destinations { all.formUnion(destination.datacenters) }
        return all
    }

    /// Whether some rule spreads the clients of an unavailable datacenter.
    public var spreads: Bool {
        (destinations + [defaultDestination]).contains { if case .spread = $0 { true } else { false } }
    }

    /// Whether some rule may spread clients over all datacenters that have an answer.
    public var spreadsOverAll: Bool { (destinations + [defaultDestination]).contains(where: \.spreadsOverAll) }

    /// Whether some rule gives its clients no answer.
    public var sendsSomeNowhere: Bool { (destinations + [defaultDestination]).contains { $0.datacenters.isEmpty } }

    /// The fields that the rules use besides the network. If none of these is known of a client, it counts as unknown,
    /// and gets the list of its resolver.
    public var fields: PlaceFields {
        var fields: PlaceFields = []
        if !asns.isEmpty { fields.insert(.asn) }
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
        if (destinations + [defaultDestination]).contains(where: \.wantsNearest) { fields.insert(.coordinates) }
        return fields
    }

    private var destinations: [Destination] {
        networks.destinations + Array(asns.values) + Array(cities.values) + Array(subdivisions.values)
            + Array(countries.values) + regions.map(\.destination) + Array(continents.values)
    }
}

// MARK: - Matching

extension PlaceRules {
    /// A rule that matches a client.
    public struct Match: Sendable {
        /// The name of the rule, such as `country NO`.
        public var rule: String
        /// Where the rule sends the client.
        public var destination: Destination
    }

    /// Returns all rules that match a client, the winning one first and the default last.
    ///
    /// `explain` uses it. Answers come from `MapCompiler`, which decides for all addresses at once. `Tests/Differential`
    /// compares both with `Evaluator.rule(for:at:)`, the same order in fifteen plain lines.
    ///
    /// - Parameters:
    ///   - client: the client's subnet or address; an embedded IPv4 address counts as an IPv4 client.
    ///   - asn: the number of the client's autonomous system; 0 if it is unknown.
    ///   - place: the client's place; empty if it is unknown.
    public func matches(_ client: IPPrefix, asn: UInt32, place: Place) -> [Match] {
        networkMatches(client) + asnMatches(asn) + placeMatches(place)
    }

    /// Returns the network rules that match a client, the longest prefix first.
    private func networkMatches(_ client: IPPrefix) -> [Match] {
        let client = client.embeddedIPv4.map { .v4($0.address) } ?? client.address
        var longest: [Int: Match] = [:]
        for (prefix, destination) in networks where prefix.contains(client) {
            longest[prefix.length] = Match(rule: "network \(prefix)", destination: destination)
        }
        return longest.sorted { $0.key > $1.key }.map(\.value)
    }

    private func asnMatches(_ asn: UInt32) -> [Match] {
        asns[asn].map { [Match(rule: "AS\(asn)", destination: $0)] } ?? []
    }

    func placeMatches(_ place: Place) -> [Match] {
        cityMatches(place) + subdivisionMatches(place.subdivisions) + countryMatches(place.country)
            + continentMatches(place.continent) + [Match(rule: "default", destination: defaultDestination)]
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

    /// Returns the rules that match, the narrowest subdivision first; for each, its own rule and then those of its
    /// regions.
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
    /// The fields that a rule for this subdivision uses.
    fileprivate var fields: PlaceFields {
        isName ? [.country, .subdivisions, .subdivisionNames] : [.country, .subdivisions]
    }
}

extension PlaceRules.Region {
    fileprivate func match(_ member: String) -> PlaceRules.Match {
        PlaceRules.Match(rule: "region \(name) (\(member))", destination: destination)
    }
}
