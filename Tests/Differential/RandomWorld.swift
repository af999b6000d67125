import Support

/// Draws databases, rules and clients that interfere with each other.
struct RandomWorld {
    var generator: SeededGenerator
    let folder: Folder
    var world = TestWorld()
    /// Whether rules may spread the clients of unusable datacenters.
    private let spreads: Bool
    private var opened: [ReferenceDatabase] = []

    init(seed: UInt64, spreads: Bool = false) throws {
        self.spreads = spreads
        generator = SeededGenerator(seed: seed)
        folder = try Folder()
        try drawDatabases()
        drawDatacenters()
        try drawRules()
        world.services = [
            ("first", 0, ""), ("two", 0, "spread: 2"), ("three", 0, "spread: 3"), ("sticky", 0, "sticky: true"),
        ]
    }

    // MARK: Databases

    private mutating func drawDatabases() throws {
        for number in 0..<generator.number(1...3) {
            let name = "\(number).mmdb"
            switch generator.number(0...7) {
            case 0: world.databases.append(Project.demonstration)
            case 1, 2: world.databases.append(try folder.write(RandomDatabase.systems(using: &generator), to: name))
            default: world.databases.append(try folder.write(RandomDatabase.cities(using: &generator), to: name))
            }
        }
        opened = try world.databases.map(ReferenceDatabase.init)
    }

    // MARK: Rules

    private mutating func drawDatacenters() {
        for _ in 0..<generator.number(2...9) {
            if generator.once(in: 5) {
                world.datacenters.append(nil)
            } else if generator.once(in: 5), let same = world.datacenters.last {
                world.datacenters.append(same)
            } else {
                world.datacenters.append(RandomDatabase.location(using: &generator))
            }
        }
    }

    private mutating func datacenters(_ count: ClosedRange<Int>) -> [Int] {
        generator.some(generator.number(count), of: Array(world.datacenters.indices))
    }

    private mutating func destination(isPart: Bool = false) -> RuleDestination {
        if spreads, !isPart, generator.once(in: 2) {
            let inner = destination(isPart: true)
            return .spread(inner, group: generator.once(in: 2) ? nil : datacenters(1...4))
        }
        return plainDestination(isPart: isPart)
    }

    private mutating func plainDestination(isPart: Bool) -> RuleDestination {
        let located = world.datacenters.indices.filter { world.datacenters[$0] != nil }
        switch generator.number(0...10) {
        case 0, 1: return .list(datacenters(1...4).map(RuleDestination.datacenter))
        case 2: return .weighted(datacenters(1...3).map { ($0, generator.number(1...4)) })
        case 3: return .random(datacenters(1...3))
        case 4 where !located.isEmpty: return .nearest
        case 5 where !located.isEmpty: return .nearestOf(generator.some(4, of: located), limit: nil)
        case 6 where !located.isEmpty:
            return .nearestOf(generator.some(4, of: located), limit: generator.number(1...3))
        case 7 where !isPart: return .none
        case 8 where !isPart: return .list((0..<generator.number(1...3)).map { _ in destination(isPart: true) })
        default: return .datacenter(generator.one(of: Array(world.datacenters.indices)))
        }
    }

    private mutating func drawRules() throws {
        // Few destinations for many rules, so that neighbours often have the same list.
        let destinations = (0..<generator.number(2...6)).map { _ in destination() }
        let places = try knownPlaces()
        var map = MapRules()
        func draw<Key>(_ count: Int, of keys: [Key]) -> [(Key, RuleDestination)] {
            generator.some(generator.number(0...count), of: keys).map { ($0, generator.one(of: destinations)) }
        }
        map.systems = draw(3, of: Set(places.compactMap(\.system)).sorted())
        // One rule for each name: these tests do not cover two rules of one kind for the same city.
        var cities: [String: String] = [:]
        for place in places { if let city = place.city { cities[city] = generator.one(of: place.cityKeys) } }
        map.cities = draw(4, of: cities.values.sorted())
        let subdivisions = Set(places.flatMap(\.subdivisionKeys)).sorted()
        let countries = Set(places.compactMap(\.country)).sorted()
        map.subdivisions = draw(4, of: subdivisions)
        map.countries = draw(5, of: countries)
        map.continents = draw(4, of: Set(places.compactMap { ReferencePlace(merging: [$0]).continent }).sorted())
        var members = (countries + subdivisions).shuffled(using: &generator)[...]
        for number in 0..<generator.number(0...2) where !members.isEmpty {
            let count = min(members.count, generator.number(1...5))
            map.regions.append(("region-\(number)", Array(members.prefix(count)), generator.one(of: destinations)))
            members = members.dropFirst(count)
        }
        var networks: Set<Network> = []
        for _ in 0..<generator.number(0...20) {
            let network = RandomDatabase.network(generator.once(in: 2) ? .v4 : .v6, using: &generator)
            guard Carrier.of(network) == nil, networks.insert(network).inserted else { continue }
            map.networks.append((network, generator.one(of: destinations)))
        }
        map.networksInFile = generator.number(0...map.networks.count)
        map.fallback = generator.one(of: destinations)
        world.maps = [map]
    }

