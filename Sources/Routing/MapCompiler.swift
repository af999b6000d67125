import Geography
import Platform

/// Compiles maps for every address. The work that maps have in common is done once: the address space is divided into
/// classes of addresses that no map distinguishes, and each map gets a list for each class.
public struct MapCompiler {
    private let atlas: Atlas
    private let datacenters: [DatacenterProperties]
    /// The location of each of the gazetteer's coordinates.
    private let clients: [UnitVector?]
    /// For each set of datacenters that some map sorts by distance: the number of its order at each of the
    /// gazetteer's coordinates.
    private var orders: [[Datacenter]: Orders] = [:]
    /// The area of each place. Places with the same continent, country and subdivisions are in one area.
    private let areas: [UInt32]
    /// One place of each area.
    private let areaEntries: [Gazetteer.Entry]

    private struct Orders {
        var numbers: [UInt32] = []
        var count = 0
    }

    /// Prepares to compile maps.
    ///
    /// - Parameters:
    ///   - atlas: the places and autonomous systems of all addresses.
    ///   - datacenters: the datacenters by number.
    public init(_ atlas: Atlas, datacenters: [DatacenterProperties]) {
        self.atlas = atlas
        self.datacenters = datacenters
        clients = atlas.gazetteer.coordinates.map { $0.map(UnitVector.init) }
        (areas, areaEntries) = Self.areas(of: atlas.gazetteer)
    }

    private static func areas(of gazetteer: Gazetteer) -> (numbers: [UInt32], entries: [Gazetteer.Entry]) {
        var numbers: [UInt32] = []
        numbers.reserveCapacity(gazetteer.entries.count)
        var entries: [Gazetteer.Entry] = []
        var known: [[UInt32]: UInt32] = [:]
        // The last area with each list of subdivisions. Except for places without subdivisions it is the only one.
        var latest = [UInt32](repeating: 0, count: gazetteer.subdivisions.count)
        for entry in gazetteer.entries {
            let last = latest[Int(entry.subdivisions)]
            if Int(last) < entries.count, entries[Int(last)].isInSameArea(as: entry) {
                numbers.append(last)
                continue
            }
            let key = [UInt32(entry.continent), UInt32(entry.country), entry.subdivisions]
            let number = known[key] ?? UInt32(entries.count)
            if number == UInt32(entries.count) {
                known[key] = number
                entries.append(entry)
            }
            latest[Int(entry.subdivisions)] = number
            numbers.append(number)
        }
        return (numbers, entries)
    }

