import Foundation
import Support
import Testing

/// Runs geopipe with a map and databases of a few records.
private struct VendorTrial {
    let folder: Folder
    let configuration: String

    /// - Parameters:
    ///   - databases: the records of each database, by network.
    ///   - map: the map as YAML.
    ///   - twin: a network whose record has the same values as the last one; then both records point to them.
    init(_ databases: [[(String, DataValue)]], map: String, twin: String? = nil) throws {
        folder = try Folder()
        var names: [String] = []
        for (number, records) in databases.enumerated() {
            var writer = DatabaseWriter(isV6: true)
            for (network, record) in records {
                let record = twin == nil ? record : writer.pointing(record)
                writer.insert(Network(network), record)
                if let twin { writer.insert(Network(twin), record) }
            }
            names.append("\(number).mmdb")
            _ = try folder.write(writer.image.bytes, to: names[number])
        }
        configuration = try folder.write(
            """
            databases: [\(names.joined(separator: ", "))]
            datacenters: { oslo: {location: [59.91, 10.75]}, ashburn: {location: [39.04, -77.49]}, singapore: {location: [1.35, 103.82]} }
            maps: { m: \(map) }
            services: { w: { map: m, ttl: 60, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, singapore: 192.0.2.3 } } }
            zones:
              example.com:
                soa: { primary: ns.example.com., contact: host.example.com., serial: 1 }
                ns: [ns.example.com.]
                records: { ns: { A: 192.0.2.53 }, www: { service: w } }

            """.utf8, to: "geopipe.yaml")
    }

    /// Returns the datacenter that a client gets, with the scope; or else the error message of geopipe.
    func answer(_ client: String, resolver: String = "192.0.2.99") throws -> String {
        let question = "HELO\t5\nQ\twww.example.com\tIN\tANY\t-1\t\(resolver)\t127.0.0.1\t\(client)\n"
        let ending = try Program.geopipe.run(["--config", configuration], input: Array(question.utf8), in: folder)
        let record = String(decoding: ending.output, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("DATA") }?.split(separator: "\t")
        guard let record else { return ending.error }
        let names = ["192.0.2.1": "oslo", "192.0.2.2": "ashburn", "192.0.2.3": "singapore"]
        return "\(names[String(record[8])] ?? "?") /\(record[1])"
    }

    func check() throws -> (status: Int32, lines: [String]) {
        let ending = try Program.geopipe.run(["check", configuration], in: folder)
        let text = String(decoding: ending.output, as: UTF8.self).replacing("\(folder.path)/", with: "")
        return (ending.status, text.split(separator: "\n").map(String.init))
    }
}

extension DatabaseWriter {
    /// Returns a map whose values are pointers, recursively.
    fileprivate mutating func pointing(_ value: DataValue) -> DataValue {
        guard case .map(let fields) = value else { return value }
        return .map(fields.map { name, value in (name, share(pointing(value))) })
    }
}

private func text(_ fields: KeyValuePairs<String, String>) -> DataValue { .map(fields.map { ($0, .string($1)) }) }

private func code(_ name: String, _ code: String) -> DataValue { .map([(name, .string(code))]) }

private func english(_ name: String) -> DataValue { .map([("names", .map([("en", .string(name))]))]) }

