import Answering
import Compiler
import Configuration
import DNS
import Geography
import PipeProtocol
import Platform
import Routing
import State

/// The whole way of one question, for people.
public struct Explanation: Sendable {
    /// The name as asked.
    public var name: String
    /// The client's address, or its subnet.
    public var client: String
    /// What there is at the name.
    public var answer: Answer
    /// What each database says of the client, in the order in which they are asked.
    public var databases: [DatabaseFinding] = []
    /// The choice of the service, if the name has one.
    public var service: ServiceChoice?

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
        /// The rules that apply, the winner first.
        public var rules: [Rule]
        /// The datacenters in the order of preference, those of one tier together.
        public var preference: [[Candidate]]
        /// The datacenters that the answer comes from.
        public var chosen: [String]
        /// The datacenter that is not available for this client, which is therefore spread; absent if it is not spread.
        public var spreadFrom: String?
        /// All clients of this network are treated alike.
        public var scope: String
        /// Words about what is not plain.
        public var notes: [String]
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
    }
}

extension Serving {
    /// Explains what a client gets for a name: the records and the choice come out of the code that answers questions.
    ///
    /// - Parameter configuration: what the snapshot was made from.
    public func explain(
        _ name: String, for client: IPPrefix, _ configuration: Configuration
    ) throws -> Explanation {
        // The choice must be the one that the records come from.
        let seed = UInt64.random(in: .min ... .max)
        var random = RandomBits(seed: seed)
        let reply = try Inquiry(self, seed: seed).ask(name, type: "ANY", client: client)
        var explanation = Explanation(
            name: name, client: client.length == client.address.bitWidth ? "\(client.address)" : "\(client)",
            answer: .init(exists: reply.exists, records: reply.records.map(\.zoneFileLine)))
        var gazetteer = Gazetteer()
        // Subdivisions have names only if rules call them so.
        let fields = configuration.neededFields
        var place: UInt32 = 0
        var system: UInt32 = 0
        for file in configuration.databases {
            guard let database = try? MaxMindDatabase(path: file.path) else { continue }
            let finding = try database.find(client, fields: fields, &gazetteer)
            explanation.databases.append(.init(file.path, database.metadata, finding))
            guard let finding else { continue }
            place = gazetteer.number(ofPlace: place, completedBy: finding.number)
            if system == 0 { system = finding.system }
        }
        var key = NameKey()
        let bytes = Array(name.utf8)
        if key.set(bytes.span), let (zone, node) = snapshot.zones.find(key, zoneID: -1),
            let service = snapshot.answers.service(of: node, inZone: zone)
        {
            explanation.service = explain(
                service, client, configuration, gazetteer[gazetteer.entries[Int(place)]], system,
                random: random.next())
        }
        return explanation
    }

    private func explain(
        _ position: Int, _ client: IPPrefix, _ configuration: Configuration, _ place: Place, _ system: UInt32,
        random: UInt64
    ) -> Explanation.ServiceChoice {
        let service = snapshot.answers.services[position]
        let map = configuration.maps[Int(service.map)]
        let number = Int(service.service)
        let (state, placeScope) = state(
            ofService: number, for: client.address, length: client.length, resolver: client.address)
        let choice = snapshot.choose(
            position, for: client.address, length: client.length, resolver: client.address, state,
            placeScope: placeScope, random: random
        ) { _, _ in }
        let open = state.undrained.forNetwork(ClientNetwork(client.address, length: client.length).number)
        let checked = snapshot.checkedServices[number]
        let health = checked?.datacenters(forced: forced(forService: number)) { down[$0] != nil }
        let located = place.coordinates.map(Direction.init)
        let names = configuration.datacenters.map(\.name)
        let locations = configuration.datacenters.map { $0.location.map(Direction.init) }
        let preference = snapshot.maps[Int(service.map)].lists.tiers(of: choice.list).map { tier in
            tier.map { share in
                let isDrained = !open.contains(share.datacenter)
                let health = health?[share.datacenter]
                return Explanation.Candidate(
                    datacenter: names[share.datacenter], isAvailable: !isDrained && health?.isUp ?? true,
                    isDrained: isDrained, health: health, weight: share.weight,
                    kilometres: located.flatMap { from in
                        locations[share.datacenter].map { Int(from.kilometres(to: $0).rounded()) }
                    })
            }
        }
        var notes: [String] = []
        if service.isSticky { notes.append("sticky: chance is drawn once for the client's network") }
        if service.pick < .max, service.spread == 1 {
            notes.append("pick: at most \(service.pick) addresses of each family")
        }
        if service.spread > 1 {
            notes.append("spread: one address of each family from up to \(service.spread) datacenters")
        }
        if choice.spreadFrom >= 0 {
            let away = names[Int(choice.spreadFrom)]
            let group = snapshot.maps[Int(service.map)].lists.spreadGroup(of: choice.list)
            let over = group.map { $0.map { names[$0] }.joined(separator: ", ") } ?? "all datacenters of the service"
            notes.append(
                "then: spread: \(away) is not available for this client, which is spread from \(away) over \(over), by capacity; all clients in its network get the same"
            )
        }
        if choice.count == 0 { notes.append("none: clients here get no record") }
        if choice.spreadFrom < 0, !preference.isEmpty, preference.joined().allSatisfy({ !$0.isAvailable }) {
            notes.append(
                service.answersWhenAllDown
                    ? "when_all_down: nothing that is wanted here is available, and the answer is as if it were"
                    : "when_all_down: nothing that is wanted here is available, and so nothing is answered")
        }
        for target
            in (checked?.targets(ofDatacenters: preference.joined().compactMap { names.firstIndex(of: $0.datacenter) })
            ?? [])
        {
            guard let state = down[target] else { continue }
            notes.append("down: \(target): \(state.reason)")
        }
        if number < limits.shares.count {
            let candidates = Set(preference.joined().map(\.datacenter))
            for (datacenter, share) in limits.shares[number].enumerated()
            where share < 100 && candidates.contains(names[datacenter]) {
                notes.append("share: \(names[datacenter]) takes \(share)% of its client networks for now")
            }
        }
        for entry in switches(ofService: configuration.services[number].name) {
            notes.append(entry.words)
        }
        return Explanation.ServiceChoice(
            service: configuration.services[number].name, map: map.name,
            rules: map.rules.matches(client, system: system, place: place).map {
                .init(rule: $0.rule, destination: $0.destination.words(names))
            },
            preference: preference,
            chosen: (0..<choice.count).map { names[Int(choice.datacenters[$0])] },
            spreadFrom: choice.spreadFrom >= 0 ? names[Int(choice.spreadFrom)] : nil,
            scope: IPPrefix(client.address, length: Int(choice.scope)).map { "\($0)" } ?? "/\(choice.scope)",
            notes: notes)
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