    /// Compiles maps for every address of the atlas, and writes them for `CompiledMap.all`.
    public mutating func write(_ maps: [PlaceRules], to writer: inout ColumnWriter) {
        writer.add(datacenters)
        writer.add([UInt32(maps.count)])
        // Rules for networks and autonomous systems divide places further, for each map in its own way.
        var partition = Partition(atlas.places, placeCount: atlas.gazetteer.entries.count)
        var registers: [ListRegister] = []
        var divisions: [Int?] = []
        for rules in maps {
            var lists = ListRegister()
            divisions.append(overridingRules(rules, &lists).map { partition.divide(by: $0) })
            registers.append(lists)
        }
        let asnDivision =
            maps.contains { $0.fields.contains(.asn) }
            ? partition.divide(by: atlas.asns.map { $0 == 0 ? 0 : 1 }) : nil
        let classes = partition.classes()
        let isASNKnown = asnDivision.map { classes.divisions[$0] }

        let mentions = MentionedPlaces(in: maps, atlas.gazetteer)
        var tables: [AddressTableSet.Values] = []
        var facts: [CompiledMap.Facts] = []
        var known: [AddressTableSet.Values] = []
        var knownNumbers: [PlaceFields.RawValue: UInt32] = [:]
        for (position, rules) in maps.enumerated() {
            var lists = registers[position]
            registers[position] = ListRegister()
            let rule = divisions[position].map { classes.divisions[$0] }
            let map = values(rules, mentions, classes.places, rule, &lists)
            PreferenceListTable.write(lists.lists, to: &writer)
            tables.append(.init(map.values, valueCount: lists.lists.count))
            // Addresses that a network rule gives the default list count as known.
            let isNetworkKnown = map.isKnownByRule.contains(true)
            if isNetworkKnown || knownNumbers[rules.fields.rawValue] == nil {
                var isKnown = self.isKnown(rules.fields, classes.places, isASNKnown)
                if isNetworkKnown {
                    for i in isKnown.indices where map.isKnownByRule[i] { isKnown[i] = 1 }
                } else {
                    knownNumbers[rules.fields.rawValue] = UInt32(known.count)
                }
                // The table is read only if the list is the default one, so other classes may have any value; see
                // `CompiledMap.locate`.
                if maps.count == 1 {
                    for i in isKnown.indices where map.values[i] != map.defaultList { isKnown[i] = 2 }
                }
                facts.append(.init(known: UInt32(known.count), defaultList: map.defaultList))
                known.append(.init(isKnown, valueCount: 2, keepsBlocksApart: true))
            } else {
                facts.append(.init(known: knownNumbers[rules.fields.rawValue]!, defaultList: map.defaultList))
            }
        }
        writer.add(facts)
        writer.add([UInt32(known.count)])
        AddressTableSet.write(tables + known, over: partition.layer, to: &writer)
    }

    /// Returns the rules of a map for networks and autonomous systems as a layer: 0 without a rule; otherwise the
    /// number of the destination plus 1, and 2^31 more for a network rule. `nil` if the map has no such rules.
    private func overridingRules(_ rules: PlaceRules, _ lists: inout ListRegister) -> AddressLayer? {
        guard !rules.networks.isEmpty || !rules.asns.isEmpty else { return nil }
        let values = rules.networks.destinations.map { 1 << 31 | UInt32(lists.destinationNumber(of: $0)) + 1 }
        let networks = AddressLayer(rules.networks.prefixes(with: values), otherwise: 0)
        guard !rules.asns.isEmpty else { return networks }
        let byASN = rules.asns.mapValues { UInt32(lists.destinationNumber(of: $0)) + 1 }
        return networks.combined(with: atlas.asns.map { byASN[$0] ?? 0 }) { $0 > 0 ? $0 : $1 }
    }

    /// Returns the list of each class.
    ///
    /// - Parameters:
    ///   - places: the place of each class.
    ///   - rule: the value of `overridingRules` for each class; `nil` if there are no such rules.
    private mutating func values(
        _ rules: PlaceRules, _ mentions: MentionedPlaces, _ places: [UInt32], _ rule: [UInt32]?,
        _ lists: inout ListRegister
    ) -> (values: [UInt32], isKnownByRule: [Bool], defaultList: UInt32) {
        let destinations = areaDestinations(rules, mentions, &lists)
        let defaultList = listNumber(lists.destinationNumber(of: rules.defaultDestination), coordinates: 0, &lists)
        let entries = atlas.gazetteer.entries
        var numbers: [UInt32] = []
        numbers.reserveCapacity(entries.count)
        // The list of each area, if it does not depend on coordinates.
        let areaLists = destinations.map { destination in
            lists.variants[destination].nearestParts.isEmpty
                ? listNumber(destination, coordinates: 0, &lists) : ListRegister.Variants.none
        }
        for (position, area) in areas.enumerated() {
            let list = areaLists[Int(area)]
            numbers.append(
                list != ListRegister.Variants.none
                    ? list
                    : listNumber(destinations[Int(area)], coordinates: entries[position].coordinates, &lists))
        }
        for position in mentions.places(rules) {
            guard let match = rules.cityMatches(atlas.gazetteer[entries[position]]).first else { continue }
            numbers[position] = listNumber(
                lists.destinationNumber(of: match.destination), coordinates: entries[position].coordinates, &lists)
        }
        // Place 0 is the unknown place, which no place rule matches.
        numbers[0] = defaultList
        guard let rule else { return (places.map { numbers[Int($0)] }, [], defaultList) }
        var values: [UInt32] = []
        var isKnownByRule: [Bool] = []
        for (place, rule) in zip(places, rule) {
            let destination = Int(rule & (.max >> 1)) - 1
            values.append(
                rule == 0
                    ? numbers[Int(place)]
                    : listNumber(destination, coordinates: entries[Int(place)].coordinates, &lists))
            isKnownByRule.append(rule >> 31 == 1 && values[values.count - 1] == defaultList)
        }
        return (values, isKnownByRule, defaultList)
    }

