import Geography
import Routing

extension ConfigurationParser {
    // MARK: Regions

    mutating func parseRegions(_ node: YAMLNode) {
        var groups: [CountryGroup] = []
        for entry in reader.entries(node, "regions") {
            var region = Region()
            var countries: [(PlaceCode, Diagnostic.Position?)] = []
            var isBroken = reader.isNull(entry.value)
            for item in reader.items(entry.value) {
                if reader.isNull(entry.value) { break }
                guard let text = reader.text(item, "a member of region \(entry.key)") else {
                    isBroken = true
                    continue
                }
                let place =
                    PlaceCode(text).map(RulePlace.country) ?? SubdivisionCode(text).map(RulePlace.subdivision)
                if let reason = place.flatMap({ impossiblePlace($0, isMember: true) }) {
                    isBroken = true
                    reader.diagnose(item.position, reason)
                    if let code = PlaceCode(text) { countries.append((code, item.position)) }
                } else if let country = PlaceCode(text) {
                    countries.append((country, item.position))
                    region.countries.insert(country)
                    region.positions.append(.init(place: .country(country), position: item.position))
                } else if let subdivision = SubdivisionCode(text) {
                    region.subdivisions.insert(subdivision)
                    region.positions.append(.init(place: .subdivision(subdivision), position: item.position))
                } else {
                    isBroken = true
                    reader.diagnose(
                        item.position,
                        "'\(text)' is not a place; \(PlaceTypos.memberHint(text))")
                }
            }
            groups.append(CountryGroup(name: entry.key, countries: countries))
            if region.countries.isEmpty, region.subdivisions.isEmpty, !isBroken || reader.isNull(entry.value) {
                reader.diagnose(entry.keyPosition, "region \(entry.key) has no member; write [NO, SE, US-CA]")
            }
            regions[entry.key] = region
            configuration.regions[entry.key] =
                (region.countries.map(Area.country) + region.subdivisions.map(Area.subdivision))
                .sorted { $0.description < $1.description }
            positions.regions.append((entry.key, entry.keyPosition))
        }
        adviseOfContinents(groups)
    }

    struct Region {
        var countries: Set<PlaceCode> = []
        var subdivisions: Set<SubdivisionCode> = []
        /// The positions of its members.
        var positions: [Configuration.RulePosition] = []
    }

    // MARK: Maps

    mutating func parseMaps(_ node: YAMLNode) {
        for entry in reader.entries(node, "maps") {
            let what = "map \(entry.key)"
            let fields = reader.fields(entry.value, what, .map)
            let defaultDestination = fields["default"].flatMap { destination($0.value, "the default of \(what)") }
            var rules = PlaceRules(default: defaultDestination ?? .none)
            noteNearest(defaultDestination, "the default of ", in: what, fields["default"]?.value.position)
            rules.networks = networks(fields["networks"]?.value, file: fields["networks_file"]?.value, what)
            rules.asns = places(fields["asns"], "asns of \(what)", RulePlace.asn, Self.asn) {
                "'\($0)' is not an AS number; write one such as 2119 or AS2119"
            }
            rules.cities = places(fields["cities"], "cities of \(what)", RulePlace.city, Self.city) {
                "'\($0)' is not a city; \(PlaceTypos.cityHint($0))"
            }
            rules.subdivisions = places(
                fields["subdivisions"], "subdivisions of \(what)", RulePlace.subdivision, { SubdivisionCode($0) }
            ) { "'\($0)' is not a subdivision; \(PlaceTypos.subdivisionHint($0))" }
            rules.countries = places(fields["countries"], "countries of \(what)", RulePlace.country, { PlaceCode($0) })
            {
                "'\($0)' is not a country code; \(PlaceTypos.countryHint($0))"
            }
            adviseOfContinents([CountryGroup(name: nil, countries: positions.countries)])
            positions.countries = []
            rules.regions = regionRules(fields["regions"]?.value, what)
            rules.continents = places(
                fields["continents"], "continents of \(what)", RulePlace.continent, Self.continent
            ) {
                PlaceTypos.continentComplaint($0)
            }
            if configuration.databases.isEmpty, !hasUnknownDatabases, rules.needsDatabase, !hasComplainedOfDatabases {
                hasComplainedOfDatabases = true
                reader.diagnose(
                    entry.keyPosition, "\(what) has rules for places but there is no database; add databases:")
            }
            positions.maps.append(entry.keyPosition)
            mapNumbers[entry.key] = configuration.maps.count
            configuration.maps.append(.init(name: entry.key, rules: rules, datacenters: rules.datacenters))
        }
    }

