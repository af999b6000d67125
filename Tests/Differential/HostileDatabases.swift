import Testing

/// An invalid database, damaged or malicious.
struct HostileDatabase: CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    /// Whether the damage affects the lookup of some client, so that geopipe must refuse the database. Other damage
    /// may go unnoticed.
    let mustBeRefused: Bool

    private init(_ what: String, _ bytes: [UInt8], refused: Bool) {
        testDescription = what
        self.bytes = bytes
        mustBeRefused = refused
    }

    // MARK: The valid original

    private static let norway = DataValue.map([
        ("city", .map([("geoname_id", .uint32(3_143_244)), ("names", .map([("en", .string("Oslo"))]))])),
        ("continent", .map([("code", .string("EU"))])), ("country", .map([("iso_code", .string("NO"))])),
        ("location", .map([("latitude", .double(59.91)), ("longitude", .double(10.75))])),
        ("subdivisions", .array([.map([("iso_code", .string("03"))])])),
    ])

    private static let america = DataValue.map([
        ("continent", .map([("code", .string("NA"))])), ("country", .map([("iso_code", .string("US"))])),
        ("location", .map([("latitude", .double(37.75)), ("longitude", .double(-97.82))])),
    ])

    /// - Parameter record: the record of 10.0.0.0/8, in place of America.
    private static func image(_ record: DataValue = america, isV6: Bool = true) -> DatabaseImage {
        var writer = DatabaseWriter(isV6: isV6)
        writer.insert(Network("129.240.0.0/16"), norway)
        if isV6 { writer.insert(Network("2001:db8::/32"), norway) }
        writer.insert(Network("10.0.0.0/8"), record)
        return writer.image
    }

    static let honest = [
        HostileDatabase("an honest one", image().bytes, refused: false),
        HostileDatabase("an honest one of IPv4", image(isV6: false).bytes, refused: false),
    ]

    private static func damaged(_ what: String, refused: Bool = true, _ spoil: (inout DatabaseImage) -> Void) -> Self {
        var image = image()
        spoil(&image)
        return HostileDatabase(what, image.bytes, refused: refused)
    }

    // MARK: Search trees

    /// The node that has 10.0.0.0/8 as a side, and its parent.
    private static func way(_ image: DatabaseImage) -> (above: Int, node: Int) {
        let node = image.nodes.firstIndex { node in
            if case .data(let offset) = node.0 { offset == lastRecord(image) } else { false }
        }!
        let above = image.nodes.firstIndex { sides in
            [sides.0, sides.1].contains { side in if case .node(node) = side { true } else { false } }
        }!
        return (above, node)
    }

    private static func lastRecord(_ image: DatabaseImage) -> Int { image.data.count - america.encoded.count }

    /// A chain of nodes with both sides leading to the next one: 2^`depth` networks, with neighbours always different.
    private static func convergingTree(_ depth: Int, isV6: Bool) -> DatabaseImage {
        var image = image(isV6: isV6)
        image.nodes = (1..<depth).map { (.node($0), .node($0)) }
        image.nodes.append((.data(0), .data(lastRecord(image))))
        return image
    }

    static let trees: [HostileDatabase] = [
        damaged("a node that leads to itself") { $0.nodes[way($0).node].1 = .node(way($0).node) },
        damaged("a node that leads to the one above it") { $0.nodes[way($0).node].1 = .node(way($0).above) },
        damaged("a node that leads to the root") { $0.nodes[way($0).node].0 = .node(0) },
        damaged("a root that leads to itself on both sides") { $0.nodes[0] = (.node(0), .node(0)) },
        damaged("a tree deeper than an address") { image in
            let first = image.nodes.count
            image.nodes[way(image).node].0 = .node(first)
            for number in 0..<200 { image.nodes.append((.node(first + number + 1), .empty)) }
            image.nodes.append((.data(0), .empty))
        },
        damaged("a record beyond the data section") { $0.nodes[way($0).node].0 = .data($0.data.count + 1_000) },
        damaged("a record far beyond the file") { $0.nodes[way($0).node].0 = .raw(0xFF_FFFF) },
        // The format does not record the end of the data section; MaxMind's library counts the metadata as a part of
        // it.
        damaged("a record at the very end of the data section", refused: false) {
            $0.nodes[way($0).node].0 = .data($0.data.count)
        },
        damaged("a record between tree and data") { $0.nodes[way($0).node].0 = .raw($0.nodes.count + 3) },
        damaged("a record that begins inside of another", refused: false) { $0.nodes[way($0).node].0 = .data(7) },
        HostileDatabase("2^128 networks in 128 nodes", convergingTree(128, isV6: true).bytes, refused: true),
        HostileDatabase("2^32 networks in 32 nodes", convergingTree(32, isV6: false).bytes, refused: true),
        HostileDatabase("2^22 networks in 22 nodes", convergingTree(22, isV6: false).bytes, refused: false),
    ]

    // MARK: Records

    private static func record(_ what: String, refused: Bool = false, _ record: DataValue) -> Self {
        HostileDatabase(what, image(record).bytes, refused: refused)
    }

    /// Returns a record for the offset that it will have.
    private static func record(_ what: String, refused: Bool = false, at make: (Int) -> DataValue) -> Self {
        record(what, refused: refused, make(lastRecord(image())))
    }

    private static func country(_ value: DataValue) -> DataValue { .map([("country", value)]) }

    /// The offset of the value of such a record's only field.
    private static func insideCountry(_ offset: Int) -> Int { offset + country(.map([])).encoded.count - 1 }

    private static func nested(_ depth: Int, array: Bool) -> DataValue {
        let level = array ? DataValue.control(11, 1) : DataValue.control(7, 1) + DataValue.string("names").encoded
        return .bytes(Array(repeatElement(level, count: depth).joined()) + DataValue.string("x").encoded)
    }

    /// Nested arrays, each with ten pointers to the previous one: a few hundred bytes that expand to 10^30 values.
    private static func billionLaughs(_ field: String) -> HostileDatabase {
        var writer = DatabaseWriter(isV6: true)
        var value = writer.share(.map([("iso_code", .string("03"))]))
        for _ in 0..<30 { value = writer.share(.array(Array(repeating: value, count: 10))) }
        writer.insert(Network("10.0.0.0/8"), .map([("country", .map([("iso_code", .string("US"))])), (field, value)]))
        return HostileDatabase(
            "arrays of arrays of ... of pointers to the same in \(field)", writer.image.bytes, refused: false)
    }

    static let records: [HostileDatabase] =
        [
            record("a pointer to itself", refused: true) { .pointer($0) },
            record("a field that is a pointer to itself", refused: true) { country(.pointer(insideCountry($0))) },
            record("a pointer outside of the data section", refused: true, country(.pointer(1_000_000))),
            record("a pointer outside of the file", refused: true, country(.pointer(0xFFFF_FFFF))),
            record("a map that is its own field") { country(.pointer($0)) },
            record("an unused map that is its own field") { .map([("traits", .pointer($0))]) },
            record("a pointer to a pointer") {
                country(.bytes(DataValue.pointer(insideCountry($0) + 2).encoded + DataValue.pointer(0).encoded))
            },
            record("maps in maps, 100,000 deep, for a country", country(nested(100_000, array: false))),
            record(
                "arrays in arrays, 100,000 deep, for subdivisions",
                .map([("subdivisions", nested(100_000, array: true))])),
            record(
                "maps in maps, 1,000,000 deep, that are unused",
                .map([("traits", nested(1_000_000, array: false))])),
            record("arrays in arrays, 1,000,000 deep, for a record", nested(1_000_000, array: true)),
            billionLaughs("subdivisions"), billionLaughs("traits"),
            record(
                "a map with 16 million fields that do not exist", refused: true,
                .bytes(DataValue.control(7, 16_000_000))),
            record(
                "an array with 16 million items that do not exist", refused: true,
                .map([("subdivisions", .bytes(DataValue.control(11, 16_000_000)))])),
            record(
                "a text of 16 million bytes that do not exist", refused: true,
                country(.bytes(DataValue.control(2, 16_000_000)))),
            record(
                "a key of 16 million bytes that do not exist", refused: true,
                .bytes(DataValue.control(7, 1) + DataValue.control(2, 16_000_000))),
            record(
                "a map that is truncated after a key",
                .bytes(DataValue.control(7, 1) + DataValue.string("country").encoded)),
            record(
                "200,000 subdivisions",
                .map([
                    ("subdivisions", .array(Array(repeating: .map([("iso_code", .string("03"))]), count: 200_000)))
                ])),
            record("200,000 fields", .map((0..<200_000).map { ("field \($0)", .uint16(1)) })),
            record(
                "a field that occurs twice",
                .map([
                    ("country", .map([("iso_code", .string("NO"))])), ("country", .map([("iso_code", .string("US"))])),
                ])),
            record(
                "a key that is a number",
                .bytes(DataValue.control(7, 1) + DataValue.uint32(7).encoded + DataValue.uint32(7).encoded)),
            record("a record that is a text", .string("NO")),
            record("a record that is a number", .uint32(7)),
            record("a country that is a text", country(.string("NO"))),
            record("a country code that is a number", country(.map([("iso_code", .uint32(47))]))),
            record("a country code that is a map", country(.map([("iso_code", .map([]))]))),
            record("an empty country code", country(.map([("iso_code", .string(""))]))),
            record(
                "a country code of 300 letters",
                country(.map([("iso_code", .string(String(repeating: "N", count: 300)))]))),
            record(
                "a country code that is not UTF-8", country(.map([("iso_code", .bytes([2 << 5 | 2, 0xFF, 0xFE]))]))),
            record("a country code with a tab and a newline", country(.map([("iso_code", .string("\t\n"))]))),
            record("subdivisions that are a map", .map([("subdivisions", .map([("0", .string("03"))]))])),
            record("subdivisions that are texts", .map([("subdivisions", .array([.string("03")]))])),
            record("city names that are an array", .map([("city", .map([("names", .array([.string("Oslo")]))]))])),
            record(
                "coordinates that are texts",
                .map([("location", .map([("latitude", .string("59")), ("longitude", .string("10"))]))])),
            record(
                "coordinates of four bytes",
                .map([
                    (
                        "location",
                        .map([("latitude", .bytes(DataValue.control(3, 4) + [0, 0, 0, 0])), ("longitude", .double(0))])
                    )
                ])),
            record(
                "a number of nine bytes",
                .map([("autonomous_system_number", .bytes(DataValue.control(6, 9) + [UInt8](repeating: 255, count: 9)))]
                )),
            record(
                "values of unknown types",
                .map([("traits", .bytes([0, 32])), ("country", .map([("iso_code", .string("US"))]))])),
            record("a cache container for a record", .bytes([0, 5])),
            record("an end marker for a record", .bytes([0, 6])),
        ]
        + [Double.nan, .infinity, -.infinity, 1e308, 90.5, -1_000].map { number in
            record(
                "coordinates of \(number)",
                .map([("location", .map([("latitude", .double(number)), ("longitude", .double(number))]))]))
        }

    // MARK: Metadata

    private static func inconsistent(_ what: String, refused: Bool = true, _ key: String, _ value: DataValue) -> Self {
        damaged("\(key) that is \(what)", refused: refused) { $0.replacedMetadata[key] = value }
    }

    private static var nodes: Int { image().nodes.count }

    static let metadata: [HostileDatabase] =
        [0, nodes * 1_000, 0xFFFF_FFFF].map { inconsistent("\($0)", "node_count", .uint32($0)) }
        // Data read at the wrong offset may still be valid.
        + [1, nodes / 2, nodes - 1, nodes + 1].map { inconsistent("\($0)", refused: false, "node_count", .uint32($0)) }
        + [0, 1, 8, 16, 25, 30, 31, 64, 65_535].map { inconsistent("\($0)", "record_size", .uint16($0)) }
        + [28, 32].map { inconsistent("\($0) though it is 24", refused: false, "record_size", .uint16($0)) }
        + [0, 5, 7, 65_535].map { inconsistent("\($0)", "ip_version", .uint16($0)) }
        + [inconsistent("4 though it is 6", refused: false, "ip_version", .uint16(4))]
        + [0, 1, 3, 65_535].map { inconsistent("\($0)", "binary_format_major_version", .uint16($0)) }
        + [
            damaged("ip_version that is 6 though it is 4", refused: false) {
                $0 = image(isV6: false)
                $0.replacedMetadata["ip_version"] = .uint16(6)
            }
        ]
        + ["node_count", "record_size", "ip_version"].flatMap { key in
            [
                damaged("no \(key)") { $0.omitted.insert(key) },
                inconsistent("a text", key, .string("24")), inconsistent("a map", key, .map([])),
                inconsistent("2^64 - 1", key, .bytes(DataValue.control(9, 8) + [UInt8](repeating: 255, count: 8))),
                inconsistent("a pointer outside", key, .pointer(1_000_000)),
                inconsistent("a pointer to the metadata's begin", key, .pointer(0)),
            ]
        }
        + ["build_epoch", "database_type", "description", "languages"].flatMap { key in
            [
                damaged("no \(key)", refused: false) { $0.omitted.insert(key) },
                inconsistent("a pointer to the metadata's begin", refused: false, key, .pointer(0)),
                inconsistent("a pointer outside", refused: false, key, .pointer(1_000_000)),
                inconsistent(
                    "an array of 16 million items that do not exist", refused: false, key,
                    .bytes(DataValue.control(11, 16_000_000))),
                inconsistent("arrays in arrays, 10,000 deep", refused: false, key, nested(10_000, array: true)),
                inconsistent("maps in maps, 10,000 deep", refused: false, key, nested(10_000, array: false)),
            ]
        }
        + [
            HostileDatabase("no metadata marker", image().tree + image().data + image().metadata, refused: true),
            HostileDatabase(
                "nothing after the metadata marker", image().tree + image().data + DatabaseImage.metadataMarker,
                refused: true),
            HostileDatabase(
                "metadata that is a text",
                image().tree + image().data + DatabaseImage.metadataMarker + DataValue.string("MaxMind").encoded,
                refused: true),
            HostileDatabase("metadata alone", DatabaseImage.metadataMarker + image().metadata, refused: true),
            HostileDatabase(
                "a metadata marker at the end, after the metadata", image().bytes + DatabaseImage.metadataMarker,
                refused: true),
            damaged("a metadata marker inside of the data", refused: false) { $0.data += DatabaseImage.metadataMarker },
            HostileDatabase("an empty file", [], refused: true),
            HostileDatabase("one byte", [0], refused: true),
            HostileDatabase("a text", Array("databases: [GeoLite2-City.mmdb]\n".utf8), refused: true),
            HostileDatabase("a million zeros", [UInt8](repeating: 0, count: 1_000_000), refused: true),
        ]
}
