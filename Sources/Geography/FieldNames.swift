/// The meaning of a field of a database record.
enum DatabaseField: UInt8 {
    case continent, continentCode, country, countryCode
    case subdivisions, regionCode, region, subregion
    case city, geonameID
    case location, latitude, longitude, point
    case asn
    /// A map with more fields: `traits`, `geo`.
    case network, place
    /// A field that no rule needs.
    case other
}

/// The field names of databases: those of MaxMind, which DB-IP and IP2Location use, too, and those of the flat records
/// of IPinfo, IPLocate and others. docs/configuration.md has the same table.
///
/// A field is recognized by its name and the type of its value, never by the name of the database.
struct FieldNames {
    private static let names: [(name: StaticString, field: DatabaseField)] = [
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
        ("autonomous_system_number", .asn), ("asn", .asn), ("as_number", .asn), ("as", .asn),
        ("traits", .network), ("geo", .place),
    ]

    /// A hash table: a position in `names` plus 1; 0 for a free slot.
    private var slots = [UInt8](repeating: 0, count: 256)
    /// A cache of recent keys by offset: in most databases all records point to the same keys.
    private var recent = [(offset: UInt32, field: DatabaseField)](repeating: (.max, .other), count: 1024)

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

    /// Returns the field of a key. A key in the cache is not read.
    @inline(__always)
    mutating func field(
        _ key: DataSection.Value, in data: DataSection
    ) throws(DataSection.Malformed) -> DatabaseField {
        let known = recent[Int(key.offset & 1023)]
        return known.offset == key.offset ? known.field : look(up: try data.key(key))
    }

    @inline(never)
    private mutating func look(up key: DataSection.Key) -> DatabaseField {
        var field = DatabaseField.other
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
