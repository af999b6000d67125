import Answering
import Compiler
import Configuration
import DNS
import Geography
import PipeProtocol
import Platform
import Routing
import State

extension Snapshot {
    /// Returns whether a configuration has the same datacenters, services and maps. The one on disk may have changed
    /// just now.
    public func agrees(with configuration: Configuration) -> Bool {
        configuration.datacenters.map(\.name) == datacenterNames
            && configuration.services.map(\.name) == serviceNames && configuration.maps.map(\.name) == mapNames
    }
}

/// An explanation of how the answer to one question is chosen.
public struct Explanation: Sendable {
    /// The name as asked.
    public var name: String
    /// The client's address, or its subnet.
    public var client: String
    /// The client's resolver; absent if the client asks itself.
    public var resolver: String?
    /// The image that answers.
    public var image: Image
    /// The records at the name.
    public var answer: Answer
    /// The finding of each database for the client, in order. Empty if only the image explains the answer.
    public var databases: [DatabaseFinding] = []
    /// The same for the resolver.
    public var resolverDatabases: [DatabaseFinding] = []
    /// The place of the client in the image, or of the resolver if its place is used; only if just the image explains
    /// the answer, and the place is known.
    public var place: ClientPlace?
    /// The choice of the service, if the name has one.
    public var service: ServiceChoice?

    public struct Image: Sendable {
        /// The content id: 16 hexadecimal digits.
        public var id: String
        /// When it was compiled, in seconds since 1970.
        public var compiled: Int
    }

    /// The records that the coprocess returns to an ANY question.
    public struct Answer: Sendable {
        /// False if there is no such name.
        public var exists: Bool
        /// As lines of a zone file.
        public var records: [String]
    }

    /// The finding of one database.
    public struct DatabaseFinding: Sendable {
        public var database: String
        /// When the database was built, in seconds since 1970; absent if its metadata does not say.
        public var built: Int?
        /// Absent if the database does not know the client.
        public var network: String?
        public var continent: String?
        /// True if the database has no continent, so that it follows from the country; otherwise absent.
        public var continentIsOfCountry: Bool?
        public var country: String?
        public var subdivisions: [String] = []
        public var city: String?
        public var geonameID: UInt32?
        public var latitude: Double?
        public var longitude: Double?
        public var autonomousSystem: UInt32?
    }

    /// The choice of a service.
    public struct ServiceChoice: Sendable {
        public var service: String
        public var map: String
        /// Whether the resolver's place decides, because the client's is unknown.
        public var isByResolver: Bool
        /// The rules that match, the winner first; empty if only the image explains the answer, since it does not
        /// contain the rules.
        public var rules: [Rule]
        /// The datacenters in the order of preference, grouped by tier.
        public var preference: [[Candidate]]
        /// The datacenters that the answer comes from.
        public var chosen: [String]
        /// The unavailable datacenter whose clients are spread over others, this one among them; absent if the client
        /// is not spread.
        public var spreadFrom: String?
        /// The network whose clients all get this choice.
        public var scope: String
        /// Notes about the choice as a whole.
        public var choiceNotes: [String]

        /// All notes, including those about the datacenters of the list.
        public var notes: [String] { choiceNotes + preference.joined().flatMap(\.notes) }
    }

    /// A rule that matches the client.
    public struct Rule: Sendable {
        public var rule: String
        public var destination: String
    }

    /// A datacenter of the preference list.
    public struct Candidate: Sendable {
        public var datacenter: String
        public var isAvailable: Bool
        /// Whether it is drained for this client.
        public var isDrained: Bool
        /// The health of its addresses; absent if they are not checked.
        public var health: CheckedService.DatacenterHealth?
        /// Its weight within its tier.
        public var weight: UInt32
        /// The great-circle distance from the client; absent if a location is unknown.
        public var kilometres: Int?
        /// Its drains and their reasons, and its addresses that are down with the results of their checks.
        public var notes: [String]
    }
}

