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
    /// Whether a configuration has the same datacenters, services and maps: the one on disk may have changed a moment ago.
    public func agrees(with configuration: Configuration) -> Bool {
        configuration.datacenters.map(\.name) == datacenterNames
            && configuration.services.map(\.name) == serviceNames && configuration.maps.map(\.name) == mapNames
    }
}

/// The whole way of one question, for people.
public struct Explanation: Sendable {
    /// The name as asked.
    public var name: String
    /// The client's address, or its subnet.
    public var client: String
    /// The resolver that asks for the client; absent if none was named, and the client asks itself.
    public var resolver: String?
    /// The image that answers.
    public var image: Image
    /// What there is at the name.
    public var answer: Answer
    /// What each database says of the client, in the order in which they are asked. Empty if it is explained by the image alone.
    public var databases: [DatabaseFinding] = []
    /// The same of the resolver.
    public var resolverDatabases: [DatabaseFinding] = []
    /// Where the image has the client, or the resolver if that stands in for it, as coarse as it does; only if it is explained by
    /// the image alone, and the image knows.
    public var place: ClientPlace?
    /// The choice of the service, if the name has one.
    public var service: ServiceChoice?

    public struct Image: Sendable {
        /// The content id: 16 hexadecimal digits.
        public var id: String
        /// When it was compiled, in seconds since 1970.
        public var compiled: Int
    }

    /// The records, as the coprocess gives them to a question for all types.
    public struct Answer: Sendable {
        /// False if there is no such name.
        public var exists: Bool
        /// As lines of a zone file.
        public var records: [String]
    }

    /// What one database says.
    public struct DatabaseFinding: Sendable {
        public var database: String
        /// When the database was built, in seconds since 1970; absent if it does not say.
        public var built: Int?
        /// Absent if the database does not know the client.
        public var network: String?
        public var continent: String?
        /// Whether the database says no continent, so that this is the one of the country; absent if it does.
        public var continentIsOfCountry: Bool?
        public var country: String?
        public var subdivisions: [String] = []
        public var city: String?
        public var geonameID: UInt32?
        public var latitude: Double?
        public var longitude: Double?
        public var autonomousSystem: UInt32?
    }

    /// How a service chose.
    public struct ServiceChoice: Sendable {
        public var service: String
        public var map: String
        /// Whether the resolver's place decides, since nothing is known of the client's.
        public var isByResolver: Bool
        /// The rules that apply, the winner first; empty if it is explained by the image alone, which has what has become of them.
        public var rules: [Rule]
        /// The datacenters in the order of preference, those of one tier together.
        public var preference: [[Candidate]]
        /// The datacenters that the answer comes from.
        public var chosen: [String]
        /// The datacenter that is not available for this client, which is therefore spread; absent if it is not spread.
        public var spreadFrom: String?
        /// All clients of this network are treated alike.
        public var scope: String
        /// Words about the choice as a whole.
        public var choiceNotes: [String]

        /// All notes, those about the datacenters of the list too.
        public var notes: [String] { choiceNotes + preference.joined().flatMap(\.notes) }
    }

    /// A rule that applies to the client.
    public struct Rule: Sendable {
        public var rule: String
        public var destination: String
    }

    /// A datacenter of the preference list.
    public struct Candidate: Sendable {
        public var datacenter: String
        public var isAvailable: Bool
        /// Whether an operator has switched it off for this client.
        public var isDrained: Bool
        /// How its addresses are; absent if they are not checked.
        public var health: CheckedService.DatacenterHealth?
        /// Its weight within its tier.
        public var weight: UInt32
        /// From the client, along the great circle, where both are known.
        public var kilometres: Int?
        /// Who drained it and why, and which of its addresses are down and why.
        public var notes: [String]
    }
}

extension Serving {
    /// Explains what a client gets for a name: the records and the choice come out of the code that answers questions.
    ///
    /// - Parameters:
    ///   - resolver: asks for the client; `nil` if the client asks itself.
    ///   - configuration: what the snapshot was made from, for what the databases say and for the rules; `nil` to explain by the
    ///     image alone.
    public func explain(
        _ name: String, for client: IPPrefix, resolver: IPAddress? = nil, _ configuration: Configuration?
    ) throws -> Explanation {
        // The choice must be the one that the records come from.
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
                .matches(decider, system: system, place: place).map {
                    .init(rule: $0.rule, destination: $0.destination.words(names))
                }
        }
        explanation.service = choice
        return explanation
    }

    /// What databases say of an address.
    private struct Finder {
        var findings: [Explanation.DatabaseFinding] = []
        /// The number of the autonomous system; 0 if none is known.
        var system: UInt32 = 0
        private var gazetteer = Gazetteer()
        private var number: UInt32 = 0

        init(_ configuration: Configuration, _ address: IPPrefix) throws {
            // Subdivisions have names only if rules call them so.
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

        /// What they say together.
        var place: Place { mutating get { gazetteer[gazetteer.entries[Int(number)]] } }
    }

    /// - Parameter from: where distances are measured from.
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
            position, for: client.address, length: client.length, resolver: asker, state, placeScope: placeScope,
            random: random
        ) { _, _ in }
        let open = state.undrained.forNetwork(ClientNetwork(client.address, length: client.length).number)
        let checked = snapshot.checkedServices[number]
        let health = checked?.datacenters(forced: forced(forService: number)) { down[$0] != nil }
        let located = from.map(Direction.init)
        let preference = lists.tiers(of: choice.list).map { tier in
            tier.map { share in
                let isDrained = !open.contains(share.datacenter)
                let health = health?[share.datacenter]
                let drains = switches(ofService: name).filter { $0.datacenter == names[share.datacenter] }.map {
                    entry in
                    entry.words + (entry.action == .drain && !isDrained ? " (but not for this client)" : "")
                }
                let targets = checked?.targets(ofDatacenters: [share.datacenter]) ?? []
                let part = number < limits.shares.count ? limits.shares[number].dropFirst(share.datacenter).first : nil
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
                    ? "all choices are down or drained; when_all_down: answer, so the best of them is given all the same"
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
    /// What stands behind `then`.
    private static func words(_ group: [Datacenter]?, _ names: [String]) -> String {
        group.map { "{ spread: [\($0.map { names[$0] }.joined(separator: ", "))] }" } ?? "spread"
    }

    /// The destination as an operator would write it.
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
