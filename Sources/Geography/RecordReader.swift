/// Reads the fields of database records that rules need. `FieldNames` has the names of fields in different databases.
///
/// Values that several records point to are read once, and recognized by their offset.
struct RecordReader {
    let data: DataSection
    let fields: PlaceFields
    /// The fields that some record has had.
    var found: PlaceFields = []
    /// Whether some subdivision has a name but no code.
    var hasSubdivisionsWithoutCode = false
    /// The fields to look for in a record. More than `fields` if one follows from another.
    private let wanted: PlaceFields
    var names = FieldNames()
    var continents = IntegerMap<UInt32>()
    var countries = IntegerMap<UInt32>()
    var cities = IntegerMap<UInt32>()
    /// Cities that are a string instead of a map, by the offset of the string.
    var namedCities = IntegerMap<UInt32>()
    /// Coordinates by the offset of their map, if records point to it.
    var locations = IntegerMap<UInt32>()
    /// Lists of subdivisions by the number of the country and the offset of the list.
    var subdivisions = IntegerMap<UInt64>()
    /// Whether all cities that records point to have been maps so far.
    var areCitiesMaps = true
    /// The records of the batch that is being read.
    var waiting: [PendingRecord] = []

    typealias Malformed = DataSection.Malformed
    typealias Value = DataSection.Value

    /// Makes a reader.
    ///
    /// - Parameter fields: the fields to read; all others stay unknown.
    init(_ data: DataSection, _ fields: PlaceFields) {
        self.data = data
        // The code of a subdivision begins with that of its country.
        let fields =
            fields.isDisjoint(with: [.subdivisions, .subdivisionNames])
            ? fields : fields.union([.subdivisions, .country])
        self.fields = fields
        // If the record has no continent, it follows from the country.
        let wanted = fields.contains(.continent) ? fields.union(.country) : fields
        self.wanted = wanted.subtracting(.subdivisionNames)
    }

    /// A record while its fields are read.
    struct Draft {
        var entry = Gazetteer.Entry()
        var asn: UInt32 = 0
        var point: Coordinates?
        var latitude: Double?
        var longitude: Double?
        var subdivisions: Value?
        var regionCode: Value?
        var region: Value?
        var subregion: Value?
        /// A city that is a string, and its geonames id.
        var city: Value?
        var geonameID: UInt32 = 0
        /// Values that will be read later.
        var references = References()
        /// The fields that have not been found yet.
        var missing: PlaceFields
        /// The fields that count in this part of the record.
        var allowed = PlaceFields.everything
        /// Whether maps that the record points to may be kept as `references`.
        var defersMaps: Bool
    }

    /// The offsets of values that have not been read yet; `nothing` if there is none.
    struct References {
        static var nothing: UInt32 { .max }

        /// The map with the coordinates.
        var location = nothing
        /// The two numbers of the coordinates.
        var latitude = nothing
        var longitude = nothing
        /// The map of the city.
        var city = nothing
    }

    /// A record whose references are still to be read.
    struct PendingRecord {
        var entry: Gazetteer.Entry
        var asn: UInt32
        var references: References

        init(_ draft: Draft) { (entry, asn, references) = (draft.entry, draft.asn, draft.references) }
    }

