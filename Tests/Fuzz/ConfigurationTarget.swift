import Answering
import Compiler
import Configuration

/// What is compiled from a text, and all that is then answered.
struct Compiled {
    private let conversation = Conversation()

    /// Reads a configuration; one that is sound is compiled and asked for every name that it has records of.
    func hold(_ file: String) {
        guard let configuration = try? Configuration.load(file), configuration.zones.count < 100,
            let plan = try? SnapshotPlan(configuration), let made = try? Snapshot.compiled(plan)
        else { return }
        var lines = "HELO\t4\n"
        for zone in 0..<made.snapshot.zoneCount {
            let name = made.snapshot.zoneName(zone)
            for type in ["SOA", "ANY"] { lines += "Q\t\(name)\tIN\t\(type)\t-1\t10.1.2.3\t127.0.0.1\t10.1.2.0/24\n" }
            lines += "AXFR\t\(zone + 1)\t\(name)\n"
        }
        conversation.hold(Array(lines.utf8), with: Serving(made.snapshot, switches: [], at: 1_000))
    }
}

/// The text of a configuration.
struct ConfigurationTarget: FuzzTarget {
    private let compiled = Compiled()

    func run(_ input: [UInt8]) { compiled.hold(Scratch.write(input, to: "geopipe.yaml")) }
}

/// The text of a zone file.
struct ZoneTarget: FuzzTarget {
    private let compiled = Compiled()
    private let file: String

    init() {
        let text = """
            datacenters: { oslo: {} }
            maps: { m: { default: oslo } }
            services: { web: { map: m, answers: { oslo: 192.0.2.1 } } }
            zones: { example.com: { file: zone, records: { www: { service: web } } } }

            """
        file = Scratch.write(text.utf8, to: "zone.yaml")
    }

    func run(_ input: [UInt8]) {
        Scratch.write(input, to: "zone")
        compiled.hold(file)
    }
}

/// The text of a networks file.
struct NetworksTarget: FuzzTarget {
    private let compiled = Compiled()
    private let file: String

    init() {
        let text = """
            datacenters: { oslo: {}, ashburn: {} }
            maps: { m: { networks: { 10.0.0.0/8: ashburn }, networks_file: office.nets, default: oslo } }
            services: { web: { map: m, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } } }
            zones:
              example.com: { soa: { primary: ns., contact: h., serial: 1 }, ns: [ns.], records: { "@": { service: web } } }

            """
        file = Scratch.write(text.utf8, to: "networks.yaml")
    }

    func run(_ input: [UInt8]) {
        Scratch.write(input, to: "office.nets")
        compiled.hold(file)
    }
}

/// A database.
struct DatabaseTarget: FuzzTarget {
    private let compiled = Compiled()
    private let file: String

    init() {
        let text = """
            databases: [database.mmdb]
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

            """
        file = Scratch.write(text.utf8, to: "database.yaml")
    }

    func run(_ input: [UInt8]) {
        Scratch.write(input, to: "database.mmdb")
        compiled.hold(file)
    }
}