/// Databases in MaxMind's format with the fields of different vendors.
@Suite("Databases of other vendors")
struct VendorTests {
    /// For each vendor: the record of a client in Oslo, a rule that matches only that client, and the field that the
    /// rule depends on.
    private static let records: [(vendor: String, record: DataValue, map: String)] = [
        (
            "IPinfo Lite",
            text([
                "country": "Norway", "country_code": "NO", "continent": "Europe", "continent_code": "EU",
                "asn": "AS224",
            ]), "countries: { NO: oslo }"
        ),
        ("IPinfo Lite", text(["continent": "Europe", "continent_code": "EU"]), "continents: { EU: oslo }"),
        ("IPinfo Lite", text(["asn": "AS224", "as_name": "Uninett"]), "asns: { 224: oslo }"),
        ("IPinfo's old files", text(["country": "NO", "country_name": "Norway"]), "countries: { NO: oslo }"),
        ("IPinfo's old files", text(["continent": "EU", "continent_name": "Europe"]), "continents: { EU: oslo }"),
        ("lower case", text(["country": "no", "asn": "as224"]), "countries: { NO: oslo }"),
        ("lower case", text(["country": "no", "asn": "as224"]), "asns: { AS224: oslo }"),
        ("a name of a continent alone", text(["continent": "europe"]), "continents: { EU: oslo }"),
        (
            "IPinfo's locations",
            text(["city": "Oslo", "region": "Viken", "country": "NO", "geoname_id": "3143244"]),
            "cities: { 3143244: oslo }"
        ),
        ("IPinfo's locations", text(["city": "Oslo", "country": "NO"]), "cities: { NO/Oslo: oslo }"),
        ("IPinfo's locations", text(["region": "Viken", "country": "NO"]), "subdivisions: { NO/Viken: oslo }"),
        ("IPinfo Core", text(["region_code": "03", "country_code": "NO"]), "subdivisions: { NO-03: oslo }"),
        ("a code with its country", text(["region_code": "NO-03", "country": "NO"]), "subdivisions: { NO-03: oslo }"),
        ("a region of names", text(["state1": "Viken", "country_code": "NO"]), "subdivisions: { NO/Viken: oslo }"),
        ("IPLocate", text(["country_code": "NO", "country_name": "Norway"]), "countries: { NO: oslo }"),
        ("IPLocate", .map([("asn", .uint32(224)), ("name", .string("Uninett"))]), "asns: { 224: oslo }"),
        ("DB-IP's systems", .map([("as_number", .uint32(224))]), "asns: { 224: oslo }"),
        (
            "DB-IP's providers", .map([("traits", .map([("autonomous_system_number", .uint32(224))]))]),
            "asns: { 224: oslo }"
        ),
        ("a number as a text", text(["autonomous_system_number": "224"]), "asns: { 224: oslo }"),
        (
            "DB-IP", .map([("country", code("iso_code", "NO")), ("city", english("Oslo (Sentrum)"))]),
            "cities: { NO/Oslo: oslo }"
        ),
        (
            "DB-IP", .map([("country", code("iso_code", "NO")), ("subdivisions", .array([english("Oslo County")]))]),
            "subdivisions: { NO/Oslo County: oslo }"
        ),
        (
            "a map of everything", .map([("geo", text(["country": "Norway", "country_code": "NO"]))]),
            "countries: { NO: oslo }"
        ),
        ("a code beats a text", text(["country": "SE", "country_code": "NO"]), "countries: { NO: oslo }"),
        ("a code beats a text", text(["country_code": "NO", "country": "SE"]), "countries: { NO: oslo }"),
    ]

