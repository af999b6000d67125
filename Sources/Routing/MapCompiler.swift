import Geography
import Platform

/// Works maps out for every address. What maps have in common is worked out once.
public struct MapCompiler {
    private let atlas: Atlas
    private let sites: [Site]
    /// Where each of the gazetteer's coordinates are.
    private let clients: [Direction?]
    /// 1 for addresses of which the databases know a field that some map looks at, or that a map's rule sends where the
    /// unknown go.
    private var known: [AddressLayer] = []
    /// The positions of those that depend on fields alone.
    private var knownNumbers: [PlaceFields.RawValue: UInt32] = [:]
    /// For sets of datacenters that some map wants the nearest of: their order at each of the gazetteer's coordinates, four
    /// bits for each rank.
    private var orders: [[Datacenter]: [UInt64]] = [:]

    public init(_ atlas: Atlas, datacenters sites: [Site]) {
        self.atlas = atlas
        self.sites = sites
        clients = atlas.gazetteer.coordinates.enumerated().map { number, coordinates in
            return coordinates.map(Direction.init)
        }
    }

    /// Works out maps for every address of the atlas, and lays them out for `CompiledMap.all`.
    public mutating func write(_ maps: [PlaceRules], to writer: inout ColumnWriter) {
        writer.add(sites)
        writer.add([UInt32(maps.count)])
        var facts: [CompiledMap.Facts] = []
        for rules in maps { facts.append(write(rules, to: &writer)) }
        writer.add(facts)
        writer.add([UInt32(known.count)])
        for layer in known { AddressTable.write(layer, valueCount: 2, keepsBlocksApart: true, to: &writer) }
    }

    private mutating func write(_ rules: PlaceRules, to writer: inout ColumnWriter) -> CompiledMap.Facts {
        var lists = ListRegister()
        let destinations = placeDestinations(rules, &lists)
        let fallback = number(lists.number(of: rules.fallback), coordinates: 0, &lists)
        let entries = atlas.gazetteer.entries
        var numbers = entries.indices.map { entry in
            return number(destinations[entry], coordinates: entries[entry].coordinates, &lists)
        }
        // Of whom nothing is known there is no place that a rule could apply to.
        numbers[0] = fallback
        var layer: AddressLayer
        var knownByRule = AddressLayer(everywhere: 0)
        if rules.networks.isEmpty, rules.systems.isEmpty {
            layer = atlas.places.map { numbers[Int($0)] }
        } else {
            // Rules are numbered by their destination, and those for places by 0.
            let networks = AddressLayer(
                rules.networks.map { ($0.prefix, UInt32(lists.number(of: $0.destination)) + 1) }, otherwise: 0)
            let systems = rules.systems.mapValues { UInt32(lists.number(of: $0)) + 1 }
            let overriding =
                systems.isEmpty
                ? networks : networks.combined(with: atlas.systems.map { systems[$0] ?? 0 }) { $0 > 0 ? $0 : $1 }
            layer = atlas.places.combined(with: overriding) { place, rule in
                rule == 0
                    ? numbers[Int(place)]
                    : number(Int(rule) - 1, coordinates: entries[Int(place)].coordinates, &lists)
            }
            knownByRule = networks.combined(with: layer) { $0 > 0 && $1 == fallback ? 1 : 0 }
        }
        ListTable.write(lists.lists, to: &writer)
        AddressTable.write(layer, valueCount: lists.lists.count, to: &writer)
        return CompiledMap.Facts(known: known(rules.fields, knownByRule), defaultList: fallback)
    }

    /// The number of the table of where the databases know one of these fields, or a rule has the place of what they know.
    private mutating func known(_ fields: PlaceFields, _ byRule: AddressLayer) -> UInt32 {
        if byRule.isZero, let number = knownNumbers[fields.rawValue] { return number }
        let gazetteer = atlas.gazetteer
        let isKnown: [UInt32] = gazetteer.entries.map { gazetteer.knows(fields, of: $0) ? 1 : 0 }
        var layer = atlas.places.map { isKnown[Int($0)] }
        if fields.contains(.system) { layer = layer.combined(with: atlas.systems) { $0 | ($1 > 0 ? 1 : 0) } }
        if byRule.isZero {
            knownNumbers[fields.rawValue] = UInt32(known.count)
        } else {
            layer = layer.combined(with: byRule) { $0 | $1 }
        }
        known.append(layer)
        return UInt32(known.count - 1)
    }

