import Foundation

/// Evaluates the rules of a map one by one for each address. It is slow, and follows directly from the definition of
/// the language.
///
/// The definition has the precedence of rules, the meaning of destinations, the choice of the client, and the scope:
/// the widest prefix around the client in which every address gets the same preference list.
final class Evaluator {
    /// The datacenters for a client in the order in which they are tried: tiers, each with the weight of its members.
    ///
    /// A datacenter counts only in its first tier, since it is up or down in all of them. Weights are ratios, so that 2
    /// to 2 equals 1 to 1. An empty list is `none`. A last tier of negative numbers has the datacenters that the
    /// clients of unusable ones are spread over: -1 is datacenter 0.
    typealias PreferenceList = [[Int: Int]]

    private let world: TestWorld
    private let map: MapRules
    private let databases: [ReferenceDatabase]
    private var lists: [PreferenceList] = []
    private var numbers: [PreferenceList: Int] = [:]

    init(_ world: TestWorld, map: Int) throws {
        self.world = world
        self.map = world.maps[map]
        databases = try world.databases.map(ReferenceDatabase.init)
    }

    // MARK: One address

    /// Returns whether the address is known (it is in the network of a rule, or a database has a field of it that a
    /// rule of the map needs), and its preference list.
    func look(up address: Address) throws -> (isKnown: Bool, list: Int) {
        let (address, found, _) = try facts(of: address)
        let place = ReferencePlace(merging: found)
        let isKnown = says(place) || map.networks.contains { $0.network.contains(address) }
        return (isKnown, number(of: preferences(rule(for: address, at: place), at: place.location)))
    }

    func list(_ number: Int) -> PreferenceList { lists[number] }

    /// Returns whether a place has any field that the rules of the map need.
    private func says(_ place: ReferencePlace) -> Bool {
        let codes = map.subdivisions.map(\.key) + map.regions.flatMap(\.members)
        /// The area in the key of a city: `US` of `US/Miami`; a number has none.
        let surroundings = map.cities.compactMap { city in
            city.key.contains("/") ? city.key.split(separator: "/").first.map(String.init) : nil
        }
        let areas = codes + surroundings
        if place.country != nil, !map.countries.isEmpty || !areas.isEmpty { return true }
        if !place.subdivisions.isEmpty, place.country != nil, areas.contains(where: { $0.contains("-") }) {
            return true
        }
        if place.continent != nil, !map.continents.isEmpty { return true }
        if place.system ?? 0 > 0, !map.systems.isEmpty { return true }
        if place.city != nil || place.cityNumber != nil, !map.cities.isEmpty { return true }
        return place.location != nil && map.destinations.contains(where: \.dependsOnDistance)
    }

    /// Returns whether a client is in one of some areas, such as `NO`, `US-CA` or `continent:EU`. The resolution is
    /// that of geopipe: in a /22 of IPv4 and a /40 of IPv6, all clients of a country have one place. For a client of
    /// unknown place, the resolver's counts.
    ///
    /// - Returns: `nil` if the result depends on which of the places in the network counts.
    func isInside(_ areas: [String], _ client: Address, resolver: Address) throws -> Bool? {
        var found: Set<Bool> = []
        guard let places = try places(around: client) else { return nil }
        for place in places {
            if let place {
                found.insert(place.isInside(areas))
            } else {
                // An unknown resolver is in no area.
                guard let places = try self.places(around: resolver) else { return nil }
                for place in places { found.insert(place?.isInside(areas) ?? false) }
            }
        }
        return found.count == 1 ? found.first : nil
    }

    /// Returns all places in the network around an address in which geopipe has one place for each country, with `nil`
    /// for unknown addresses; `nil` altogether if a part of the network carries IPv4.
    private func places(around address: Address) throws -> Set<ReferencePlace?>? {
        var address = address
        if let carrier = Carrier.of(Network(address, address.family.width)) {
            address = carrier.carried(by: Network(address, 128)).first
        }
        var places: Set<ReferencePlace?> = []
        func collect(_ network: Network) throws {
            let (_, found, same) = try facts(of: network.first)
            guard same.contains(network) else {
                let (lower, upper) = network.halves
                try collect(lower)
                return try collect(upper)
            }
            let place = ReferencePlace(merging: found)
            let isKnown = place.continent != nil || place.country != nil || place.location != nil
            places.insert(isKnown ? place : nil)
        }
        let network = Network(address, address.family == .v4 ? 22 : 40)
        guard address.family == .v4 || !Carrier.allCases.contains(where: { network.contains($0.network) }) else {
            return nil
        }
        try collect(network)
        return places
    }