    @Test("are read by the fields that they have", arguments: records.indices, [nil, "129.242.0.0/16"])
    func fields(number: Int, twin: String?) throws {
        let (vendor, record, map) = Self.records[number]
        let trial = try VendorTrial([[("129.240.0.0/16", record)]], map: "{ \(map), default: singapore }", twin: twin)
        #expect(try trial.answer("129.240.1.0/24") == "oslo /16", "\(vendor)")
        if twin != nil { #expect(try trial.answer("129.242.1.0/24") == "oslo /16", "\(vendor)") }
        #expect(try trial.answer("129.241.1.0/24") == "singapore /16", "\(vendor)")
        let check = try trial.check()
        #expect(check.status == 0 && check.lines.last?.hasPrefix("ok") == true, "\(vendor): \(check)")
        #expect(check.lines.allSatisfy { !$0.contains("database") || $0.hasPrefix("ok") }, "\(vendor): \(check)")
    }

    @Test("are read if the tree is large, and the records are few and short")
    func longTree() throws {
        let norway = text(["country_code": "NO"])
        let networks = (0..<400).map { "2001:db8:\(String($0 * 149, radix: 16)):1::\(String($0 + 1, radix: 16))/128" }
        let trial = try VendorTrial(
            [networks.map { ($0, norway) }], map: "{ countries: { NO: oslo }, default: singapore }")
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(trial.folder.path)/0.mmdb")
        // The reader starts with the end of a file, which overlaps the tree here.
        #expect(try #require(attributes[.size] as? Int) > 150_000)
        #expect(try trial.answer("2001:db8:0:1::1/128") == "oslo /128")
        #expect(try trial.answer("2001:db8:e81d:1::/64").hasPrefix("singapore"))
    }

    @Test(
        "have coordinates as numbers or texts",
        arguments: [
            [("location", DataValue.map([("latitude", .double(1.3)), ("longitude", .double(103.8))]))],
            [("location", .map([("latitude", .uint16(1)), ("longitude", .uint32(103))]))],
            [("latitude", .string("1.3")), ("longitude", .string("103.8"))],
            [("lat", .double(1.3)), ("lng", .double(103.8))], [("lat", .string("1")), ("lon", .string("103"))],
            [("loc", .string("1.3,103.8"))], [("location", text(["latitude": "1.3", "longitude": "103.8"]))],
            [("location", .string("1.3,103.8"))],
        ], [nil, "129.242.0.0/16"])
    func coordinates(fields: [(String, DataValue)], twin: String?) throws {
        let trial = try VendorTrial([[("129.240.0.0/16", .map(fields))]], map: "{ default: nearest }", twin: twin)
        #expect(try trial.answer("129.240.1.0/24") == "singapore /16")
        if twin != nil { #expect(try trial.answer("129.242.1.0/24") == "singapore /16") }
    }

    @Test(
        "have no value if it is 0, 0, dashes, or of another type",
        arguments: [
            DataValue.map([("latitude", .double(0)), ("longitude", .double(0))]),
            .map([("location", .map([("latitude", .string("0")), ("longitude", .string("0.0"))]))]),
            text(["country_code": "-", "city": "-", "region": "-", "asn": "-", "latitude": "-", "longitude": "-"]),
            text(["country_code": "ZZ", "continent": "", "asn": "AS0", "lat": "91", "lng": "0"]),
            .map([
                ("country", .uint32(7)), ("continent", .array([.string("EU")])), ("asn", .double(224)),
                ("city", .array([])), ("subdivisions", .string("03")), ("location", .array([.uint16(1), .uint16(2)])),
                ("latitude", .map([])), ("longitude", .string("east")),
            ]),
        ])
    func unknown(record: DataValue) throws {
        let other = DataValue.map([
            ("country", code("iso_code", "SG")),
            ("location", .map([("latitude", .double(1.3)), ("longitude", .double(103.8))])),
            ("autonomous_system_number", .uint32(7)),
        ])
        let trial = try VendorTrial(
            [[("129.240.0.0/16", record), ("8.8.8.0/24", other)]],
            map:
                "{ asns: { 224: ashburn }, cities: { NO/Oslo: ashburn }, countries: { NO: ashburn }, default: nearest }"
        )
        // The resolver is used instead.
        #expect(try trial.answer("129.240.1.0/24", resolver: "8.8.8.8").hasPrefix("singapore /"))
        #expect(try trial.answer("129.240.1.0/24").hasPrefix("oslo /"))
    }
}

/// Tests whether a client's subnet or its resolver counts.
@Suite("A client without any field that the map needs")
struct KnownTests {
    private static let places: [(String, DataValue)] = [
        ("10.1.0.0/16", .map([("registered_country", code("iso_code", "NO"))])),
        ("10.2.0.0/16", .map([("continent", code("code", "EU"))])),
        ("10.3.0.0/16", .map([("autonomous_system_number", .uint32(224))])),
        ("10.4.0.0/16", .map([("location", .map([("latitude", .double(59)), ("longitude", .double(11))]))])),
        ("10.5.0.0/16", .map([("country", code("iso_code", "NO"))])),
        (
            "8.8.8.0/24",
            .map([
                ("country", code("iso_code", "US")), ("autonomous_system_number", .uint32(15169)),
                ("city", english("Miami")), ("subdivisions", .array([code("iso_code", "FL")])),
                ("location", .map([("latitude", .double(39)), ("longitude", .double(-77))])),
            ])
        ),
    ]

    /// For each map, those of the clients 10.1.0.0 to 10.6.0.0 that are known.
    private static let maps: [(map: String, known: Set<Int>)] = [
        ("countries: { US: ashburn }", [5]), ("continents: { NA: ashburn }", [2, 5]), ("asns: { 15169: ashburn }", [3]),
        ("networks: { 8.0.0.0/8: ashburn }", []), ("networks: { 8.0.0.0/8: ashburn, 10.6.0.0/16: singapore }", [6]),
        ("countries: { US: ashburn }, continents: { NA: ashburn }", [2, 5]),
        ("subdivisions: { US-FL: ashburn }", [5]), ("cities: { US/Miami: ashburn }", [5]),
        ("countries: { US: { nearest: [ashburn] } }", [4, 5]),
    ]

    @Test("is answered for its resolver, and no other client is", arguments: maps.indices)
    func standIn(number: Int) throws {
        let (map, known) = Self.maps[number]
        // The records are in two databases, and the second must not override the first.
        for databases in [[Self.places], [[Self.places[5]], Array(Self.places[..<5])]] {
            let trial = try VendorTrial(databases, map: "{ \(map), default: singapore }")
            for client in 1...6 {
                let answer = try trial.answer("10.\(client).7.0/24", resolver: "8.8.8.8")
                #expect(
                    answer.hasPrefix(known.contains(client) ? "singapore" : "ashburn"),
                    "\(map), 10.\(client): \(answer)")
                // The scope contains no neighbour with another answer.
                guard let scope = answer.split(separator: "/").last.flatMap({ Int($0) }) else { continue }
                for other in 1...6 where known.contains(other) != known.contains(client) {
                    #expect(scope > 8 + UInt8(client ^ other).leadingZeroBitCount, "\(map), 10.\(client)")
                }
            }
        }
    }

    @Test("is unknown with the reserved number AS4294967295, even at the first address")
    func largestSystem() throws {
        let systems: [(String, DataValue)] = [
            ("0.0.0.0/1", .map([("autonomous_system_number", .uint32(.max))])),
            ("128.0.0.0/1", .map([("autonomous_system_number", .uint32(224))])),
        ]
        let map = "{ asns: { 224: oslo }, default: ashburn }"
        for databases in [[systems], [systems, [Self.places[4]]]] {
            let trial = try VendorTrial(databases, map: map)
            #expect(try trial.answer("1.2.3.0/24", resolver: "1.2.3.4").hasPrefix("ashburn /"))
            // The client is unknown, so its resolver is used.
            #expect(try trial.answer("1.2.3.0/24", resolver: "129.240.1.1").hasPrefix("oslo /"))
            #expect(try trial.answer("129.240.1.0/24").hasPrefix("oslo /"))
        }
    }

    @Test("has the continent of its country, unless any database has another")
    func continents() throws {
        let country = [("10.0.0.0/8", DataValue.map([("country", code("iso_code", "TR"))]))]
        let map = "{ continents: { AS: oslo, EU: ashburn }, default: singapore }"
        #expect(try VendorTrial([country], map: map).answer("10.1.0.0/16") == "oslo /8")
        let continent = [("10.0.0.0/8", DataValue.map([("continent", code("code", "EU"))]))]
        #expect(try VendorTrial([country, continent], map: map).answer("10.1.0.0/16") == "ashburn /8")
        #expect(try VendorTrial([continent, country], map: map).answer("10.1.0.0/16") == "ashburn /8")
    }
}

@Suite("geopipe check of database fields")
struct DatabaseCheckTests {
    private static let country = DataValue.map([("country", code("iso_code", "NO"))])
    private static let system = DataValue.map([("autonomous_system_number", .uint32(224))])

