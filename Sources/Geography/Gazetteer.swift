/// All places of the databases without duplicates. A place refers to tables of continents, countries and so on by
/// position. Position 0 of every table means unknown.
public struct Gazetteer: Sendable {
    public private(set) var continents: [PlaceCode?] = [nil]
    public private(set) var countries: [PlaceCode?] = [nil]
    /// Lists of subdivisions, each from the widest to the narrowest.
    public private(set) var subdivisions: [[SubdivisionCode]] = [[]]
    public private(set) var cities: [City?] = [nil]
    public private(set) var coordinates: [Coordinates?] = [nil]
    /// All places.
    public private(set) var entries: [Entry] = [Entry()]

    /// The position of each code by `PlaceCode.index`; 0 for codes that are not in the table yet.
    private var continentNumbers = [UInt16](repeating: 0, count: PlaceCode.indices.count)
    private var countryNumbers = [UInt16](repeating: 0, count: PlaceCode.indices.count)
    private var subdivisionNumbers: [[SubdivisionCode]: UInt32] = [:]
    private var cityNumbersByID = IntegerMap<UInt32>()
    /// The positions of cities without a geonames id.
    private var cityNumbersByName: [String: UInt32] = [:]
    private var coordinatesNumbers = IntegerMap<UInt64>()
    /// The first place at each position in `coordinates`; most coordinates have only one place.
    private var firstEntries: [UInt32] = [0]
    /// The numbers of the other places by key.
    private var entryNumbers = IntegerMap<UInt128>()
    private var completions: [UInt64: UInt32] = [:]

    /// A place, as positions in the tables.
    public struct Entry: Hashable, Sendable {
        public internal(set) var continent: UInt16 = 0
        public internal(set) var country: UInt16 = 0
        public internal(set) var subdivisions: UInt32 = 0
        public internal(set) var city: UInt32 = 0
        public internal(set) var coordinates: UInt32 = 0

        fileprivate var key: UInt128 {
            UInt128(continent) << 112 | UInt128(country) << 96 | UInt128(subdivisions) << 64 | UInt128(city) << 32
                | UInt128(coordinates)
        }

        /// Returns this place with unknown fields filled in from `other`.
        fileprivate func completed(by other: Entry) -> Entry {
            var result = self
            if continent == 0 { result.continent = other.continent }
            if country == 0 { result.country = other.country }
            // Subdivisions of another country are not taken.
            if subdivisions == 0, result.country == other.country { result.subdivisions = other.subdivisions }
            if city == 0 { result.city = other.city }
            if coordinates == 0 { result.coordinates = other.coordinates }
            return result
        }
    }

    /// Makes a gazetteer that has only the unknown place.
    public init() {}

    /// Returns the place of an entry.
    public subscript(entry: Entry) -> Place {
        var place = Place(
            continent: continent(of: entry), country: countries[Int(entry.country)],
            subdivisions: subdivisions[Int(entry.subdivisions)], city: cities[Int(entry.city)],
            coordinates: coordinates[Int(entry.coordinates)])
        place.isContinentOfCountry = entry.continent == 0 && place.continent != nil
        return place
    }

    /// Returns the continent that some database has for the place; if none has it, that of the country.
    ///
    /// This is decided after all databases are merged, so that a stated continent takes precedence over the continent
    /// of another database's country.
    public func continent(of entry: Entry) -> PlaceCode? {
        continents[Int(entry.continent)] ?? countries[Int(entry.country)]?.continent
    }

    /// Whether any of the given fields of a place is known.
    public func knows(_ fields: PlaceFields, of entry: Entry) -> Bool {
        fields.contains(.country) && entry.country != 0
            || fields.contains(.coordinates) && entry.coordinates != 0
            || fields.contains(.continent) && continent(of: entry) != nil
            || fields.contains(.city) && entry.city != 0
            || !fields.isDisjoint(with: [.subdivisions, .subdivisionNames]) && entry.subdivisions != 0
    }

    /// Returns the number of a place if it is the first at its coordinates; `UInt32.max` otherwise. See
    /// `IntegerMap.likelyNumber`.
    @inline(__always)
    func likelyNumber(of entry: Entry) -> UInt32 {
        let first = firstEntries[Int(entry.coordinates)]
        return entries[Int(first)].key == entry.key ? first : .max
    }

    /// Returns the number of a place, and adds it if it is new.
    mutating func number(of entry: Entry) -> UInt32 {
        let first = firstEntries[Int(entry.coordinates)]
        return entries[Int(first)] == entry ? first : otherNumber(of: entry)
    }

    @inline(never)
    private mutating func otherNumber(of entry: Entry) -> UInt32 {
        // Entry 0 is the first place without coordinates, so 0 means "none yet" only for known coordinates.
        let isFirst = entry.coordinates != 0 && firstEntries[Int(entry.coordinates)] == 0
        if !isFirst, let number = entryNumbers[entry.key] { return number }
        let number = UInt32(entries.count)
        entries.append(entry)
        if isFirst {
            firstEntries[Int(entry.coordinates)] = number
        } else {
            entryNumbers.insert(entry.key, number)
        }
        return number
    }

    /// Returns the number of a place with its unknown fields filled in from another, and adds it if it is new.
    public mutating func number(ofPlace place: UInt32, completedBy other: UInt32) -> UInt32 {
        let key = UInt64(place) << 32 | UInt64(other)
        if let number = completions[key] { return number }
        let number = number(of: entries[Int(place)].completed(by: entries[Int(other)]))
        completions[key] = number
        return number
    }

    mutating func number(ofContinent code: PlaceCode) -> UInt16 { intern(code, &continents, &continentNumbers) }
    mutating func number(ofCountry code: PlaceCode) -> UInt16 { intern(code, &countries, &countryNumbers) }

    /// Returns the number of a city, and adds it if it is new. A city is identified by its geonames id, or by its
    /// name if it has none.
    mutating func number(ofCity city: City) -> UInt32 {
        let known = city.geonameID > 0 ? cityNumbersByID[city.geonameID] : cityNumbersByName[city.name]
        if let known { return known }
        let number = UInt32(cities.count)
        cities.append(city)
        if city.geonameID > 0 {
            cityNumbersByID.insert(city.geonameID, number)
        } else {
            cityNumbersByName[city.name] = number
        }
        return number
    }

    mutating func number(ofSubdivisions list: [SubdivisionCode]) -> UInt32 {
        guard !list.isEmpty else { return 0 }
        if let number = subdivisionNumbers[list] { return number }
        let number = UInt32(subdivisions.count)
        subdivisions.append(list)
        subdivisionNumbers[list] = number
        return number
    }

    /// See `IntegerMap.likelyNumber`.
    @inline(__always)
    func likelyNumber(ofCoordinates point: Coordinates) -> UInt32 { coordinatesNumbers.likelyNumber(of: point.key) }

    mutating func number(ofCoordinates point: Coordinates) -> UInt32 {
        if let number = coordinatesNumbers[point.key] { return number }
        let number = UInt32(coordinates.count)
        coordinates.append(point)
        firstEntries.append(0)
        coordinatesNumbers.insert(point.key, number)
        return number
    }
}

private func intern(_ code: PlaceCode, _ table: inout [PlaceCode?], _ numbers: inout [UInt16]) -> UInt16 {
    if numbers[code.index] == 0 {
        numbers[code.index] = UInt16(table.count)
        table.append(code)
    }
    return numbers[code.index]
}