extension Serving {
    /// Explains the answer that a client gets for a name. The records and the choice come from the code that answers
    /// questions.
    ///
    /// - Parameters:
    ///   - resolver: the client's resolver; `nil` if the client asks itself.
    ///   - configuration: the configuration of the snapshot, for the findings of databases and for the rules; `nil`
    ///     to use only the image.
    public func explain(
        _ name: String, for client: IPPrefix, resolver: IPAddress? = nil, _ configuration: Configuration?
    ) throws -> Explanation {
        // The same seed, so that the choice is the one that the records come from.
        let seed = UInt64.random(in: .min ... .max)
        var random = RandomBits(seed: seed)
        let reply = try LocalQuery(self, seed: seed).ask(name, type: "ANY", client: client, resolver: resolver)
        var explanation = Explanation(
            name: name, client: client.length == client.address.bitWidth ? "\(client.address)" : "\(client)",
            resolver: resolver.map { "\($0)" },
            image: .init(id: snapshot.image.id, compiled: snapshot.manifest.created),
            answer: .init(exists: reply.exists, records: reply.records.map(\.zoneFileLine)))
        let wholeResolver = resolver.flatMap { IPPrefix($0, length: $0.bitWidth) }
        var databases = try configuration.map { try Finder($0, client) }
        var resolverDatabases = try configuration.flatMap { configuration in
            try wholeResolver.map { try Finder(configuration, $0) }
        }
        explanation.databases = databases?.findings ?? []
        explanation.resolverDatabases = resolverDatabases?.findings ?? []
        var key = NameKey()
        let bytes = Array(name.utf8)
        guard key.set(bytes.span), let (zone, node) = snapshot.zones.find(key, zoneID: -1),
            let service = snapshot.answers.service(of: node, inZone: zone)
        else { return explanation }
        let map = snapshot.maps[Int(snapshot.answers.services[service].map)]
        let isByResolver =
            resolver.map {
                map.locate(client.address, length: client.length, resolver: $0).list
                    != map.locate(client.address, length: client.length, resolver: nil).list
            } ?? false
        let decider = isByResolver ? wholeResolver ?? client : client
        let place: Place?
        let system: UInt32
        if isByResolver {
            (place, system) = (resolverDatabases?.place, resolverDatabases?.system ?? 0)
        } else {
            (place, system) = (databases?.place, databases?.system ?? 0)
        }
        if configuration == nil { explanation.place = snapshot.places.find(decider) }
        var choice = explain(
            service, client, resolver: resolver, from: place?.coordinates ?? explanation.place?.coordinates,
            random: random.next())
        choice.isByResolver = isByResolver
        if let configuration, let place {
            let names = configuration.datacenters.map(\.name)
            choice.rules = configuration.maps[Int(snapshot.answers.services[service].map)].rules
                .matches(decider, asn: system, place: place).map {
                    .init(rule: $0.rule, destination: $0.destination.words(names))
                }
        }
        explanation.service = choice
        return explanation
    }

    /// Looks up an address in all databases.
    private struct Finder {
        var findings: [Explanation.DatabaseFinding] = []
        /// The number of the autonomous system; 0 if unknown.
        var system: UInt32 = 0
        private var gazetteer = Gazetteer()
        private var number: UInt32 = 0

        init(_ configuration: Configuration, _ address: IPPrefix) throws {
            // Fields are read only if rules need them, such as names of subdivisions.
            let fields = configuration.neededFields
            for file in configuration.databases {
                guard let database = try? MaxMindDatabase(path: file.path) else { continue }
                let finding = try database.find(address, fields: fields, &gazetteer)
                findings.append(.init(file.path, database.metadata, finding))
                guard let finding else { continue }
                number = gazetteer.number(ofPlace: number, completedBy: finding.number)
                if system == 0 { system = finding.system }
            }
        }

        /// The combined place of all databases.
        var place: Place { mutating get { gazetteer[gazetteer.entries[Int(number)]] } }
    }

