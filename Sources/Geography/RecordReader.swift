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
    /// Coordinates, by the offsets of both numbers where the record points to them, or by the offset of their map: see `PointKey`.
    private var points = Numbering<UInt64>()
    /// Lists of subdivisions, by their country's number and their offset.
    private var subdivisions = Numbering<UInt64>()
    /// What is known of records that are being read.
    private var waiting: [(entry: Gazetteer.Entry, system: UInt32, pointKey: PointKey)] = []

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
        /// Coordinates whose number is still to be found.
        var pointKey = PointKey.none
        /// What is still looked for.
        var missing: PlaceFields
        /// What this part of the record may say.
        var allowed = PlaceFields.everything
        /// Whether coordinates may stay a `pointKey`.
        var defersPoint: Bool
    }

    /// Where coordinates are that several records may point to.
    fileprivate struct PointKey: Equatable {
        let bits: UInt64

        /// By the offsets of both numbers, which are lower than 2^32 - 1.
        init(latitude: UInt32, longitude: UInt32) { bits = UInt64(latitude) << 32 | UInt64(longitude) }
        /// By the offset of their map.
        init(location: UInt32) { bits = UInt64(UInt32.max) << 32 | UInt64(location) }

        static var none: PointKey { PointKey(location: .max) }

        /// The offset of the map; `nil` if it is those of the numbers.
        var location: UInt32? { bits >> 32 == UInt64(UInt32.max) ? UInt32(truncatingIfNeeded: bits) : nil }
        var latitude: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) }
        var longitude: UInt32 { UInt32(truncatingIfNeeded: bits) }
    }

    /// The number of the place of the record at `offset`, and that of its autonomous system or 0.
    mutating func read(
        at offset: UInt32, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> (place: UInt32, system: UInt32) {
        let draft = try draft(at: offset, &gazetteer, defersPoint: false)
        note(draft.entry, draft.system)
        return (gazetteer.number(of: draft.entry), draft.system)
    }

    /// Reads the records at `offsets`, of which there are at most `portion`, as `read(at:_:)` does.
    ///
    /// What is found at once for all of them is what memory has to be waited for: each step begins that for all records, before the
    /// next step needs it.
    mutating func read(
        at offsets: [UInt32], _ gazetteer: inout Gazetteer,
        _ body: (_ place: UInt32, _ system: UInt32) -> Void
    ) throws(Malformed) {
        waiting.removeAll(keepingCapacity: true)
        for offset in offsets {
            let draft = try draft(at: offset, &gazetteer, defersPoint: true)
            waiting.append((draft.entry, draft.system, draft.pointKey))
        }
        var numbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices { numbers[i] = points.likelyNumber(of: waiting[i].pointKey.bits) }
        for i in waiting.indices where waiting[i].pointKey != .none {
            if numbers[i] != .max {
                waiting[i].entry.coordinates = numbers[i]
            } else if let number = try coordinates(waiting[i].pointKey, &gazetteer) {
                waiting[i].entry.coordinates = number
            } else {
                let draft = try draft(at: offsets[i], &gazetteer, defersPoint: false)
                (waiting[i].entry, waiting[i].system) = (draft.entry, draft.system)
            }
        }
        for record in waiting {
            note(record.entry, record.system)
            body(gazetteer.number(of: record.entry), record.system)
        }
    }

    /// The number of records that are read at once.
    static let portion = 32

    /// What there is in the record at `offset`.
    ///
    /// - Parameter defersPoint: whether coordinates that the record points to may stay a `pointKey`.
    private mutating func draft(
        at offset: UInt32, _ gazetteer: inout Gazetteer, defersPoint: Bool
    ) throws(Malformed) -> Draft {
        var draft = Draft(missing: wanted, defersPoint: defersPoint)
        try data.forEachPair(of: try data.record(at: offset)) { key, value throws(Malformed) in
            let field = try names.field(key, in: data)
            return field == .other ? .next : try take(field, value, &draft, &gazetteer, depth: 0)
        }
        if fields.contains(.city), draft.city != nil { try takeCity(&draft, &gazetteer) }
        // Only now is the country known: the fields come in any order.
        if draft.entry.country != 0, fields.contains(.subdivisions) { try takeSubdivisions(&draft, &gazetteer) }
        if draft.entry.coordinates == 0, draft.pointKey == .none {
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
        case .city where missing.contains(.city):
            if let known = cities[value.offset] {
                draft.entry.city = known
                draft.found(.city, fields)
            } else if try data.isMap(value) {
                draft.entry.city = try city(value, &gazetteer)
                draft.found(.city, fields)
            } else if draft.city == nil {
                draft.city = value
            }
        case .geonameID where missing.contains(.city):
            draft.geonameID = try data.unsigned(value).flatMap { UInt32(exactly: $0) } ?? 0
        case .location where missing.contains(.coordinates) && draft.defersPoint && value.type == .pointer:
            draft.pointKey = PointKey(location: value.offset)
            draft.point = nil
            draft.found(.coordinates, fields)
        case .location where missing.contains(.coordinates):
            let location = try coordinates(value, &gazetteer, &draft)
            guard location.end != 0 || location.number != 0 else { break }
            draft.entry.coordinates = location.number
            draft.point = nil
            draft.found(.coordinates, fields)
            return draft.missing.isEmpty ? .stop : location.end == 0 ? .next : .nextAt(location.end)
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

    private mutating func city(_ map: Value, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt32 {
        var geonameID: UInt32 = 0
        var name = ""
        try data.forEachEntry(of: map) { key, value throws(Malformed) in
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
        return number
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

    /// The number of the coordinates that a location says, or 0, and where the map ends if it was gone through.
    private mutating func coordinates(
        _ map: Value, _ gazetteer: inout Gazetteer, _ draft: inout Draft
    ) throws(Malformed) -> (number: UInt32, end: UInt32) {
        var latitude: Value?
        var longitude: Value?
        let end = try data.forEachPair(of: map) { key, value throws(Malformed) in
            switch try names.field(key, in: data) {
            case .latitude: latitude = value
            case .longitude: longitude = value
            default: break
            }
            return .next
        }
        guard end != 0 else { return (try point(map).map { gazetteer.number(ofCoordinates: $0) } ?? 0, 0) }
        guard let latitude, let longitude else { return (0, end) }
        // Most records point to numbers that others point to as well: to look at these each time costs more than all else.
        guard latitude.type == .pointer, longitude.type == .pointer else {
            return (try number(latitude, longitude, &gazetteer), end)
        }
        let key = PointKey(latitude: latitude.offset, longitude: longitude.offset)
        guard draft.defersPoint else { return (try coordinates(ofNumbers: key, &gazetteer), end) }
        draft.pointKey = key
        return (0, end)
    }

    /// The number of coordinates that a record points to, or 0; `nil` if what it points to is no location.
    private mutating func coordinates(_ key: PointKey, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt32? {
        guard let location = key.location else { return try coordinates(ofNumbers: key, &gazetteer) }
        if let number = points[key.bits] { return number }
        var draft = Draft(missing: [], defersPoint: false)
        let found = try coordinates(try data.target(at: location), &gazetteer, &draft)
        guard found.end != 0 || found.number != 0 else { return nil }
        points.insert(key.bits, found.number)
        return found.number
    }

    private mutating func coordinates(
        ofNumbers key: PointKey, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt32 {
        if let number = points[key.bits] { return number }
        let number = try number(
            try data.target(at: key.latitude), try data.target(at: key.longitude), &gazetteer)
        points.insert(key.bits, number)
        return number
    }

    /// The number of the coordinates that two numbers say, or 0.
    private func number(
        _ latitude: Value, _ longitude: Value, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt32 {
        guard let latitude = try data.real(latitude), let longitude = try data.real(longitude),
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
