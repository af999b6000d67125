import Geography
import Routing

/// Rules of a map whose clients have no alternative when a datacenter is drained: they still get it.
public struct Stranding: Sendable {
    public var map: String
    /// As `country NO`, `network 10.0.0.0/8` or `the default`; at most 20, and how many more.
    public var rules: [String]
    public var datacenter: String
    /// Whether the rules have other datacenters, all of which are drained.
    public var othersAreDrained: Bool

    public var words: String {
        let choice = othersAreDrained ? "is the only choice that is not drained" : "is the only choice"
        return "map \(map): \(grouped(rules)): \(datacenter) \(choice); its clients still get it"
    }

    /// `country NO, US; the default`.
    private func grouped(_ rules: [String]) -> String {
        var parts: [(kind: String, names: [String])] = []
        for rule in rules {
            let words = rule.split(separator: " ", maxSplits: 1).map(String.init)
            if rule != "the default", parts.last?.kind == words[0] {
                parts[parts.count - 1].names.append(words[1])
            } else {
                parts.append((words[0], [words[1]]))
            }
        }
        return parts.map { "\($0.kind) \($0.names.joined(separator: ", "))" }.joined(separator: "; ")
    }
}

extension Configuration {
    /// Returns the rules whose clients have no alternative when `datacenter` is drained.
    ///
    /// - Parameters:
    ///   - service: the only service that is drained; `nil` for all.
    ///   - areas: the areas whose clients are drained; empty for everywhere.
    ///   - places: the places in which the image has clients; `nil` if unknown.
    ///   - drained: what else is drained completely, for a service by its name.
    public func stranded(
        by datacenter: String, service: String?, areas: [Area] = [], places: Set<ClientPlace>? = nil,
        besides drained: (_ service: String) -> Set<String>
    ) -> [Stranding] {
        guard let number = datacenters.firstIndex(where: { $0.name == datacenter }) else { return [] }
        let drainedServices = services.filter { service == nil || $0.name == service }
        let places = places.map { places in
            areas.isEmpty ? Array(places) : places.filter { place in areas.contains { place.isInside($0) } }
        }
        return maps.enumerated().compactMap { position, map in
            let users = drainedServices.filter { $0.map == position }.map { user -> (Service, Set<Datacenter>) in
                let names = drained(user.name)
                return (
                    user, Set(datacenters.indices.filter { $0 != number && names.contains(datacenters[$0].name) })
                )
            }
            guard !users.isEmpty else { return nil }
            var hasOthers = false
            var rules = map.rules.touching(areas).reached(from: places).rules { destination in
                // An answer of one service does not help clients of another.
                let stranding = users.compactMap { user, others -> Set<Datacenter>? in
                    let reached = reach(of: destination, for: [user])
                    return reached.contains(number) && reached.subtracting(others) == [number] ? reached : nil
                }
                hasOthers = hasOthers || stranding.contains { $0.count > 1 }
                return !stranding.isEmpty
            }
            guard !rules.isEmpty else { return nil }
            let shown = 20
            if rules.count > shown { rules = rules.prefix(shown) + ["and \(rules.count - shown) more"] }
            return Stranding(map: map.name, rules: rules, datacenter: datacenter, othersAreDrained: hasOthers)
        }
    }
}

extension PlaceRules {
    /// The rules that may apply to clients in these areas; all if `areas` is empty.
    fileprivate func touching(_ areas: [Area]) -> PlaceRules {
        guard !areas.isEmpty else { return self }
        func touches(_ area: Area) -> Bool { areas.contains { $0.touches(area) } }
        var rules = self
        rules.cities = cities.filter { city, _ in
            switch city {
            case .geonameID: true
            case .inCountry(let country, _): touches(.country(country))
            case .inSubdivision(let subdivision, _): touches(.subdivision(subdivision))
            }
        }
        rules.subdivisions = subdivisions.filter { touches(.subdivision($0.key)) }
        rules.countries = countries.filter { touches(.country($0.key)) }
        rules.regions = regions.filter {
            $0.countries.contains { touches(.country($0)) } || $0.subdivisions.contains { touches(.subdivision($0)) }
        }
        rules.continents = continents.filter { touches(.continent($0.key)) }
        return rules
    }
    /// The rules that clients of these places may match: those that win for one of them, and those that places do not
    /// determine, such as networks, cities, and subdivisions inside of others. All if the places are unknown.
    fileprivate func reached(from places: [ClientPlace]?) -> PlaceRules {
        guard let places else { return self }
        let countries = Set(places.compactMap(\.country))
        let subdivisions = Set(places.compactMap(\.subdivision))
        func mayBeInside(_ code: SubdivisionCode) -> Bool {
            !subdivisions.contains(code) && countries.contains(code.country)
        }
        var rules = self
        rules.subdivisions = self.subdivisions.filter { mayBeInside($0.key) }
        rules.countries = [:]
        rules.continents = [:]
        var regions = Set(self.regions.indices.filter { self.regions[$0].subdivisions.contains(where: mayBeInside) })
        var isDefaultReached = false
        for place in places {
            if let code = place.subdivision, let own = self.subdivisions[code] {
                rules.subdivisions[code] = own
            } else if let code = place.subdivision,
                let region = self.regions.firstIndex(where: { $0.subdivisions.contains(code) })
            {
                regions.insert(region)
            } else if let code = place.country, let own = self.countries[code] {
                rules.countries[code] = own
            } else if let code = place.country,
                let region = self.regions.firstIndex(where: { $0.countries.contains(code) })
            {
                regions.insert(region)
            } else if let code = place.continent, let own = self.continents[code] {
                rules.continents[code] = own
            } else {
                isDefaultReached = true
            }
        }
        rules.regions = regions.sorted().map { self.regions[$0] }
        if !isDefaultReached { rules.defaultDestination = .none }
        return rules
    }
}