    /// - Parameter from: the location to measure distances from.
    private func explain(
        _ position: Int, _ client: IPPrefix, resolver: IPAddress?, from: Coordinates?, random: UInt64
    ) -> Explanation.ServiceChoice {
        let service = snapshot.answers.services[position]
        let lists = snapshot.maps[Int(service.map)].lists
        let number = Int(service.service)
        let name = snapshot.serviceNames[number]
        let names = snapshot.datacenterNames
        let asker = resolver ?? client.address
        let (state, placeScope) = state(
            ofService: number, for: client.address, length: client.length, resolver: asker)
        let choice = snapshot.choose(
            service: position, for: client.address, length: client.length, resolver: asker, state: state,
            placeScope: placeScope, random: random
        ) { _, _ in }
        let open = state.undrained.forNetwork(ClientNetwork(client.address, length: client.length).number)
        let checked = snapshot.checkedServices[number]
        let health = checked?.datacenters(forced: forced(forService: number)) { down[$0] != nil }
        let located = from.map(UnitVector.init)
        let preference = lists.tiers(of: choice.list).map { tier in
            tier.map { share in
                let isDrained = !open.contains(share.datacenter)
                let health = health?[share.datacenter]
                let drains = switches(ofService: name).filter { $0.datacenter == names[share.datacenter] }.map {
                    entry in
                    entry.words + (entry.action == .drain && !isDrained ? " (but not for this client)" : "")
                }
                let targets = checked?.targets(ofDatacenters: [share.datacenter]) ?? []
                let shares = weightsAndShares.shares
                let part = number < shares.count ? shares[number].dropFirst(share.datacenter).first : nil
                let datacenter = names[share.datacenter]
                let limits = part.map {
                    $0 < 100 ? ["share: \(datacenter) takes \($0)% of its client networks for now"] : []
                }
                return Explanation.Candidate(
                    datacenter: names[share.datacenter], isAvailable: !isDrained && health?.isUp ?? true,
                    isDrained: isDrained, health: health, weight: share.weight,
                    kilometres: located.flatMap { from in
                        lists.location(of: share.datacenter).map { Int(from.kilometres(to: $0).rounded()) }
                    },
                    notes: drains + (limits ?? [])
                        + targets.compactMap { target in down[target].map { "down: \(target): \($0.reason)" } })
            }
        }
        var notes: [String] = []
        if service.isSticky { notes.append("sticky: the same draw for the whole client network") }
        if service.pick < .max, service.spread == 1 {
            notes.append("pick: at most \(service.pick) addresses of each family")
        }
        if service.spread > 1 {
            notes.append("spread: one address of each family from up to \(service.spread) datacenters")
        }
        if choice.spreadFrom >= 0 {
            let away = names[Int(choice.spreadFrom)]
            let group = lists.spreadGroup(of: choice.list)
            let over = group.map { $0.map { names[$0] }.joined(separator: ", ") } ?? "all datacenters of the service"
            notes.append(
                "then: spread: \(away) is not available for this client, which is spread from \(away) over \(over), by capacity; all clients in its network get the same"
            )
        }
        if preference.isEmpty { notes.append("none: clients here get no record") }
        if choice.spreadFrom < 0, !preference.isEmpty, preference.joined().allSatisfy({ !$0.isAvailable }) {
            notes.append(
                service.answersWhenAllDown
                    ? "all choices are down or drained; when_all_down: answer, so the best of them is given anyway"
                    : "all choices are down or drained; when_all_down: nothing, so there is no record")
        }
        return Explanation.ServiceChoice(
            service: name, map: snapshot.mapNames[Int(service.map)], isByResolver: false, rules: [],
            preference: preference, chosen: (0..<choice.count).map { names[Int(choice.datacenters[$0])] },
            spreadFrom: choice.spreadFrom >= 0 ? names[Int(choice.spreadFrom)] : nil,
            scope: IPPrefix(client.address, length: Int(choice.scope)).map { "\($0)" } ?? "/\(choice.scope)",
            choiceNotes: notes)
    }
}

extension Explanation.DatabaseFinding {
    fileprivate init(_ database: String, _ metadata: DatabaseMetadata, _ finding: MaxMindDatabase.Finding?) {
        self.database = database
        built = metadata.built
        guard let finding else { return }
        network = "\(finding.network)"
        continent = finding.place.continent?.description
        if finding.place.isContinentOfCountry { continentIsOfCountry = true }
        country = finding.place.country?.description
        subdivisions = finding.place.subdivisions.map(\.description)
        city = finding.place.city?.name
        geonameID = finding.place.city?.geonameID
        latitude = finding.place.coordinates?.latitude
        longitude = finding.place.coordinates?.longitude
        if finding.system > 0 { autonomousSystem = finding.system }
    }
}

extension Destination {
    /// Returns the value of `then`.
    private static func words(_ group: [Datacenter]?, _ names: [String]) -> String {
        group.map { "{ spread: [\($0.map { names[$0] }.joined(separator: ", "))] }" } ?? "spread"
    }

    /// Returns the destination in the syntax of the configuration.
    fileprivate func words(_ names: [String]) -> String {
        switch self {
        case .none: "none"
        case .tier(let shares) where shares.count == 1: names[shares[0].datacenter]
        case .tier(let shares):
            "{ " + shares.map { "\(names[$0.datacenter]): \($0.weight)" }.joined(separator: ", ") + " }"
        case .nearest(let datacenters, let limit):
            "{ nearest: [\(datacenters.map { names[$0] }.joined(separator: ", "))]"
                + (limit < datacenters.count ? ", limit: \(limit) }" : " }")
        case .list(let parts): "[" + parts.map { $0.words(names) }.joined(separator: ", ") + "]"
        case .spread(let destination, let group):
            if case .nearest = destination {
                "\(destination.words(names).dropLast(2)), then: \(Self.words(group, names)) }"
            } else {
                "{ list: \(destination.words(names)), then: \(Self.words(group, names)) }"
            }
        }
    }
}