    /// Places of the databases, because a rule for a place in no database is an error.
    private mutating func knownPlaces() throws -> [ReferencePlace] {
        var places: [ReferencePlace] = []
        var seen: Set<ReferencePlace> = []
        for database in opened {
            for number in 0..<400 {
                let network = try database.randomNetwork(number % 2 == 0 ? .v4 : .v6, using: &generator)
                if let place = try database.look(up: network.first).place, seen.insert(place).inserted {
                    places.append(place)
                }
            }
        }
        return places
    }

    // MARK: Switches

    /// Draws drains, forces and failures of datacenters.
    mutating func switches(_ services: [String]) throws -> Switches {
        var switches = Switches()
        let places = try knownPlaces()
        let areas =
            Set(places.compactMap(\.country)).sorted() + Set(places.compactMap(\.subdivisionKeys.first)).sorted()
            + Set(places.compactMap { ReferencePlace(merging: [$0]).continent }).sorted().map { "continent:\($0)" }
        for datacenter in world.datacenters.indices {
            if generator.once(in: 4) { switches.down.insert(datacenter) }
            if generator.once(in: 5) {
                switches.forced.append((datacenter, generator.once(in: 2) ? nil : generator.one(of: services)))
            }
            for _ in 0..<generator.number(0...2) where !generator.once(in: 3) {
                var drain = Switches.Drain(datacenter: datacenter)
                if generator.once(in: 2) { drain.service = generator.one(of: services) }
                if generator.once(in: 2), !areas.isEmpty { drain.areas = generator.some(3, of: areas) }
                if generator.once(in: 3) { drain.share = generator.number(1...99) }
                switches.drains.append(drain)
            }
        }
        return switches
    }

    // MARK: Clients

    mutating func questions(_ count: Int) throws -> [PipeQuestion] {
        try (0..<count).map { _ in
            var question = PipeQuestion("first", try client())
            if generator.once(in: 3) { question.service = generator.one(of: ["two", "three"]) }
            if generator.once(in: 6) { question.type = "A" }
            if generator.once(in: 2) { question.remote = try client() }
            if generator.once(in: 4) {
                question.sourcePrefix = generator.number(0...question.client.family.width)
                // The host bits should be zero, but some resolvers send others.
                if !generator.once(in: 4) { question.client = Network(question.client, question.sourcePrefix).first }
            }
            // pdns asks this question for itself, so it has no client.
            if question.sourcePrefix == 0, question.remote == Address("0.0.0.0") {
                question.remote = Address("192.0.2.1")
            }
            return question
        }
    }

    /// Draws an address at the border of a network, inside it, or anywhere.
    private mutating func client() throws -> Address {
        let family: Family = generator.once(in: 2) ? .v4 : .v6
        if family == .v6, generator.once(in: 4) {
            return generator.one(of: Carrier.allCases).carry(try client(.v4), using: &generator)
        }
        return try client(family)
    }

    private mutating func client(_ family: Family) throws -> Address {
        let place: Network
        switch generator.number(0...9) {
        case 0...4: place = try generator.one(of: opened).randomNetwork(family, using: &generator)
        case 5...7:
            let rules = world.maps[0].networks.map(\.network).filter { $0.first.family == family }
            place = rules.randomElement(using: &generator) ?? .everything(family)
        case 8: place = RandomDatabase.network(family, using: &generator)
        default: place = family == .v4 ? .everything(.v4) : generator.one(of: Carrier.allCases).network
        }
        return generator.once(in: 3) ? place.random(using: &generator) : generator.one(of: place.borders)
    }
}