    /// Returns the address that is looked up in databases and networks, its records, and the largest network around it
    /// in which all databases have the same records.
    private func facts(of address: Address) throws -> (address: Address, found: [ReferencePlace], network: Network) {
        var address = address
        if let carrier = Carrier.of(Network(address, address.family.width)) {
            address = carrier.carried(by: Network(address, 128)).first
        }
        var found: [ReferencePlace] = []
        var network = Network.everything(address.family)
        for database in databases {
            let (place, same) = try database.look(up: address)
            if let place { found.append(place) }
            if network.contains(same) { network = same }
        }
        return (address, found, network)
    }

    /// network (longest prefix) > asn > city > subdivision > country > continent > default.
    ///
    /// A region has the level of its member, after the rule for the member itself. Of nested subdivisions the
    /// narrowest comes first.
    private func rule(for address: Address, at place: ReferencePlace) -> RuleDestination {
        let networks = map.networks.filter { $0.network.contains(address) }
        if let rule = networks.max(by: { $0.network.length < $1.network.length }) { return rule.destination }
        if let system = place.system, let rule = map.systems.first(where: { $0.number == system }) {
            return rule.destination
        }
        let cities = place.cityKeys
        if let rule = map.cities.first(where: { cities.contains($0.key) }) { return rule.destination }
        for code in place.subdivisionKeys.reversed() {
            if let rule = map.subdivisions.first(where: { $0.key == code }) { return rule.destination }
            if let rule = map.regions.first(where: { $0.members.contains(code) }) { return rule.destination }
        }
        if let country = place.country {
            if let rule = map.countries.first(where: { $0.key == country }) { return rule.destination }
            if let rule = map.regions.first(where: { $0.members.contains(country) }) { return rule.destination }
        }
        if let rule = map.continents.first(where: { $0.key == place.continent }) { return rule.destination }
        return map.fallback
    }

    private func preferences(_ destination: RuleDestination, at client: ReferenceLocation?) -> PreferenceList {
        // Lists with equal tiers differ if they spread differently.
        if case .spread(let inner, let group) = destination {
            let members = (group ?? Array(world.datacenters.indices)).map { (-1 - $0, 1) }
            return preferences(inner, at: client) + [Dictionary(uniqueKeysWithValues: members)]
        }
        var seen: Set<Int> = []
        return tiers(destination, client).compactMap { tier in
            let members = tier.filter { !seen.contains($0.key) }
            seen.formUnion(members.keys)
            let divisor = members.values.reduce(0, commonDivisor)
            return members.isEmpty ? nil : members.mapValues { $0 / divisor }
        }
    }