    /// Returns 1 for each class of which the databases have one of the fields, and 0 for the others.
    private func isKnown(_ fields: PlaceFields, _ places: [UInt32], _ isASNKnown: [UInt32]?) -> [UInt32] {
        let gazetteer = atlas.gazetteer
        let isKnown: [UInt32] = gazetteer.entries.map { gazetteer.knows(fields, of: $0) ? 1 : 0 }
        guard fields.contains(.asn), let isASNKnown else { return places.map { isKnown[Int($0)] } }
        return zip(places, isASNKnown).map { isKnown[Int($0)] | $1 }
    }

    /// Returns the number in `lists` of each area's destination, by all rules except those for cities.
    private func areaDestinations(
        _ rules: PlaceRules, _ mentions: MentionedPlaces, _ lists: inout ListRegister
    ) -> [Int] {
        let gazetteer = atlas.gazetteer
        func winner(_ matches: [PlaceRules.Match]) -> Int? {
            matches.first.map { lists.destinationNumber(of: $0.destination) }
        }
        let continents = gazetteer.continents.map { winner(rules.continentMatches($0)) }
        // For places whose continent no database states, it is that of the country.
        let continentsOfCountries = gazetteer.countries.map { winner(rules.continentMatches($0?.continent)) }
        let countries = gazetteer.countries.map { winner(rules.countryMatches($0)) }
        var subdivisions = [Int?](repeating: nil, count: gazetteer.subdivisions.count)
        for position in mentions.subdivisionLists(rules) {
            subdivisions[position] = winner(rules.subdivisionMatches(gazetteer.subdivisions[position]))
        }
        let defaultDestination = lists.destinationNumber(of: rules.defaultDestination)
        return areaEntries.map { entry in
            subdivisions[Int(entry.subdivisions)] ?? countries[Int(entry.country)]
                ?? (entry.continent == 0
                    ? continentsOfCountries[Int(entry.country)] : continents[Int(entry.continent)])
                ?? defaultDestination
        }
    }

    // MARK: Lists

    /// The destinations and lists of one map without duplicates.
    private struct ListRegister {
        private(set) var lists: [PreferenceList] = []
        private var numbers: [PreferenceList: UInt32] = [:]
        private(set) var destinations: [Destination] = []
        private var destinationNumbers: [Destination: Int] = [:]
        /// The variants of each destination by number.
        var variants: [Variants] = []

        /// The lists of a destination at different coordinates.
        struct Variants {
            /// The parts whose order depends on the client's coordinates.
            let nearestParts: [(datacenters: [Datacenter], limit: Int)]
            /// The list at each of the coordinates; a single one if it does not depend on them. `none` if it has not
            /// been made yet.
            var lists: [UInt32]
            /// If there is one small set: the number of its order at each of the coordinates, and the list of each
            /// order.
            var orders: [UInt32] = []
            var byOrder: [UInt32] = []

            static let none = UInt32.max
        }

        /// Returns the number of a destination; registers it if it is new.
        mutating func destinationNumber(of destination: Destination) -> Int {
            if let number = destinationNumbers[destination] { return number }
            let parts = destination.nearestParts
            destinations.append(destination)
            variants.append(Variants(nearestParts: parts, lists: parts.isEmpty ? [Variants.none] : []))
            destinationNumbers[destination] = destinations.count - 1
            return destinations.count - 1
        }

