extension RecordReader {
    /// Reads the cities that the pending records point to.
    mutating func findCities(_ offsets: [UInt32], _ gazetteer: inout Gazetteer) throws(Malformed) {
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

    /// Returns the number of the city whose map is at `offset`; `nil` if there is no map.
    mutating func city(at offset: UInt32, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt32? {
        if let number = cities[offset] { return number }
        let map = try data.target(at: offset)
        return map.type == .map ? try city(map, &gazetteer).number : nil
    }

    /// Reads the map of a city. Returns the number of the city, and the offset just past the map.
    mutating func city(
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

    mutating func takeCity(_ draft: inout Draft, _ gazetteer: inout Gazetteer) throws(Malformed) {
        guard draft.entry.city == 0, let value = draft.city else { return }
        // The offset of the name identifies a city only if it has no geonames id.
        if draft.geonameID == 0, let number = namedCities[value.offset] {
            draft.entry.city = number
            return
        }
        let name = try Self.name(data.text(value))
        let number = name.map { gazetteer.number(ofCity: City(geonameID: draft.geonameID, name: $0)) } ?? 0
        if draft.geonameID == 0 { namedCities.insert(value.offset, number) }
        draft.entry.city = number
    }

    func englishName(_ names: Value) throws(Malformed) -> String? {
        var name: String?
        try data.forEachEntry(of: names) { language, text throws(Malformed) in
            guard "en" ~= language else { return .next }
            name = try Self.name(data.text(text))
            return .stop
        }
        return name
    }

    /// Returns a name; `nil` if there is none, and for `-`, which IP2Location writes for an unknown name.
    static func name(_ text: UnsafeRawBufferPointer?) -> String? {
        guard let text, 1...maxTextLength ~= text.count, text.count > 1 || text[0] != UInt8(ascii: "-") else {
            return nil
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The length in bytes of the longest name or code. It bounds the work for records that point to the same long
    /// text.
    static let maxTextLength = 255
    /// The largest number of subdivisions of a record; real records have two, one inside the other.
    static let maxSubdivisions = 16
}
