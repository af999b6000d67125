/// What a field of a record may say.
enum RecordField: UInt8 {
    case continent, continentCode, country, countryCode
    case subdivisions, regionCode, region, subregion
    case city, geonameID
    case location, latitude, longitude, point
    case system
    /// A map with more fields.
    case network, place
    /// Nothing that rules ask for.
    case other
}

/// How databases spell the fields that rules ask for: MaxMind's own, which DB-IP and IP2Location follow, and those of flat records as
/// IPinfo, IPLocate and others write them. docs/configuration.md has the same table.
///
/// What a field is, is known by its name and by the kind of its value, never by the name of the database.
struct FieldNames {
    private static let names: [(name: StaticString, field: RecordField)] = [
        ("continent", .continent), ("continent_code", .continentCode),
        ("country", .country), ("country_code", .countryCode), ("country_iso_code", .countryCode),
        ("country_code2", .countryCode), ("country_short", .countryCode), ("countryCode", .countryCode),
        ("subdivisions", .subdivisions),
        ("region_code", .regionCode), ("region_iso_code", .regionCode), ("subdivision_code", .regionCode),
        ("state_code", .regionCode),
        ("region", .region), ("region_name", .region), ("subdivision", .region), ("state", .region),
        ("state1", .region), ("state_prov", .region), ("stateprov", .region), ("state2", .subregion),
        ("city", .city), ("city_name", .city), ("geoname_id", .geonameID),
        ("location", .location), ("loc", .point), ("latitude", .latitude), ("lat", .latitude),
        ("longitude", .longitude), ("lng", .longitude), ("lon", .longitude), ("long", .longitude),
        ("autonomous_system_number", .system), ("asn", .system), ("as_number", .system), ("as", .system),
        ("traits", .network), ("geo", .place),
    ]

    /// A hash table: positions in `names`, plus 1.
    private var slots = [UInt8](repeating: 0, count: 256)
    /// What keys were that were seen lately, by their offset: in most databases all records point to the same keys.
    private var recent = [(offset: UInt32, field: RecordField)](repeating: (.max, .other), count: 1024)

    init() {
        for (position, entry) in Self.names.enumerated() {
            let bytes = UnsafeRawBufferPointer(start: entry.name.utf8Start, count: entry.name.utf8CodeUnitCount)
            var slot = Self.hash(bytes)
            while slots[slot] != 0 { slot = (slot + 1) & 255 }
            slots[slot] = UInt8(position + 1)
        }
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        bytes.isEmpty ? 0 : (bytes.count &* 37 &+ Int(bytes[0]) &* 11 &+ Int(bytes[bytes.count - 1])) & 255
    }

    /// What the field of this name says. A key that was seen lately is not looked at.
    @inline(__always)
    mutating func field(
        _ key: DataSection.Value, in data: DataSection
    ) throws(DataSection.Malformed) -> RecordField {
        let known = recent[Int(key.offset & 1023)]
        return known.offset == key.offset ? known.field : look(up: try data.key(key))
    }

    @inline(never)
    private mutating func look(up key: DataSection.Key) -> RecordField {
        var field = RecordField.other
        var slot = Self.hash(key.bytes)
        while slots[slot] != 0 {
            let entry = Self.names[Int(slots[slot]) - 1]
            if entry.name ~= key {
                field = entry.field
                break
            }
            slot = (slot + 1) & 255
        }
        recent[Int(key.offset & 1023)] = (key.offset, field)
        return field
    }
}