        /// Returns the number of a list; registers it if it is new.
        mutating func listNumber(of list: PreferenceList) -> UInt32 {
            if let number = numbers[list] { return number }
            let number = UInt32(lists.count)
            lists.append(list)
            numbers[list] = number
            return number
        }
    }

    /// Returns the number of a destination's list for clients at coordinates of the gazetteer.
    @inline(__always)
    private mutating func listNumber(_ destination: Int, coordinates: UInt32, _ lists: inout ListRegister) -> UInt32 {
        let count = lists.variants[destination].lists.count
        let position = count == 1 ? 0 : Int(coordinates)
        if position < count {
            let number = lists.variants[destination].lists[position]
            if number != ListRegister.Variants.none { return number }
        }
        return findListNumber(destination, coordinates: Int(coordinates), &lists)
    }

    @inline(never)
    private mutating func findListNumber(_ destination: Int, coordinates: Int, _ lists: inout ListRegister) -> UInt32 {
        if lists.variants[destination].lists.isEmpty {
            lists.variants[destination].lists = Array(
                repeating: ListRegister.Variants.none, count: max(clients.count, 2))
        }
        let parts = lists.variants[destination].nearestParts
        let hasOneOrder = parts.count == 1 && parts[0].datacenters.count <= PreferenceList.eagerSortLimit
        if hasOneOrder, lists.variants[destination].orders.isEmpty {
            let orders = orders(of: parts[0].datacenters)
            lists.variants[destination].orders = orders.numbers
            lists.variants[destination].byOrder = Array(repeating: ListRegister.Variants.none, count: orders.count)
        }
        let order = hasOneOrder && coordinates != 0 ? Int(lists.variants[destination].orders[coordinates]) : nil
        var number = order.map { lists.variants[destination].byOrder[$0] } ?? ListRegister.Variants.none
        if number == ListRegister.Variants.none {
            number = lists.listNumber(
                of: PreferenceList(
                    lists.destinations[destination], client: parts.isEmpty ? nil : clients[coordinates],
                    locations: self.datacenters.map(\.location)))
            if let order { lists.variants[destination].byOrder[order] = number }
        }
        lists.variants[destination].lists[parts.isEmpty ? 0 : coordinates] = number
        return number
    }

    /// Returns the orders by distance of a small set of datacenters.
    private mutating func orders(of datacenters: [Datacenter]) -> Orders {
        if let known = orders[datacenters] { return known }
        let locations = datacenters.map { self.datacenters[$0].location! }
        var result = Orders()
        var known: [UInt64: UInt32] = [:]
        for client in clients {
            guard let client else {
                result.numbers.append(0)
                continue
            }
            // Insertion sort: the order has four bits for each datacenter, the nearest first. Equally distant ones
            // stay as listed.
            var order: UInt64 = 0
            var chords = InlineArray<16, Double>(repeating: 0)
            for (position, location) in locations.enumerated() {
                let chord = client.squaredChord(to: location)
                var place = position
                while place > 0, chord < chords[place - 1] {
                    chords[place] = chords[place - 1]
                    place -= 1
                }
                chords[place] = chord
                let above: UInt64 = place == 0 ? 0 : order & ~(.max >> UInt64(4 * place))
                let below = order & ~above
                order = above | UInt64(position) << UInt64(60 - 4 * place) | below >> 4
            }
            let number = known[order] ?? UInt32(known.count)
            known[order] = number
            result.numbers.append(number)
        }
        result.count = max(known.count, 1)
        orders[datacenters] = result
        return result
    }
}

extension Gazetteer.Entry {
    fileprivate func isInSameArea(as other: Gazetteer.Entry) -> Bool {
        continent == other.continent && country == other.country && subdivisions == other.subdivisions
    }
}