    @Test(
        "warns of missing fields",
        arguments: [
            (
                country, "{ default: nearest }",
                "geopipe.yaml:3:23: warning: the default of map m uses nearest, but no database has coordinates"
            ),
            (
                country, "{ countries: { NO: { nearest: [singapore, oslo], limit: 1 } }, default: ashburn }",
                "geopipe.yaml:3:27: warning: 'NO' in countries of map m uses nearest, but no database has coordinates"
            ),
            (
                system, "{ asns: { 224: oslo }, continents: { EU: oslo, AS: ashburn }, default: ashburn }",
                "geopipe.yaml:3:49: warning: no database knows a continent or a country"
            ),
            (
                system, "{ asns: { 224: oslo }, countries: { NO: oslo, SE: ashburn }, default: ashburn }",
                "geopipe.yaml:3:48: warning: no database knows a country, so that the rules for them never act"
            ),
            (
                country, "{ countries: { NO: oslo }, continents: { AN: oslo }, default: ashburn }",
                "geopipe.yaml:3:53: warning: no database knows the continent AN, so that its rule never acts"
            ),
            (
                .map([("country", code("iso_code", "NO")), ("subdivisions", .array([english("Viken")]))]),
                "{ countries: { NO: oslo }, subdivisions: { NO-30: oslo }, default: ashburn }",
                "geopipe.yaml:3:55: warning: no database knows the subdivision NO-30, so that its rule never acts; some have names only"
            ),
        ])
    func warnings(record: DataValue, map: String, warning: String) throws {
        let check = try VendorTrial([[("129.240.0.0/16", record)]], map: map).check()
        #expect(check.status == 0)
        #expect(check.lines.contains { $0.hasPrefix(warning) }, "\(check.lines)")
        #expect(check.lines.count { $0.contains("continent") } <= 1, "\(check.lines)")
        #expect(check.lines.last?.hasPrefix("ok") == true)
    }

