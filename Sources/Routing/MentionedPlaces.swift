import Geography

/// An index of the cities and subdivisions of the gazetteer that rules mention: few of the tens of thousands in a
/// database.
struct MentionedPlaces {
    /// The positions of lists of subdivisions, by each subdivision in them.
    private var listsBySubdivision: [SubdivisionCode: [Int]] = [:]
    /// The numbers of places by the name and by the id of their city.
    private var placesByName: [String: [Int]] = [:]
    private var placesByID: [UInt32: [Int]] = [:]

    init(in maps: [PlaceRules], _ gazetteer: Gazetteer) {
        var subdivisions: Set<SubdivisionCode> = []
        var names: Set<String> = []
        var ids: Set<UInt32> = []
        for rules in maps {
            subdivisions.formUnion(rules.mentionedSubdivisions)
            for key in rules.cities.keys {
                switch key {
                case .geonameID(let id): ids.insert(id)
                case .inCountry(_, let name), .inSubdivision(_, let name): names.insert(name)
                }
            }
        }
        if !subdivisions.isEmpty {
            for (position, list) in gazetteer.subdivisions.enumerated() {
                for subdivision in Set(list) where subdivisions.contains(subdivision) {
                    listsBySubdivision[subdivision, default: []].append(position)
                }
            }
        }
        if !names.isEmpty || !ids.isEmpty { findCities(names, ids, gazetteer) }
    }

    private mutating func findCities(_ names: Set<String>, _ ids: Set<UInt32>, _ gazetteer: Gazetteer) {
        // A cheap filter by length and first byte avoids hashing the name of every city.
        func likeness(_ name: String) -> Int { name.utf8.count &* 64 ^ Int(name.utf8.first ?? 0) }
        let likenesses = names.reduce(into: [Bool](repeating: false, count: 1 << 14)) {
            $0[likeness($1) & (1 << 14 - 1)] = true
        }
        func isMentioned(_ name: String) -> Bool {
            likenesses[likeness(name) & (1 << 14 - 1)] && names.contains(name)
        }
        var keys: [Int: (names: [String], id: UInt32?)] = [:]
        let mentioned = gazetteer.cities.enumerated().map { position, city in
            guard let city else { return false }
            let isByID = city.geonameID > 0 && ids.contains(city.geonameID)
            let isByName = isMentioned(city.name) || city.nameWithoutDistrict.map(isMentioned) ?? false
            guard isByID || isByName else { return false }
            keys[position] = (city.names.filter(names.contains), isByID ? city.geonameID : nil)
            return true
        }
        for (number, entry) in gazetteer.entries.enumerated() where mentioned[Int(entry.city)] {
            let key = keys[Int(entry.city)]!
            for name in key.names { placesByName[name, default: []].append(number) }
            if let id = key.id { placesByID[id, default: []].append(number) }
        }
    }

    /// Returns the lists of subdivisions that some rule of a map may match, in the order of the gazetteer.
    func subdivisionLists(_ rules: PlaceRules) -> [Int] {
        Set(rules.mentionedSubdivisions.flatMap { listsBySubdivision[$0] ?? [] }).sorted()
    }

    /// Returns the numbers, ascending, of the places that some city rule may match.
    func places(_ rules: PlaceRules) -> [Int] {
        let places = rules.cities.keys.flatMap { key in
            switch key {
            case .geonameID(let id): placesByID[id] ?? []
            case .inCountry(_, let name), .inSubdivision(_, let name): placesByName[name] ?? []
            }
        }
        return Set(places).sorted()
    }
}

extension PlaceRules {
    /// All subdivisions that rules or regions mention.
    fileprivate var mentionedSubdivisions: Set<SubdivisionCode> {
        regions.reduce(into: Set(subdivisions.keys)) { $0.formUnion($1.subdivisions) }
    }
}