    private static func asn(_ text: String) -> UInt32? {
        // 0 is reserved (RFC 7607).
        UInt32(text.lowercased().hasPrefix("as") ? text.dropFirst(2) : text[...]).flatMap { $0 > 0 ? $0 : nil }
    }

    private static func continent(_ text: String) -> PlaceCode? {
        PlaceCode(text).flatMap { PlaceCode.continents.contains($0) ? $0 : nil }
    }

    private static func city(_ text: String) -> PlaceRules.CityKey? {
        if let number = UInt32(text) { return number > 0 ? .geonameID(number) : nil }
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        if let country = PlaceCode(parts[0]) { return .inCountry(country, name: parts[1]) }
        return SubdivisionCode(parts[0]).map { .inSubdivision($0, name: parts[1]) }
    }

    /// Reads the rules of one kind. Notes their positions, so that places unknown to the databases can be reported.
    private mutating func places<Key: Hashable>(
        _ section: YAMLReader.Entry?, _ what: String, _ place: (Key) -> RulePlace?, _ key: (String) -> Key?,
        diagnostic: (String) -> String
    ) -> [Key: Destination] {
        var rules: [Key: Destination] = [:]
        for entry in section.map({ reader.entries($0.value, what) }) ?? [] {
            let destination = destination(entry.value, "'\(entry.key)' in \(what)")
            guard let key = key(entry.key) else {
                reader.diagnose(entry.keyPosition, diagnostic(entry.key))
                continue
            }
            if let country = key as? PlaceCode, place(key) != nil {
                positions.countries.append((country, entry.keyPosition))
            }
            if let place = place(key), let reason = impossiblePlace(place) {
                reader.diagnose(entry.keyPosition, reason)
                continue
            }
            guard rules[key] == nil else {
                reader.diagnose(entry.keyPosition, "'\(entry.key)' is given twice in \(what); keep one")
                continue
            }
            if let place = place(key), destination != nil {
                configuration.rulePositions.append(.init(place: place, position: entry.keyPosition))
            }
            noteNearest(destination, "'\(entry.key)' in ", in: what, entry.keyPosition)
            rules[key] = destination
        }
        return rules
    }

    /// Notes the position of a rule that uses `nearest`, to be compared with what the databases know.
    ///
    /// - Parameter section: such as `countries of map world`.
    mutating func noteNearest(
        _ destination: Destination?, _ rule: String, in section: String, _ position: Diagnostic.Position?
    ) {
        guard let destination, destination.wantsNearest, let map = section.split(separator: " of ").last else { return }
        configuration.nearestPositions.append(.init(rule: rule + section, map: String(map), position: position))
    }

    private mutating func regionRules(_ node: YAMLNode?, _ what: String) -> [PlaceRules.Region] {
        var rules: [PlaceRules.Region] = []
        for entry in node.map({ reader.entries($0, "regions of \(what)") }) ?? [] {
            let destination = destination(entry.value, "'\(entry.key)' in regions of \(what)")
            guard let region = regions[entry.key] else {
                diagnoseUnknown(
                    "region", entry.key, section: "regions", known: regions.keys.sorted(), entry.keyPosition)
                continue
            }
            positions.usedRegions.insert(entry.key)
            for other in rules {
                let countries = other.countries.intersection(region.countries).map(\.description)
                let both = countries + other.subdivisions.intersection(region.subdivisions).map(\.description)
                guard !both.isEmpty else { continue }
                reader.warn(
                    entry.keyPosition,
                    "\(both.sorted().joined(separator: ", ")) is also in region \(other.name), which applies; remove it from one"
                )
            }
            noteNearest(destination, "'\(entry.key)' in ", in: "regions of \(what)", entry.keyPosition)
            if let destination {
                configuration.rulePositions += region.positions
                rules.append(
                    .init(
                        name: entry.key, countries: region.countries, subdivisions: region.subdivisions,
                        destination: destination))
            }
        }
        return rules
    }
}

extension PlaceRules {
    /// Whether a rule matches by something that only a database knows.
    fileprivate var needsDatabase: Bool {
        !asns.isEmpty || !cities.isEmpty || !subdivisions.isEmpty || !countries.isEmpty || !regions.isEmpty
            || !continents.isEmpty
    }
}
