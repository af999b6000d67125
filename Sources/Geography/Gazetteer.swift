/// The places that the databases know of, without repetition: places are positions in tables of what they have in
/// common. Position 0 of every table stands for what is not known.
public struct Gazetteer: Sendable {
    public private(set) var continents: [PlaceCode?] = [nil]
    public private(set) var countries: [PlaceCode?] = [nil]
    /// Lists of subdivisions, each from the widest to the narrowest.
    public private(set) var subdivisions: [[SubdivisionCode]] = [[]]
    public private(set) var cities: [City?] = [nil]
    public private(set) var coordinates: [Coordinates?] = [nil]
    /// All places.
    public private(set) var entries: [Entry] = [Entry()]

    /// By `PlaceCode.index`; 0 for those that have no number yet.
    private var continentNumbers = [UInt16](repeating: 0, count: PlaceCode.indices.count)
    private var countryNumbers = [UInt16](repeating: 0, count: PlaceCode.indices.count)
    private var subdivisionNumbers: [[SubdivisionCode]: UInt32] = [:]
    private var cityNumbersByID = Numbering<UInt32>()
    /// Of the cities without an id.
    private var cityNumbersByName: [String: UInt32] = [:]
    private var coordinatesNumbers = Numbering<UInt64>()
    /// The first place at each of the coordinates: mostly there are no more.
    private var firstEntries: [UInt32] = [0]
    /// All other places.
    private var entryNumbers = Numbering<UInt128>()
    private var completions: [UInt64: UInt32] = [:]

    /// One place, as positions in the tables.
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

        /// This place with what is not known taken from `other`.
        fileprivate func completed(by other: Entry) -> Entry {
            var result = self
            if continent == 0 { result.continent = other.continent }
            if country == 0 { result.country = other.country }
            // What another database takes for a part of another country is no part of this one.
            if subdivisions == 0, result.country == other.country { result.subdivisions = other.subdivisions }
            if city == 0 { result.city = other.city }
            if coordinates == 0 { result.coordinates = other.coordinates }
            return result
        }
    }

    /// A gazetteer of no place but the unknown one.
    public init() {}

    /// The place that an entry stands for.
    public subscript(entry: Entry) -> Place {
        var place = Place(
            continent: continent(of: entry), country: countries[Int(entry.country)],
            subdivisions: subdivisions[Int(entry.subdivisions)], city: cities[Int(entry.city)],
            coordinates: coordinates[Int(entry.coordinates)])
        place.isContinentOfCountry = entry.continent == 0 && place.continent != nil
        return place
    }

    /// The continent that a database says, whichever that is; if none does, that of the country.
    ///
    /// It is decided here, after all databases are merged, so that what one database says beats what follows from another's country.
    public func continent(of entry: Entry) -> PlaceCode? {
        continents[Int(entry.continent)] ?? countries[Int(entry.country)]?.continent
    }

    /// Whether any of these fields of a place are known.
    public func knows(_ fields: PlaceFields, of entry: Entry) -> Bool {
        fields.contains(.country) && entry.country != 0
            || fields.contains(.coordinates) && entry.coordinates != 0
            || fields.contains(.continent) && continent(of: entry) != nil
            || fields.contains(.city) && entry.city != 0
            || !fields.isDisjoint(with: [.subdivisions, .subdivisionNames]) && entry.subdivisions != 0
    }

    /// The number of a place, if it is the first at its coordinates; else `UInt32.max`. See `Numbering.likelyNumber`.
    @inline(__always)
    func likelyNumber(of entry: Entry) -> UInt32 {
        let first = firstEntries[Int(entry.coordinates)]
        return entries[Int(first)].key == entry.key ? first : .max
    }

    mutating func number(of entry: Entry) -> UInt32 {
        let first = firstEntries[Int(entry.coordinates)]
        return entries[Int(first)] == entry ? first : otherNumber(of: entry)
    }

    @inline(never)
    private mutating func otherNumber(of entry: Entry) -> UInt32 {
        // The first place of all is the one at no coordinates.
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

    /// The number of a place with what is not known of it taken from another.
    public mutating func number(ofPlace place: UInt32, completedBy other: UInt32) -> UInt32 {
        let key = UInt64(place) << 32 | UInt64(other)
        if let number = completions[key] { return number }
        let number = number(of: entries[Int(place)].completed(by: entries[Int(other)]))
        completions[key] = number
        return number
    }

    mutating func number(ofContinent code: PlaceCode) -> UInt16 { intern(code, &continents, &continentNumbers) }
    mutating func number(ofCountry code: PlaceCode) -> UInt16 { intern(code, &countries, &countryNumbers) }

    /// A city is known by its id, or by its name if it has none.
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

    /// See `Numbering.likelyNumber`.
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
