import Support

/// Draws databases with few places, and with dense networks where errors are likely.
enum RandomDatabase {
    /// The areas for networks: around the IPv6 networks that carry IPv4, at the ends of the address space, and so
    /// narrow in some places that networks overlap.
    private static let crowded: [Family: [Network]] = [
        .v4: ["0.0.0.0/0", "0.0.0.0/8", "10.0.0.0/8", "129.240.0.0/16", "192.0.2.0/24", "255.255.255.0/24"].map(
            Network.init),
        .v6: [
            "::/0", "::/64", "::/90", "::ffff:0:0/90", "64:ff9b::/64", "64:ff9b::/90", "2000::/3", "2000::/14",
            "2001::/28", "2001:db8::/32", "2003::/20", "ffff::/16",
        ].map(Network.init),
    ]

    static func network(_ family: Family, using generator: inout SeededGenerator) -> Network {
        let around = generator.one(of: crowded[family]!)
        // Most are slightly narrower than their area; the others have any length.
        let longest = generator.once(in: 3) ? family.width : min(family.width, around.length + 14)
        return Network(around.random(using: &generator), generator.number(max(1, around.length)...longest))
    }

    static func location(using generator: inout SeededGenerator) -> ReferenceLocation {
        ReferenceLocation(
            latitude: Double(generator.number(-900_000...900_000)) / 10_000,
            longitude: Double(generator.number(-1_800_000...1_800_000)) / 10_000)
    }

    /// Draws a database of places.
    ///
    /// - Parameter isOrderly: whether every country has its continent, as in MaxMind's databases.
    static func cities(isOrderly: Bool = false, using generator: inout SeededGenerator) -> [UInt8] {
        database("Test-City", using: &generator) { record(isOrderly, &$0) }
    }

    /// Draws a database of autonomous systems.
    static func systems(using generator: inout SeededGenerator) -> [UInt8] {
        database("Test-ASN", using: &generator) { [("autonomous_system_number", .uint32($0.one(of: systems)))] }
    }

    private static func database(
        _ type: String, using generator: inout SeededGenerator,
        record: (inout SeededGenerator) -> [(String, DataValue)]
    ) -> [UInt8] {
        var writer = DatabaseWriter(isV6: !generator.once(in: 4))
        writer.recordSize = generator.one(of: [24, 28, 32])
        let families: [Family] = writer.isV6 ? [.v4, .v6] : [.v4]
        // Pointers to far offsets have a different form.
        if generator.once(in: 4) {
            _ = writer.share(.string(String(repeating: "-", count: generator.number(1_900...2_100))))
        }
        // Few records for many networks, so that neighbours often have the same record.
        var contents = (0..<generator.number(1...12)).map { _ in record(&generator) }
        // geopipe refuses a database without any field.
        if contents.allSatisfy({ $0.allSatisfy { $0.0 == "registered_country" } }) {
            contents.append([("continent", .map([("code", .string("EU"))]))])
        }
        let records = contents.map { sharing(.map($0), &writer, &generator) }
        for _ in 0..<generator.number(1...60) {
            writer.insert(network(generator.one(of: families), using: &generator), generator.one(of: records))
        }
        var image = writer.image
        image.replacedMetadata["database_type"] = .string(type)
        return image.bytes
    }

    /// Returns an equal value, in which some parts are pointers.
    private static func sharing(
        _ value: DataValue, _ writer: inout DatabaseWriter, _ generator: inout SeededGenerator
    ) -> DataValue {
        let inside: DataValue =
            switch value {
            case .map(let fields): .map(fields.map { ($0.0, sharing($0.1, &writer, &generator)) })
            case .array(let items): .array(items.map { sharing($0, &writer, &generator) })
            default: value
            }
        return generator.once(in: 4) ? writer.share(inside) : inside
    }

    private static let systems = [2119, 15169, 64512, 4_200_000_000]

    /// Places with ambiguities: names that several places have, the code of a country that is a subdivision's
    /// elsewhere, two levels of subdivisions, and places without some of the levels.
    private static let places:
        [(continent: String, country: String, subdivisions: [String], city: String?, number: Int)] = [
            ("EU", "NO", ["03"], "Oslo", 3_143_244), ("EU", "NO", ["46"], "Bergen", 3_161_732),
            ("EU", "SE", [], nil, 0),
            ("EU", "GB", ["ENG", "LND"], "London", 2_643_743), ("EU", "GB", ["ENG", "KEN"], "Maidstone", 2_643_179),
            ("EU", "GB", ["ENG"], nil, 0), ("EU", "GB", ["SCT"], "Perth", 2_640_358),
            ("NA", "US", ["FL"], "Miami", 4_164_138), ("NA", "US", ["OK"], "Miami", 4_543_338),
            ("NA", "US", ["CA"], "Berkeley", 5_327_684), ("NA", "US", ["TX"], nil, 0), ("NA", "US", [], nil, 0),
            ("NA", "CA", ["ON"], "London", 6_058_560), ("AS", "JP", ["13"], "Tokyo", 1_850_147),
            ("AS", "SG", [], "Singapore", 1_880_252), ("OC", "AU", ["WA"], "Perth", 2_063_523),
            ("SA", "BR", ["SP"], "São Paulo", 3_448_439), ("AF", "ZA", ["WC"], "Cape Town", 3_369_157),
            ("AN", "AQ", [], nil, 0),
        ]

    private static func record(_ isOrderly: Bool, _ generator: inout SeededGenerator) -> [(String, DataValue)] {
        let place = generator.one(of: places)
        var fields: [(String, DataValue)] = []
        let hasContinent = !generator.once(in: 8)
        if hasContinent { fields.append(("continent", .map([("code", .string(place.continent))]))) }
        let hasCountry = !generator.once(in: 8) && (hasContinent || !isOrderly)
        if hasCountry { fields.append(("country", .map([("iso_code", .string(place.country))]))) }
        if let city = place.city, !generator.once(in: 4) {
            fields.append(
                (
                    "city",
                    .map([
                        ("geoname_id", .uint32(place.number)),
                        ("names", .map([("de", .string("Stadt")), ("en", .string(city))])),
                    ])
                ))
        }
        if hasCountry, !place.subdivisions.isEmpty, !generator.once(in: 4) {
            let codes = place.subdivisions.map { DataValue.map([("iso_code", .string($0))]) }
            fields.append(("subdivisions", .array(codes)))
        }
        if !generator.once(in: 4) {
            let location = location(using: &generator)
            fields.append(
                (
                    "location",
                    .map([("latitude", .double(location.latitude)), ("longitude", .double(location.longitude))])
                ))
        }
        // The registered country is not the place of the clients.
        if generator.once(in: 3) { fields.append(("registered_country", .map([("iso_code", .string("SE"))]))) }
        if generator.once(in: 6) { fields.append(("autonomous_system_number", .uint32(generator.one(of: systems)))) }
        return fields
    }

}