    private func tiers(_ destination: RuleDestination, _ client: ReferenceLocation?) -> PreferenceList {
        switch destination {
        case .none: return []
        case .datacenter(let number): return [[number: 1]]
        case .list(let parts): return parts.flatMap { tiers($0, client) }
        case .spread(let inner, _): return tiers(inner, client)
        case .weighted(let shares):
            return [Dictionary(uniqueKeysWithValues: shares.map { ($0.datacenter, $0.weight) })]
        case .random(let members): return [Dictionary(uniqueKeysWithValues: members.map { ($0, 1) })]
        case .nearest:
            let located = world.datacenters.indices.filter { world.datacenters[$0] != nil }
            return tiers(.nearestOf(located, limit: nil), client)
        case .nearestOf(let listed, let limit):
            guard let client else { return listed.map { [$0: 1] } }
            // Datacenters at equal distances keep the order in which they are listed.
            let distances = listed.map { client.distance(to: world.datacenters[$0]!) }
            let order = listed.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }
            let nearest = order.prefix(limit ?? listed.count)
            let rest = listed.indices.filter { !nearest.contains($0) }
            return (nearest + rest).map { [listed[$0]: 1] }
        }
    }

    private func number(of list: PreferenceList) -> Int {
        if let known = numbers[list] { return known }
        numbers[list] = lists.count
        lists.append(list)
        return lists.count - 1
    }

    // MARK: All addresses of a network

    /// The list that all addresses of a network have, for each network examined so far; `nil` if they differ.
    private var uniform: [Int: [Network: Int?]] = [:]

    /// Returns the list that all addresses of `network` have; `nil` if they differ.
    ///
    /// - Parameter unknown: the list of unknown addresses.
    private func list(of network: Network, unknown: Int) throws -> Int? {
        if let known = uniform[unknown]?[network] { return known }
        let result: Int?
        if let carrier = Carrier.of(network) {
            result = try list(of: carrier.carried(by: network), unknown: unknown)
        } else if try isSplit(network) {
            let (lower, upper) = network.halves
            let first = try list(of: lower, unknown: unknown)
            result = try first != nil && first == list(of: upper, unknown: unknown) ? first : nil
        } else {
            let (isKnown, list) = try look(up: network.first)
            result = isKnown ? list : unknown
        }
        uniform[unknown, default: [:]][network] = .some(result)
        return result
    }

    /// Returns whether a network of a database or of a rule, or a carrier, begins or ends inside `network`.
    private func isSplit(_ network: Network) throws -> Bool {
        if network.first.family == .v6, Carrier.allCases.contains(where: { network.contains($0.network) }) {
            return true
        }
        if map.networks.contains(where: { network != $0.network && network.contains($0.network) }) { return true }
        return try !facts(of: network.first).network.contains(network)
    }

    /// Returns the prefix length, at least 1, of the widest network around `address` in which all addresses have the
    /// same list.
    func scope(of address: Address, unknown: Int) throws -> Int {
        for length in 1..<address.family.width where try list(of: Network(address, length), unknown: unknown) != nil {
            return length
        }
        return address.family.width
    }

    // MARK: A question

    struct Expectation {
        var list: PreferenceList
        /// The widest correct scope, and the narrowest acceptable one.
        var scopes: ClosedRange<Int>
    }

    /// Returns the expectation for a client whose subnet ends before its embedded IPv4 address. This may be any IPv4
    /// address. If not all have the same list, only rules for the surrounding IPv6 addresses count.
    private func expectationOfOpenCarrier(
        for question: PipeQuestion, _ client: Address, _ remote: (isKnown: Bool, list: Int)
    ) throws -> Expectation? {
        guard client.family == .v6, let carrier = Carrier.of(Network(client, 128)),
            question.sourcePrefix <= carrier.offset
        else { return nil }
        let fallback = number(of: preferences(map.fallback, at: nil))
        if let one = try list(of: Network.everything(.v4), unknown: fallback) {
            guard one == fallback, remote.isKnown else { return nil }
            return Expectation(list: self.list(remote.list), scopes: 1...carrier.network.length)
        }
        // The record of a wider network belongs to the IPv6 addresses in it.
        var found: [ReferencePlace] = []
        for database in databases {
            let (place, same) = try database.look(up: carrier.network.first)
            if let place, same.contains(carrier.network) { found.append(place) }
        }
        let place = ReferencePlace(merging: found)
        let isKnown = says(place) || map.networks.contains { $0.network.contains(carrier.network) }
        let own = number(of: preferences(rule(for: carrier.network.first, at: place), at: place.location))
        let list = isKnown ? own : remote.isKnown ? remote.list : fallback
        return Expectation(list: self.list(list), scopes: carrier.network.length...carrier.network.length)
    }

    /// Returns the expectation for a question: by the first address of the client's subnet if that is known, else by
    /// the resolver if that is known, else by the default.
    func expectation(for question: PipeQuestion) throws -> Expectation {
        let remote = try look(up: question.remote)
        // Without a client subnet, the answer is for the resolver, and pdns sends no scope.
        guard question.sourcePrefix > 0 else {
            return Expectation(list: self.list(remote.list), scopes: 1...question.remote.family.width)
        }
        let client = Network(question.client, question.sourcePrefix).first
        if let open = try expectationOfOpenCarrier(for: question, client, remote) { return open }
        let (isKnown, list) = try look(up: client)
        let fallback = number(of: preferences(map.fallback, at: nil))
        guard remote.isKnown else {
            let exact = try scope(of: client, unknown: fallback)
            return Expectation(list: self.list(isKnown ? list : fallback), scopes: exact...exact)
        }
        // Unknown clients get the list of their resolver. A scope may include known clients with the same list. It may
        // also exclude them, since another resolver may be elsewhere.
        let widest = try scope(of: client, unknown: remote.list)
        let apart = try scope(of: client, unknown: -1)
        return Expectation(list: self.list(isKnown ? list : remote.list), scopes: widest...apart)
    }
}

private func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }

extension ReferencePlace {
    /// Returns whether the place is in one of some areas. Only its widest subdivision counts.
    fileprivate func isInside(_ areas: [String]) -> Bool {
        areas.contains { area in
            area == country || area == subdivisionKeys.first || area == continent.map { "continent:\($0)" }
        }
    }
}
