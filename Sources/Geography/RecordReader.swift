/// Reads the fields of a database's records that rules ask for: those of GeoIP2 City, Country and ASN databases.
///
/// Parts that records share are read once: they are known again by their offset.
struct RecordReader {
    let data: DataSection
    let fields: PlaceFields
    private var continents = Numbering<UInt32>()
    private var countries = Numbering<UInt32>()
    private var cities: OffsetTable
    /// Lists of subdivisions, by their country's number and their offset.
    private var subdivisions = Numbering<UInt64>()

    typealias Malformed = DataSection.Malformed

    /// - Parameter fields: what is read; all else stays unknown.
    init(_ data: DataSection, _ fields: PlaceFields) {
        self.data = data
        self.fields = fields
        cities = OffsetTable(limit: fields.contains(.city) ? data.count : 0)
    }

    /// The number of the place of the record at `offset`, and that of its autonomous system or 0.
    mutating func read(
        at offset: UInt32, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> (place: UInt32, system: UInt32) {
        var place = Gazetteer.Entry()
        var system: UInt32 = 0
        var point: Coordinates?
        var list: DataSection.Value?
        var missing = fields
        try data.forEachEntry(of: try data.record(at: offset)) { key, value throws(Malformed) in
            var step = DataSection.Step.next
            switch key {
            case "continent" where missing.contains(.continent):
                missing.remove(.continent)
                place.continent = try continent(value, &gazetteer)
            case "country" where missing.contains(.country):
                missing.remove(.country)
                place.country = try country(value, &gazetteer)
            case "city" where missing.contains(.city):
                missing.remove(.city)
                place.city = try city(value, &gazetteer)
            case "subdivisions" where fields.contains(.subdivisions):
                missing.remove(.subdivisions)
                list = value
            case "location" where missing.contains(.coordinates):
                missing.remove(.coordinates)
                let location = try coordinates(value)
                point = location.point
                step = .nextAt(location.end)
            case "autonomous_system_number" where missing.contains(.system):
                missing.remove(.system)
                system = try data.unsigned(value).flatMap { UInt32(exactly: $0) } ?? 0
            default: break
            }
            return missing.isEmpty ? .stop : step
        }
        // Only now is the country known: the fields come in any order.
        if let list, place.country != 0 {
            place.subdivisions = try subdivisions(list, place.country, &gazetteer)
        }
        return (gazetteer.number(of: place, at: point), system)
    }

    private mutating func continent(
        _ value: DataSection.Value, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt16 {
        if let number = continents[value.offset] { return UInt16(truncatingIfNeeded: number) }
        let number = try code(value, "code").map { gazetteer.number(ofContinent: $0) } ?? 0
        continents.insert(value.offset, number)
        return UInt16(truncatingIfNeeded: number)
    }

    private mutating func country(_ value: DataSection.Value, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt16
    {
        if let number = countries[value.offset] { return UInt16(truncatingIfNeeded: number) }
        let number = try code(value, "iso_code").map { gazetteer.number(ofCountry: $0) } ?? 0
        countries.insert(value.offset, number)
        return UInt16(truncatingIfNeeded: number)
    }

    private func code(_ map: DataSection.Value, _ name: StaticString) throws(Malformed) -> PlaceCode? {
        var code: PlaceCode?
        try data.forEachEntry(of: map) { key, value throws(Malformed) in
            guard name ~= key else { return .next }
            code = try data.string(value).flatMap { PlaceCode($0) }
            return .stop
        }
        return code
    }

    private mutating func city(_ map: DataSection.Value, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt32 {
        if let number = cities[map.offset] { return number }
        var geonameID: UInt32 = 0
        var name = ""
        try data.forEachEntry(of: map) { key, value throws(Malformed) in
            if "geoname_id" ~= key {
                geonameID = try data.unsigned(value).flatMap { UInt32(exactly: $0) } ?? 0
            } else if "names" ~= key {
                try data.forEachEntry(of: value) { language, text throws(Malformed) in
                    guard "en" ~= language else { return .next }
                    name = try data.string(text) ?? ""
                    return .stop
                }
            }
            return .next
        }
        let isKnown = geonameID != 0 || !name.isEmpty
        let number = isKnown ? gazetteer.number(ofCity: City(geonameID: geonameID, name: name)) : 0
        cities.insert(map.offset, number)
        return number
    }

    private mutating func subdivisions(
        _ list: DataSection.Value, _ country: UInt16, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt32 {
        let key = UInt64(country) << 32 | UInt64(list.offset)
        if let number = subdivisions[key] { return number }
        var codes: [SubdivisionCode] = []
        let country = gazetteer.countries[Int(country)]!
        try data.forEachElement(of: list) { element throws(Malformed) in
            try data.forEachEntry(of: element) { key, value throws(Malformed) in
                guard "iso_code" ~= key else { return .next }
                if let code = try data.string(value).flatMap({ SubdivisionCode(country: country, code: $0) }) {
                    codes.append(code)
                }
                return .stop
            }
        }
        let number = gazetteer.number(ofSubdivisions: codes)
        subdivisions.insert(key, number)
        return number
    }

    /// The point that a location says, and where the map ends if it was gone through.
    private func coordinates(_ map: DataSection.Value) throws(Malformed) -> (point: Coordinates?, end: UInt32) {
        var latitude: Double?
        var longitude: Double?
        let end = try data.forEachEntry(of: map) { key, value throws(Malformed) in
            if "latitude" ~= key {
                latitude = try data.real(value)
            } else if "longitude" ~= key {
                longitude = try data.real(value)
            }
            return .next
        }
        guard let latitude, let longitude else { return (nil, end) }
        return (Coordinates(latitude: latitude, longitude: longitude), end)
    }
}