    @Test("refuses databases without any field that the rules need, as a coprocess does")
    func errors() throws {
        let proxies = DataValue.map([("is_proxy", .string("yes")), ("usage", text(["type": "VPN"]))])
        let map = "{ countries: { NO: oslo }, default: singapore }"
        for (databases, words) in [
            (
                [[("129.240.0.0/16", proxies)]],
                "geopipe.yaml:1:13: 0.mmdb (Test-City) has none of the fields that geopipe reads; it has is_proxy, usage.type; the rules need country.iso_code"
            ),
            (
                [[("129.240.0.0/16", Self.country)], [("129.240.0.0/16", proxies)]],
                "geopipe.yaml:1:21: 1.mmdb (Test-City) has none of the fields that geopipe reads; it has is_proxy, usage.type"
            ),
            (
                [[("129.240.0.0/16", Self.system)]],
                "geopipe.yaml:1:13: no database has any field that the rules need: 0.mmdb (Test-City) has autonomous_system_number; the rules need country.iso_code"
            ),
        ] {
            let trial = try VendorTrial(databases, map: map)
            let check = try trial.check()
            #expect(check.status == 1)
            #expect(check.lines.first?.hasPrefix(words) == true, "\(check.lines)")
            #expect(try trial.answer("129.240.1.0/24").contains(words.split(separator: ": ")[1]))
        }
    }

    @Test("warns of an unused database, but not without rules for places")
    func unused() throws {
        let databases = [[("129.240.0.0/16", Self.country)], [("129.240.0.0/16", Self.system)]]
        let check = try VendorTrial(databases, map: "{ countries: { NO: oslo }, default: singapore }").check()
        #expect(check.status == 0)
        #expect(
            check.lines.first
                == "geopipe.yaml:1:21: warning: no rule here needs what 1.mmdb (Test-City) has: autonomous_system_number; remove it from databases"
        )
        let bare = try VendorTrial(databases, map: "{ networks: { 10.0.0.0/8: oslo }, default: singapore }").check()
        #expect(bare.lines.allSatisfy { !$0.contains("no rule here needs") })
    }
}
