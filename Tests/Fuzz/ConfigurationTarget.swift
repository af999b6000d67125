import Answering
import Compiler
import Configuration
import DNS
import Geography
import Zones

/// Compiles texts, and queries the results.
struct Compiled {
    private let conversation = Conversation()

    /// Reads a configuration. Compiles a valid one on request, and queries every name with records.
    func hold(_ file: String, isCompiled: Bool) {
        guard let configuration = try? Configuration.load(file), isCompiled, configuration.zones.count < 100,
            let plan = try? SnapshotPlan(configuration), let made = try? Snapshot.compiled(plan)
        else { return }
        var lines = "HELO\t4\n"
        for zone in 0..<made.snapshot.zoneCount {
            let name = made.snapshot.zoneName(zone)
            for type in ["SOA", "ANY"] { lines += "Q\t\(name)\tIN\t\(type)\t-1\t10.1.2.3\t127.0.0.1\t10.1.2.0/24\n" }
            lines += "AXFR\t\(zone + 1)\t\(name)\n"
        }
        conversation.hold(
            Array(lines.utf8)[...], with: Serving(made.snapshot, switches: [], at: 1_000), isReadAtOnce: false)
    }
}

/// The number of inputs for each one that is also compiled, which takes a hundred times as long.
private let compiledShare: UInt64 = 256
/// The number of inputs for each one that is read with the rest of its configuration, which takes ten times as long.
private let wholeShare: UInt64 = 16

/// The text of a configuration.
struct ConfigurationTarget: FuzzTarget {
    private let compiled = Compiled()
    private let file = ScratchFile("geopipe.yaml")

    func run(_ input: [UInt8]) {
        file.write(input)
        compiled.hold(file.path, isCompiled: input.isChosen(oneIn: compiledShare))
    }
}

/// The text of a zone file: the zone alone, and for some inputs the whole configuration.
struct ZoneTarget: FuzzTarget {
    private let compiled = Compiled()
    private let zone = ScratchFile("zone")
    private let file: ScratchFile
    private var source: ZoneSource

    init() {
        guard let apex = try? DomainName("example.com"), let www = try? DomainName("www.example.com") else {
            fatalError("no names")
        }
        source = ZoneSource(apex: apex)
        source.file = zone.path
        source.services = [.init(owner: www, service: 0, types: [.a], position: nil)]
        file = ScratchFile(
            "zone.yaml",
            """
            datacenters: { oslo: {} }
            maps: { m: { default: oslo } }
            services: { web: { map: m, answers: { oslo: 192.0.2.1 } } }
            zones: { example.com: { file: \(zone.path), records: { www: { service: web } } } }

            """)
    }

    func run(_ input: [UInt8]) {
        zone.write(input)
        if input.isChosen(oneIn: wholeShare) {
            compiled.hold(file.path, isCompiled: input.isChosen(oneIn: compiledShare))
        } else {
            _ = ZoneLoader().zones([source])
        }
    }
}

/// The text of a networks file, for some inputs with the zones and the advice of the configuration.
struct NetworksTarget: FuzzTarget {
    private let compiled = Compiled()
    private let networks = ScratchFile("office.nets")
    private let file: ScratchFile

    init() {
        file = ScratchFile(
            "networks.yaml",
            """
            datacenters: { oslo: {}, ashburn: {} }
            maps: { m: { networks: { 10.0.0.0/8: ashburn }, networks_file: \(networks.path), default: oslo } }
            services: { web: { map: m, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } } }
            zones:
              example.com: { soa: { primary: ns., contact: h., serial: 1 }, ns: [ns.], records: { "@": { service: web } } }

            """)
    }

    func run(_ input: [UInt8]) {
        networks.write(input)
        if input.isChosen(oneIn: wholeShare) {
            compiled.hold(file.path, isCompiled: input.isChosen(oneIn: compiledShare))
        } else {
            _ = try? Configuration.load(file.path, parsesZones: false, advises: false)
        }
    }
}

/// A database.
struct DatabaseTarget: FuzzTarget {
    private let compiled = Compiled()
    private let database = ScratchFile("database.mmdb")
    private let file: ScratchFile
    private let clients = ["0.0.0.0/0", "1.2.3.4", "129.240.1.1", "::", "2001:700::1", "ffff::"].map { IPPrefix($0)! }

    init() {
        file = ScratchFile(
            "database.yaml",
            """
            databases: [\(database.path)]
            datacenters: { oslo: { location: [59.9, 10.7] }, ashburn: { location: [39, -77.5] } }
            maps:
              m: { countries: { NO: oslo }, subdivisions: { US-CA: ashburn }, continents: { EU: oslo }, default: nearest }
              a: { asns: { 224: oslo }, cities: { "NO-03/Oslo": oslo, 1880252: ashburn }, default: ashburn }
            services:
              web: { map: m, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
              api: { map: a, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
            zones:
              example.com:
                soa: { primary: ns., contact: h., serial: 1 }
                ns: [ns.]
                records: { "@": { service: web }, api: { service: api } }

            """)
    }

    func run(_ input: [UInt8]) {
        database.write(input)
        if input.isChosen(oneIn: compiledShare) { compiled.hold(file.path, isCompiled: true) }
        guard let opened = try? MaxMindDatabase(path: database.path) else { return }
        var gazetteer = Gazetteer()
        for number in 0..<2 { _ = try? opened.find(clients[(input.count + number) % clients.count], &gazetteer) }
        var atlas = Atlas()
        try? atlas.add(opened, fields: .all)
    }
}