    /// Reads the record at `offset`. Returns the number of its place, and its autonomous system number or 0.
    mutating func read(
        at offset: UInt32, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> (place: UInt32, asn: UInt32) {
        var result: (place: UInt32, asn: UInt32) = (0, 0)
        try read(at: [offset], &gazetteer) { result = ($0, $1) }
        return result
    }

    /// Reads a batch of records, at most `batchSize`, as `read(at:_:)` does.
    ///
    /// Most of the time is spent waiting for memory. So each step is done for all records before the next step, which
    /// depends on it. Then the processor waits for the memory of many records at once.
    mutating func read(
        at offsets: [UInt32], _ gazetteer: inout Gazetteer,
        _ body: (_ place: UInt32, _ asn: UInt32) -> Void
    ) throws(Malformed) {
        waiting.removeAll(keepingCapacity: true)
        for offset in offsets { waiting.append(PendingRecord(try draft(at: offset, &gazetteer, defersMaps: true))) }
        if fields.contains(.city) { try findCities(offsets, &gazetteer) }
        if fields.contains(.coordinates) { try findCoordinates(offsets, &gazetteer) }
        var numbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices { numbers[i] = gazetteer.likelyNumber(of: waiting[i].entry) }
        for i in waiting.indices {
            let record = waiting[i]
            note(record.entry, record.asn)
            body(numbers[i] != .max ? numbers[i] : gazetteer.number(of: record.entry), record.asn)
        }
    }

    /// The largest number of records in a batch.
    static let batchSize = 32

    /// Reads a record again, field by field, because a reference was not of the expected type.
    mutating func readAgain(_ i: Int, at offset: UInt32, _ gazetteer: inout Gazetteer) throws(Malformed) {
        waiting[i] = PendingRecord(try draft(at: offset, &gazetteer, defersMaps: false))
    }

    /// Reads the fields of the record at `offset`.
    ///
    /// - Parameter defersMaps: whether maps that the record points to may be kept as `references`.
    mutating func draft(
        at offset: UInt32, _ gazetteer: inout Gazetteer, defersMaps: Bool
    ) throws(Malformed) -> Draft {
        var draft = Draft(missing: wanted, defersMaps: defersMaps)
        try data.forEachPair(of: try data.record(at: offset)) { key, value throws(Malformed) in
            let field = try names.field(key, in: data)
            return field == .other ? .next : try take(field, value, &draft, &gazetteer, depth: 0)
        }
        if fields.contains(.city), draft.city != nil { try takeCity(&draft, &gazetteer) }
        // The country is known only now, because fields come in any order.
        if draft.entry.country != 0, fields.contains(.subdivisions) { try takeSubdivisions(&draft, &gazetteer) }
        let isPointReferred =
            draft.references.location != References.nothing || draft.references.latitude != References.nothing
        if draft.entry.coordinates == 0, !isPointReferred {
            if draft.point == nil, let latitude = draft.latitude, let longitude = draft.longitude {
                draft.point = Self.point(latitude, longitude)
            }
            if let point = draft.point { draft.entry.coordinates = gazetteer.number(ofCoordinates: point) }
        }
        if draft.entry.continent != 0, !fields.contains(.country) { draft.entry.country = 0 }
        return draft
    }

    /// Records which fields were found.
    mutating func note(_ entry: Gazetteer.Entry, _ asn: UInt32) {
        if entry.continent != 0 { found.insert(.continent) }
        if entry.country != 0 { found.insert(.country) }
        if entry.subdivisions != 0 { found.insert(.subdivisions) }
        if entry.city != 0 { found.insert(.city) }
        if entry.coordinates != 0 { found.insert(.coordinates) }
        if asn != 0 { found.insert(.asn) }
    }

    /// Takes a field into the draft if it is needed.
    ///
    /// A code takes precedence over a string that may be a code or a name. A value of an unexpected type is ignored.
    mutating func take(
        _ field: DatabaseField, _ value: Value, _ draft: inout Draft, _ gazetteer: inout Gazetteer, depth: Int
    ) throws(Malformed) -> DataSection.Step {
        let missing = draft.missing.intersection(draft.allowed)
        switch field {
        case .continent where missing.contains(.continent):
            if let number = try continent(value, &gazetteer) {
                draft.entry.continent = number.code
                if number.isCertain { draft.found(.continent, fields) }
            }
        case .continentCode where missing.contains(.continent):
            guard let code = try data.text(value).flatMap({ PlaceCode($0) }) else { break }
            draft.entry.continent = gazetteer.number(ofContinent: code)
            draft.found(.continent, fields)
        case .country where missing.contains(.country):
            if let number = try country(value, &gazetteer) {
                draft.entry.country = number.code
                if number.isCertain { draft.found(.country, fields) }
            }
        case .countryCode where missing.contains(.country):
            guard let code = try data.text(value).flatMap({ PlaceCode($0) }), !code.isUnknownCountry else { break }
            draft.entry.country = gazetteer.number(ofCountry: code)
            draft.found(.country, fields)
        case .subdivisions where missing.contains(.subdivisions):
            draft.subdivisions = value
            draft.found(.subdivisions, fields)
        case .regionCode where missing.contains(.subdivisions): draft.regionCode = value
        case .region where missing.contains(.subdivisions) && draft.region == nil: draft.region = value
        case .subregion where missing.contains(.subdivisions): draft.subregion = value
        case .city where missing.contains(.city) && draft.defersMaps && value.type == .pointer && areCitiesMaps:
            draft.references.city = value.offset
            draft.found(.city, fields)
        case .city where missing.contains(.city):
            if value.type == .pointer, let known = cities[value.offset] {
                draft.entry.city = known
                draft.found(.city, fields)
            } else if try data.isMap(value) {
                let city = try city(value, &gazetteer)
                draft.entry.city = city.number
                draft.found(.city, fields)
                return draft.missing.isEmpty ? .stop : .nextAt(city.end)
            } else if draft.city == nil {
                draft.city = value
            }
        case .geonameID where missing.contains(.city):
            draft.geonameID = try data.unsigned(value).flatMap { UInt32(exactly: $0) } ?? 0
        case .location where missing.contains(.coordinates) && draft.defersMaps && value.type == .pointer:
            draft.references.location = value.offset
            draft.point = nil
            draft.found(.coordinates, fields)
        case .location where missing.contains(.coordinates):
            let (found, end) = try location(value, &gazetteer)
            switch found {
            case .nothing: return .next
            case .number(let number): draft.entry.coordinates = number
            case .numbers(let latitude, let longitude):
                (draft.references.latitude, draft.references.longitude) = (latitude, longitude)
            }
            draft.point = nil
            draft.found(.coordinates, fields)
            return draft.missing.isEmpty ? .stop : end == 0 ? .next : .nextAt(end)
        case .latitude where missing.contains(.coordinates): draft.latitude = try data.real(value)
        case .longitude where missing.contains(.coordinates): draft.longitude = try data.real(value)
        case .point where missing.contains(.coordinates): draft.point = try point(value)
        case .asn where missing.contains(.asn):
            if try data.isMap(value) {
                try takeMap(value, [.asn], &draft, &gazetteer, depth: depth)
            } else {
                draft.asn = try asn(value)
            }
            if draft.asn != 0 { draft.found(.asn, fields) }
        case .network where missing.contains(.asn):
            try takeMap(value, [.asn], &draft, &gazetteer, depth: depth)
        case .place where !missing.subtracting(.asn).isEmpty:
            try takeMap(value, .everything.subtracting(.asn), &draft, &gazetteer, depth: depth)
        default: return .next
        }
        return draft.missing.isEmpty ? .stop : .next
    }

    /// Takes the fields of a nested map that are `allowed` there.
    mutating func takeMap(
        _ map: Value, _ allowed: PlaceFields, _ draft: inout Draft, _ gazetteer: inout Gazetteer, depth: Int
    ) throws(Malformed) {
        guard depth < 2, try data.isMap(map) else { return }
        let outside = draft.allowed
        draft.allowed = outside.intersection(allowed)
        try data.forEachPair(of: map) { key, value throws(Malformed) in
            try take(try names.field(key, in: data), value, &draft, &gazetteer, depth: depth + 1)
        }
        draft.allowed = outside
    }

    // MARK: Continent, country

    /// The number of a code, and whether it is certainly a code: a string in such a field may be a name.
    typealias FoundCode = (code: UInt16, isCertain: Bool)

    mutating func continent(_ value: Value, _ gazetteer: inout Gazetteer) throws(Malformed) -> FoundCode? {
        if let number = continents[value.offset] { return (UInt16(truncatingIfNeeded: number), true) }
        if let text = try data.text(value) {
            let code = PlaceCode(text) ?? PlaceCode(continentNamed: text)
            return code.map { (gazetteer.number(ofContinent: $0), false) }
        }
        guard let code = try code(value) else { return nil }
        let number = gazetteer.number(ofContinent: code)
        continents.insert(value.offset, UInt32(number))
        return (number, true)
    }

    mutating func country(_ value: Value, _ gazetteer: inout Gazetteer) throws(Malformed) -> FoundCode? {
        if let number = countries[value.offset] { return (UInt16(truncatingIfNeeded: number), true) }
        if let text = try data.text(value) {
            guard let code = PlaceCode(text), !code.isUnknownCountry else { return nil }
            return (gazetteer.number(ofCountry: code), false)
        }
        guard let code = try code(value), !code.isUnknownCountry else { return nil }
        let number = gazetteer.number(ofCountry: code)
        countries.insert(value.offset, UInt32(number))
        return (number, true)
    }

    /// Returns the code in the map of a continent or a country.
    func code(_ map: Value) throws(Malformed) -> PlaceCode? {
        var code: PlaceCode?
        try data.forEachEntry(of: map) { key, value throws(Malformed) in
            guard "iso_code" ~= key || "code" ~= key else { return .next }
            code = try data.text(value).flatMap { PlaceCode($0) }
            return .stop
        }
        return code
    }

    // MARK: Autonomous system

    /// Reads an autonomous system number from a number or a string such as `AS224` or `224`; 0 for any other value.
    func asn(_ value: Value) throws(Malformed) -> UInt32 {
        guard let text = try data.text(value) else {
            return try data.unsigned(value).flatMap(Self.asn) ?? 0
        }
        let hasPrefix =
            text.count > 2 && text[0] | 0x20 == UInt8(ascii: "a") && text[1] | 0x20 == UInt8(ascii: "s")
        // The name of the system may follow.
        let digits = text.dropFirst(hasPrefix ? 2 : 0).prefix { $0 != UInt8(ascii: " ") }
        return decimal(digits).flatMap(Self.asn) ?? 0
    }

    /// Returns a valid number; `nil` for numbers out of range. 4294967295 is reserved (RFC 7300), so that it can mean
    /// "no value" elsewhere.
    static func asn(_ number: UInt64) -> UInt32? {
        number < UInt64(UInt32.max) ? UInt32(number) : nil
    }
}

extension RecordReader.Draft {
    /// Marks a field as found.
    mutating func found(_ field: PlaceFields, _ fields: PlaceFields) {
        missing.remove(field)
        // With a stated continent the country is not needed for it.
        if field == .continent, !fields.contains(.country) { missing.remove(.country) }
    }
}
