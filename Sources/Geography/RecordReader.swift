/// Reads the fields of a database's records that rules ask for, however the database spells them: see `FieldNames`.
///
/// Parts that records share are read once: they are known again by their offset.
struct RecordReader {
    let data: DataSection
    let fields: PlaceFields
    /// The fields that some record had.
    private(set) var found: PlaceFields = []
    /// Whether some subdivision has a name and no code.
    private(set) var hasSubdivisionsWithoutCode = false
    /// What is looked for in a record.
    private let wanted: PlaceFields
    private var names = FieldNames()
    private var continents = Numbering<UInt32>()
    private var countries = Numbering<UInt32>()
    private var cities = Numbering<UInt32>()
    /// Cities that are a text.
    private var namedCities = Numbering<UInt32>()
    /// Coordinates, by the offset of their map where the record points to it.
    private var locations = Numbering<UInt32>()
    /// Lists of subdivisions, by their country's number and their offset.
    private var subdivisions = Numbering<UInt64>()
    /// Whether all cities that records point to have been maps.
    private var areCitiesMaps = true
    /// Records that are being read.
    private var waiting: [Waiting] = []

    typealias Malformed = DataSection.Malformed
    typealias Value = DataSection.Value

    /// - Parameter fields: what is read; all else stays unknown.
    init(_ data: DataSection, _ fields: PlaceFields) {
        self.data = data
        // The code of a subdivision begins with that of its country.
        let fields =
            fields.isDisjoint(with: [.subdivisions, .subdivisionNames])
            ? fields : fields.union([.subdivisions, .country])
        self.fields = fields
        // A continent may follow from the country.
        let wanted = fields.contains(.continent) ? fields.union(.country) : fields
        self.wanted = wanted.subtracting(.subdivisionNames)
    }

    /// What is known of a record so far.
    fileprivate struct Draft {
        var entry = Gazetteer.Entry()
        var system: UInt32 = 0
        var point: Coordinates?
        var latitude: Double?
        var longitude: Double?
        var subdivisions: Value?
        var regionCode: Value?
        var region: Value?
        var subregion: Value?
        /// A city that is a text, and its number.
        var city: Value?
        var geonameID: UInt32 = 0
        /// What is still to be found.
        var references = References()
        /// What is still looked for.
        var missing: PlaceFields
        /// What this part of the record may say.
        var allowed = PlaceFields.everything
        /// Whether maps that the record points to may stay `references`.
        var defersMaps: Bool
    }

    /// Offsets of values outside of a record, or in it, that have not been looked at; `nothing` if there are none.
    fileprivate struct References {
        static var nothing: UInt32 { .max }

        /// The map that has the coordinates.
        var location = nothing
        /// Both numbers of the coordinates.
        var latitude = nothing
        var longitude = nothing
        /// The map of the city.
        var city = nothing
    }

    /// A record that is being read.
    private struct Waiting {
        var entry: Gazetteer.Entry
        var system: UInt32
        var references: References

        init(_ draft: Draft) { (entry, system, references) = (draft.entry, draft.system, draft.references) }
    }