    /// The destination of each place of the gazetteer, as its number in `lists`.
    private func placeDestinations(_ rules: PlaceRules, _ lists: inout ListRegister) -> [Int] {
        let gazetteer = atlas.gazetteer
        func winner(_ matches: [PlaceRules.Match]) -> Int? { matches.first.map { lists.number(of: $0.destination) } }
        let continents = gazetteer.continents.map { winner(rules.continentMatches($0)) }
        // By the country, for places of which no database says the continent.
        let continentsOfCountries = gazetteer.countries.map { winner(rules.continentMatches($0?.continent)) }
        let countries = gazetteer.countries.map { winner(rules.countryMatches($0)) }
        let subdivisions = gazetteer.subdivisions.map { winner(rules.subdivisionMatches($0)) }
        let cities = citiesWithRules(rules)
        let fallback = lists.number(of: rules.fallback)
        return gazetteer.entries.enumerated().map { number, entry in
            if !cities.isEmpty, cities[Int(entry.city)], let city = winner(rules.cityMatches(gazetteer[entry])) {
                return city
            }
            return subdivisions[Int(entry.subdivisions)] ?? countries[Int(entry.country)]
                ?? (entry.continent == 0
                    ? continentsOfCountries[Int(entry.country)] : continents[Int(entry.continent)])
                ?? fallback
        }
    }

    /// For each city of the gazetteer whether some rule may mean it; empty if there is no such rule.
    private func citiesWithRules(_ rules: PlaceRules) -> [Bool] {
        guard !rules.cities.isEmpty else { return [] }
        var names: Set<String> = []
        var numbers: Set<UInt32> = []
        for key in rules.cities.keys {
            switch key {
            case .geonameID(let number): numbers.insert(number)
            case .inCountry(_, let name), .inSubdivision(_, let name): names.insert(name)
            }
        }
        return atlas.gazetteer.cities.map { city in
            guard let city else { return false }
            return numbers.contains(city.geonameID) || city.names.contains(where: names.contains)
        }
    }

    // MARK: Lists

    /// The destinations and lists of one map, each once.
    private struct ListRegister {
        private(set) var lists: [PreferenceList] = []
        private var numbers: [PreferenceList: UInt32] = [:]
        private(set) var destinations: [Destination] = []
        private var destinationNumbers: [Destination: Int] = [:]
        /// Lists found before, by what they depend on.
        var listsByVariant: [Variant: UInt32] = [:]

        /// A destination, and what its list depends on: nothing, the order of its one set, or the very coordinates.
        struct Variant: Hashable {
            var destination: Int
            var detail: UInt64
        }

        mutating func number(of destination: Destination) -> Int {
            if let number = destinationNumbers[destination] { return number }
            destinations.append(destination)
            destinationNumbers[destination] = destinations.count - 1
            return destinations.count - 1
        }

        mutating func number(of list: PreferenceList) -> UInt32 {
            if let number = numbers[list] { return number }
            let number = UInt32(lists.count)
            lists.append(list)
            numbers[list] = number
            return number
        }
    }

    /// The number of the list for clients of a destination at the gazetteer's coordinates of that number.
    private mutating func number(_ destination: Int, coordinates: UInt32, _ lists: inout ListRegister) -> UInt32 {
        let written = lists.destinations[destination]
        let variant = ListRegister.Variant(
            destination: destination, detail: detail(of: written, coordinates: coordinates))
        if let number = lists.listsByVariant[variant] { return number }
        let number = lists.number(
            of: PreferenceList(written, client: clients[Int(coordinates)], locations: sites.map(\.location)))
        lists.listsByVariant[variant] = number
        return number
    }

    private mutating func detail(of destination: Destination, coordinates: UInt32) -> UInt64 {
        let parts = destination.nearestParts
        guard coordinates != 0, !parts.isEmpty else { return .max }
        guard parts.count == 1, parts[0].datacenters.count <= PreferenceList.smallSet else {
            return UInt64(coordinates)
        }
        return order(of: parts[0].datacenters)[Int(coordinates)]
    }

    private mutating func order(of datacenters: [Datacenter]) -> [UInt64] {
        if let known = orders[datacenters] { return known }
        let locations = datacenters.map { sites[$0].location }
        let positions = Array(datacenters.indices)
        let order = clients.enumerated().map { number, client in
            return client.map { client in
                byDistance(positions, from: client, locations, first: positions.count).reduce(0) {
                    $0 << 4 | UInt64($1)
                }
            } ?? 0
        }
        orders[datacenters] = order
        return order
    }
}