    /// The number of the place of the record at `offset`, and that of its autonomous system or 0.
    mutating func read(
        at offset: UInt32, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> (place: UInt32, system: UInt32) {
        var result: (place: UInt32, system: UInt32) = (0, 0)
        try read(at: [offset], &gazetteer) { result = ($0, $1) }
        return result
    }

    /// Reads the records at `offsets`, of which there are at most `portion`, as `read(at:_:)` does.
    ///
    /// Most of the time goes into waiting for memory. So each step, which needs what the one before has found, is taken for all records
    /// before the next step: then the processor waits for the memory of many records at once.
    mutating func read(
        at offsets: [UInt32], _ gazetteer: inout Gazetteer,
        _ body: (_ place: UInt32, _ system: UInt32) -> Void
    ) throws(Malformed) {
        waiting.removeAll(keepingCapacity: true)
        for offset in offsets { waiting.append(Waiting(try draft(at: offset, &gazetteer, defersMaps: true))) }
        if fields.contains(.city) { try findCities(offsets, &gazetteer) }
        if fields.contains(.coordinates) { try findCoordinates(offsets, &gazetteer) }
        var numbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices { numbers[i] = gazetteer.likelyNumber(of: waiting[i].entry) }
        for i in waiting.indices {
            let record = waiting[i]
            note(record.entry, record.system)
            body(numbers[i] != .max ? numbers[i] : gazetteer.number(of: record.entry), record.system)
        }
    }

    /// The number of records that are read at once.
    static let portion = 32

    /// Reads a record whose references are not what they seem to be, one field after the other.
    private mutating func readAgain(_ i: Int, at offset: UInt32, _ gazetteer: inout Gazetteer) throws(Malformed) {
        waiting[i] = Waiting(try draft(at: offset, &gazetteer, defersMaps: false))
    }

    /// Finds the cities that the waiting records point to.
    private mutating func findCities(_ offsets: [UInt32], _ gazetteer: inout Gazetteer) throws(Malformed) {
        var numbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices { numbers[i] = cities.likelyNumber(of: waiting[i].references.city) }
        for i in waiting.indices where waiting[i].references.city != References.nothing {
            let offset = waiting[i].references.city
            if numbers[i] == .max {
                guard let number = try city(at: offset, &gazetteer) else {
                    areCitiesMaps = false
                    try readAgain(i, at: offsets[i], &gazetteer)
                    continue
                }
                numbers[i] = number
            }
            waiting[i].entry.city = numbers[i]
        }
    }

    /// The number of the city whose map is at `offset`; `nil` if there is no map.
    private mutating func city(at offset: UInt32, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt32? {
        if let number = cities[offset] { return number }
        let map = try data.target(at: offset)
        return map.type == .map ? try city(map, &gazetteer).number : nil
    }

    /// Finds the coordinates of the waiting records.
    private mutating func findCoordinates(_ offsets: [UInt32], _ gazetteer: inout Gazetteer) throws(Malformed) {
        var numbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices { numbers[i] = locations.likelyNumber(of: waiting[i].references.location) }
        for i in waiting.indices where waiting[i].references.location != References.nothing && numbers[i] == .max {
            let offset = waiting[i].references.location
            if let number = locations[offset] {
                numbers[i] = number
                continue
            }
            switch try location(try data.target(at: offset), &gazetteer).found {
            case .nothing: try readAgain(i, at: offsets[i], &gazetteer)
            case .number(let number):
                locations.insert(offset, number)
                numbers[i] = number
            case .numbers(let latitude, let longitude):
                (waiting[i].references.latitude, waiting[i].references.longitude) = (latitude, longitude)
            }
        }
        var latitudes = InlineArray<32, Double>(repeating: .nan)
        var longitudes = InlineArray<32, Double>(repeating: .nan)
        for i in waiting.indices {
            latitudes[i] = data.likelyDouble(at: waiting[i].references.latitude)
            longitudes[i] = data.likelyDouble(at: waiting[i].references.longitude)
        }
        var points = InlineArray<32, Coordinates?>(repeating: nil)
        var pointNumbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices {
            points[i] = Self.point(latitudes[i], longitudes[i])
            if let point = points[i] { pointNumbers[i] = gazetteer.likelyNumber(ofCoordinates: point) }
        }
        for i in waiting.indices {
            let references = waiting[i].references
            if references.latitude != References.nothing {
                if pointNumbers[i] != .max {
                    numbers[i] = pointNumbers[i]
                } else if let point = points[i] {
                    numbers[i] = gazetteer.number(ofCoordinates: point)
                } else {
                    // There may be numbers that are no doubles.
                    numbers[i] = try number(references.latitude, references.longitude, &gazetteer)
                }
                if references.location != References.nothing, locations[references.location] == nil {
                    locations.insert(references.location, numbers[i])
                }
            }
            if numbers[i] != .max { waiting[i].entry.coordinates = numbers[i] }
        }
    }

    /// What there is in the record at `offset`.
    ///
    /// - Parameter defersMaps: whether maps that the record points to may stay `references`.
    private mutating func draft(
        at offset: UInt32, _ gazetteer: inout Gazetteer, defersMaps: Bool
    ) throws(Malformed) -> Draft {
        var draft = Draft(missing: wanted, defersMaps: defersMaps)
        try data.forEachPair(of: try data.record(at: offset)) { key, value throws(Malformed) in
            let field = try names.field(key, in: data)
            return field == .other ? .next : try take(field, value, &draft, &gazetteer, depth: 0)
        }
        if fields.contains(.city), draft.city != nil { try takeCity(&draft, &gazetteer) }
        // Only now is the country known: the fields come in any order.
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

    private mutating func note(_ entry: Gazetteer.Entry, _ system: UInt32) {
        if entry.continent != 0 { found.insert(.continent) }
        if entry.country != 0 { found.insert(.country) }
        if entry.subdivisions != 0 { found.insert(.subdivisions) }
        if entry.city != 0 { found.insert(.city) }
        if entry.coordinates != 0 { found.insert(.coordinates) }
        if system != 0 { found.insert(.system) }
    }

    /// Takes a field up, if it is looked for.
    ///
    /// A code beats a text that may be a code or a name. What is not of a kind that can be meant is as if it were not there.
    private mutating func take(
        _ field: RecordField, _ value: Value, _ draft: inout Draft, _ gazetteer: inout Gazetteer, depth: Int
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
        case .system where missing.contains(.system):
            if try data.isMap(value) {
                try takeMap(value, [.system], &draft, &gazetteer, depth: depth)
            } else {
                draft.system = try system(value)
            }
            if draft.system != 0 { draft.found(.system, fields) }
        case .network where missing.contains(.system):
            try takeMap(value, [.system], &draft, &gazetteer, depth: depth)
        case .place where !missing.subtracting(.system).isEmpty:
            try takeMap(value, .everything.subtracting(.system), &draft, &gazetteer, depth: depth)
        default: return .next
        }
        return draft.missing.isEmpty ? .stop : .next
    }

    /// Takes up the fields of a map in the record, if they are `allowed` there.
    private mutating func takeMap(
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

    /// A code's number, and whether it can be nothing else: a text in such a field may be a name as well.
    private typealias FoundCode = (code: UInt16, isCertain: Bool)

    private mutating func continent(_ value: Value, _ gazetteer: inout Gazetteer) throws(Malformed) -> FoundCode? {
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

    private mutating func country(_ value: Value, _ gazetteer: inout Gazetteer) throws(Malformed) -> FoundCode? {
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

    /// The code of a continent's or a country's map.
    private func code(_ map: Value) throws(Malformed) -> PlaceCode? {
        var code: PlaceCode?
        try data.forEachEntry(of: map) { key, value throws(Malformed) in
            guard "iso_code" ~= key || "code" ~= key else { return .next }
            code = try data.text(value).flatMap { PlaceCode($0) }
            return .stop
        }
        return code
    }

    // MARK: City

    /// The number of the city that a map says, and where the map ends.
    private mutating func city(
        _ map: Value, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> (number: UInt32, end: UInt32) {
        var geonameID: UInt32 = 0
        var name = ""
        let end = try data.forEachEntry(of: map) { key, value throws(Malformed) in
            if "geoname_id" ~= key {
                geonameID = try data.unsigned(value).flatMap { UInt32(exactly: $0) } ?? 0
            } else if "names" ~= key {
                name = try englishName(value) ?? name
            } else if "name" ~= key, name.isEmpty {
                name = try Self.name(data.text(value)) ?? ""
            }
            return .next
        }
        let isKnown = geonameID != 0 || !name.isEmpty
        let number = isKnown ? gazetteer.number(ofCity: City(geonameID: geonameID, name: name)) : 0
        cities.insert(map.offset, number)
        return (number, end)
    }

    private mutating func takeCity(_ draft: inout Draft, _ gazetteer: inout Gazetteer) throws(Malformed) {
        guard draft.entry.city == 0, let value = draft.city else { return }
        // A city with a number is not known by where its name is.
        if draft.geonameID == 0, let number = namedCities[value.offset] {
            draft.entry.city = number
            return
        }
        let name = try Self.name(data.text(value))
        let number = name.map { gazetteer.number(ofCity: City(geonameID: draft.geonameID, name: $0)) } ?? 0
        if draft.geonameID == 0 { namedCities.insert(value.offset, number) }
        draft.entry.city = number
    }

    private func englishName(_ names: Value) throws(Malformed) -> String? {
        var name: String?
        try data.forEachEntry(of: names) { language, text throws(Malformed) in
            guard "en" ~= language else { return .next }
            name = try Self.name(data.text(text))
            return .stop
        }
        return name
    }

    /// The name that a text is; `nil` for none, and for what IP2Location writes where it knows none.
    private static func name(_ text: UnsafeRawBufferPointer?) -> String? {
        guard let text, 1...longestText ~= text.count, text.count > 1 || text[0] != UInt8(ascii: "-") else {
            return nil
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What is longer is no name and no code: to read it for each record that points to it would take for ever.
    private static let longestText = 255
    /// The subdivisions of a record that count; records have two, of which one lies in the other.
    private static let mostSubdivisions = 16

    // MARK: Subdivisions

    private mutating func takeSubdivisions(
        _ draft: inout Draft, _ gazetteer: inout Gazetteer
    ) throws(Malformed) {
        if let list = draft.subdivisions {
            draft.entry.subdivisions = try subdivisions(list, draft.entry.country, &gazetteer)
        } else if draft.regionCode != nil || draft.region != nil {
            draft.entry.subdivisions = try regions(draft, &gazetteer)
        }
    }

    private mutating func subdivisions(
        _ list: Value, _ country: UInt16, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt32 {
        let key = UInt64(country) << 32 | UInt64(list.offset)
        if let number = subdivisions[key] { return number }
        var codes: [SubdivisionCode] = []
        let country = gazetteer.countries[Int(country)]!
        try data.forEachElement(of: list) { element throws(Malformed) in
            guard codes.count < Self.mostSubdivisions else { return }
            var code: SubdivisionCode?
            var name: Value?
            var names: Value?
            try data.forEachEntry(of: element) { key, value throws(Malformed) in
                if "iso_code" ~= key || "code" ~= key {
                    code = try data.text(value).flatMap { Self.subdivision(country, $0) }
                } else if "names" ~= key {
                    names = value
                } else if "name" ~= key {
                    name = value
                }
                return .next
            }
            var word: String?
            if let names { word = try englishName(names) }
            if word == nil, let name { word = try Self.name(data.text(name)) }
            add(code, word, country, to: &codes)
        }
        let number = gazetteer.number(ofSubdivisions: codes)
        subdivisions.insert(key, number)
        return number
    }

    /// The subdivisions of a flat record.
    private mutating func regions(_ draft: Draft, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt32 {
        let country = gazetteer.countries[Int(draft.entry.country)]!
        var codes: [SubdivisionCode] = []
        func name(_ value: Value?) throws(Malformed) -> String? {
            guard let value else { return nil }
            return try Self.name(data.text(value))
        }
        var code: SubdivisionCode?
        if let value = draft.regionCode { code = try data.text(value).flatMap { Self.subdivision(country, $0) } }
        add(code, try name(draft.region), country, to: &codes)
        if let subregion = try name(draft.subregion) { add(nil, subregion, country, to: &codes) }
        return gazetteer.number(ofSubdivisions: codes)
    }

    /// Adds a subdivision by its code and, if rules want names, by its name. The code is narrower than the name, for the code's
    /// rule to come first.
    private mutating func add(
        _ code: SubdivisionCode?, _ name: String?, _ country: PlaceCode, to codes: inout [SubdivisionCode]
    ) {
        if let name {
            if code == nil { hasSubdivisionsWithoutCode = true }
            if fields.contains(.subdivisionNames), let named = SubdivisionCode(country: country, name: name) {
                codes.append(named)
            }
        }
        if let code { codes.append(code) }
    }

    /// The subdivision that a code says, with or without its country's: `CA` or `US-CA`.
    private static func subdivision(_ country: PlaceCode, _ code: UnsafeRawBufferPointer) -> SubdivisionCode? {
        guard code.count <= longestText else { return nil }
        let text = String(decoding: code, as: UTF8.self)
        if let whole = SubdivisionCode(text), !whole.isName { return whole.country == country ? whole : nil }
        return SubdivisionCode(country: country, code: text)
    }

    // MARK: Coordinates, autonomous system

    /// What a location says.
    private enum Location {
        /// It is none.
        case nothing
        /// The number of the coordinates, or 0.
        case number(UInt32)
        /// The offsets of both numbers.
        case numbers(latitude: UInt32, longitude: UInt32)
    }

    /// What a location says, and where its map ends if it was gone through.
    private mutating func location(
        _ map: Value, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> (found: Location, end: UInt32) {
        var latitude = References.nothing
        var longitude = References.nothing
        let end = try data.forEachPair(of: map) { key, value throws(Malformed) in
            switch try names.field(key, in: data) {
            case .latitude: latitude = value.offset
            case .longitude: longitude = value.offset
            default: break
            }
            return .next
        }
        guard end != 0 else {
            return (try point(map).map { .number(gazetteer.number(ofCoordinates: $0)) } ?? .nothing, 0)
        }
        guard latitude != References.nothing, longitude != References.nothing else { return (.number(0), end) }
        return (.numbers(latitude: latitude, longitude: longitude), end)
    }

    /// The number of the coordinates that the numbers at two offsets say, or 0.
    @inline(never)
    private func number(
        _ latitude: UInt32, _ longitude: UInt32, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt32 {
        guard let latitude = try data.real(try data.target(at: latitude)),
            let longitude = try data.real(try data.target(at: longitude)),
            let point = Self.point(latitude, longitude)
        else { return 0 }
        return gazetteer.number(ofCoordinates: point)
    }

    /// A point; `nil` for 0, 0, which some databases write for a place that they do not know: there is none but sea.
    private static func point(_ latitude: Double, _ longitude: Double) -> Coordinates? {
        latitude == 0 && longitude == 0 ? nil : Coordinates(latitude: latitude, longitude: longitude)
    }

    /// The point that a text such as `59.91,10.75` says.
    private func point(_ value: Value) throws(Malformed) -> Coordinates? {
        guard let text = try data.text(value), let comma = text.firstIndex(of: UInt8(ascii: ",")),
            let latitude = fraction(text[..<comma]),
            let longitude = fraction(text[(comma + 1)...].drop { $0 == UInt8(ascii: " ") })
        else { return nil }
        return Self.point(latitude, longitude)
    }

    /// The number of an autonomous system, from a number or from a text such as `AS224` or `224`; 0 if it is neither.
    private func system(_ value: Value) throws(Malformed) -> UInt32 {
        guard let text = try data.text(value) else {
            return try data.unsigned(value).flatMap(Self.system) ?? 0
        }
        let hasPrefix =
            text.count > 2 && text[0] | 0x20 == UInt8(ascii: "a") && text[1] | 0x20 == UInt8(ascii: "s")
        // A name may follow.
        let digits = text.dropFirst(hasPrefix ? 2 : 0).prefix { $0 != UInt8(ascii: " ") }
        return decimal(digits).flatMap(Self.system) ?? 0
    }

    /// The last number is no system's (RFC 7300), so that it can stand for no value elsewhere.
    private static func system(_ number: UInt64) -> UInt32? {
        number < UInt64(UInt32.max) ? UInt32(number) : nil
    }

    // MARK: Names of fields

    /// The names of the fields of the record at `offset`, one that is inside another as `country.iso_code`.
    func fieldNames(at offset: UInt32) throws(Malformed) -> [String] {
        var result: [String] = []
        func name(_ key: DataSection.Key) -> String { String(decoding: key.bytes.prefix(64), as: UTF8.self) }
        try data.forEachEntry(of: try data.record(at: offset)) { key, value throws(Malformed) in
            var inside: [String] = []
            if try data.isMap(value) {
                try data.forEachEntry(of: value) { key, _ throws(Malformed) in
                    inside.append(name(key))
                    return .next
                }
            }
            result += inside.isEmpty ? [name(key)] : inside.map { "\(name(key)).\($0)" }
            return .next
        }
        return result
    }
}

extension RecordReader.Draft {
    /// Looks no longer for what was found.
    fileprivate mutating func found(_ field: PlaceFields, _ fields: PlaceFields) {
        missing.remove(field)
        // A continent of its own needs no country to follow from.
        if field == .continent, !fields.contains(.country) { missing.remove(.country) }
    }
}
