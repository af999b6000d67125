import Configuration
import Geography
import Routing

extension Configuration {
    /// Complaints about rules for places that none of the databases knows, which never act, and mostly are misspelt; and about
    /// rules that want the nearest where no database knows how far anything is.
    func warnings(about atlas: Atlas) -> [Complaint] {
        placeWarnings(about: atlas) + nearestWarnings(about: atlas)
    }

    private func warning(_ position: Complaint.Position?, _ message: String) -> Complaint {
        Complaint(file: file, position: position, message: message, isWarning: true)
    }

    private func placeWarnings(about atlas: Atlas) -> [Complaint] {
        guard !databases.isEmpty, !ruleSites.isEmpty else { return [] }
        let known = KnownPlaces(atlas)
        var kinds: Set<String> = []
        let counts = Dictionary(ruleSites.map { ($0.place.kind, 1) }, uniquingKeysWith: +)
        return ruleSites.compactMap { site in
            let kind = site.place.kind
            guard !known.hasAny(like: site.place), counts[kind]! > 1 || kind == RulePlace.aContinent else {
                return known.complaint(about: site.place).map { warning(site.position, $0) }
            }
            // Once, and not for each rule.
            guard kinds.insert(kind).inserted else { return nil }
            return warning(
                site.position,
                "no database knows \(kind)\(known.substitute(for: site.place)), so that the rules for them never act"
            )
        }
    }

    private func nearestWarnings(about atlas: Atlas) -> [Complaint] {
        guard atlas.gazetteer.coordinates.count == 1 else { return [] }
        let reason = databases.isEmpty ? "there is no database to know coordinates" : "no database has coordinates"
        var maps: Set<String> = []
        return nearestSites.compactMap { site in
            let isDefault = site.rule.hasPrefix("the default of ")
            // Of each map its default, and the first of its rules.
            guard isDefault || maps.insert(site.map).inserted else { return nil }
            let others =
                isDefault ? 0 : nearestSites.count { $0.map == site.map && !$0.rule.hasPrefix("the default of ") } - 1
            let more = others > 0 ? " (and so do \(others) more of its rules)" : ""
            return warning(
                site.position,
                "\(site.rule) wants the nearest\(more), and \(reason), so that its clients get the datacenters in the order in which they are listed"
            )
        }
    }
}

extension RulePlace {
    fileprivate static let aContinent = "a continent"

    /// What it is one of, with its article.
    fileprivate var kind: String {
        switch self {
        case .system: "an autonomous system"
        case .city: "a city"
        case .subdivision: "a subdivision"
        case .country: "a country"
        case .continent: Self.aContinent
        }
    }
}

/// The places that the databases know.
private struct KnownPlaces {
    private let gazetteer: Gazetteer
    private let continents: Set<PlaceCode>
    private let countries: Set<PlaceCode>
    private let subdivisions: Set<SubdivisionCode>
    private let systems: Set<UInt32>
    /// Whether some subdivisions have a name and no code.
    private let hasSubdivisionsWithoutCode: Bool

    init(_ atlas: Atlas) {
        gazetteer = atlas.gazetteer
        countries = Set(gazetteer.countries.compactMap(\.self))
        continents = Set(gazetteer.continents.compactMap(\.self)).union(countries.compactMap(\.continent))
        subdivisions = Set(gazetteer.subdivisions.joined())
        systems = atlas.systemNumbers
        hasSubdivisionsWithoutCode = atlas.contents.contains(where: \.hasSubdivisionsWithoutCode)
    }

    /// Whether any place of this kind is known.
    func hasAny(like place: RulePlace) -> Bool {
        switch place {
        case .system: !systems.isEmpty
        case .city: gazetteer.cities.count > 1
        case .subdivision: !subdivisions.isEmpty
        case .country: !countries.isEmpty
        case .continent: !continents.isEmpty
        }
    }

    /// What else is not known, or is known instead.
    func substitute(for place: RulePlace) -> String {
        switch place {
        case .continent: ", nor a country to take it from"
        case .subdivision where hasSubdivisionsWithoutCode:
            " by its code, but some by their names, as rules may name them (NO/Viken)"
        default: ""
        }
    }

    func complaint(about place: RulePlace) -> String? {
        switch place {
        case .system(let number):
            systems.contains(number) ? nil : "no database knows AS\(number), so that its rule never acts"
        case .continent(let code):
            continents.contains(code) ? nil : "no database knows the continent \(code), so that its rule never acts"
        case .country(let code):
            // Of two letters, any are near to any others.
            countries.contains(code) ? nil : "no database knows the country \(code), so that its rule never acts"
        case .subdivision(let code): complaint(about: code)
        case .city(let key): complaint(about: key)
        }
    }

    private func complaint(about subdivision: SubdivisionCode) -> String? {
        guard !subdivisions.contains(subdivision) else { return nil }
        let others = subdivisions.filter { $0.country == subdivision.country && $0.isName == subdivision.isName }
        let hint =
            others.isEmpty && !subdivision.isName && hasSubdivisionsWithoutCode
            ? "; some have names only, which rules may name: \(subdivision.country)/NAME"
            : hint(for: subdivision.description, among: others.map(\.description).sorted())
        return "no database knows the subdivision \(subdivision), so that its rule never acts\(hint)"
    }

    private func complaint(about key: PlaceRules.CityKey) -> String? {
        let name: String
        let isInside: (Place) -> Bool
        switch key {
        case .geonameID(let number):
            let isKnown = gazetteer.cities.contains { $0?.geonameID == number }
            return isKnown ? nil : "no database knows the city \(number), so that its rule never acts"
        case .inCountry(let country, let city):
            name = city
            isInside = { $0.country == country }
        case .inSubdivision(let subdivision, let city):
            name = city
            isInside = { $0.subdivisions.contains(subdivision) }
        }
        let found = places(inCities: { $0.names.contains(name) }).filter(isInside)
        if found.isEmpty {
            let others = places(inCities: { !$0.name.isEmpty }).filter(isInside).flatMap { $0.city!.names }
            return
                "no database knows the city \(key), so that its rule never acts\(hint(for: name, among: Set(others).sorted()))"
        }
        let subdivisions = Set(found.compactMap { $0.subdivisions.first { !$0.isName }?.description }).sorted()
        guard case .inCountry = key, subdivisions.count > 1 else { return nil }
        return
            "there are several cities \(key), in \(subdivisions.joined(separator: ", ")); to mean one, write \(subdivisions[0])/\(name)"
    }

    /// The name of `known` that is meant most probably: one that is the same but for capitals, or but for a word at its end, or
    /// the nearest in its letters.
    private func hint(for name: String, among known: [String]) -> String {
        let lower = name.lowercased()
        let same = known.first { $0.lowercased() == lower }
        let shorter = known.filter { lower.hasPrefix($0.lowercased() + " ") }.max { $0.count < $1.count }
        if let match = same ?? shorter { return "; did you mean '\(match)'?" }
        return suggestion(for: name, among: known, listing: false)
    }

    /// The places of the cities that `isMeant` says yes to.
    private func places(inCities isMeant: (City) -> Bool) -> [Place] {
        let cities = gazetteer.cities.map { $0.map(isMeant) ?? false }
        return gazetteer.entries.lazy.filter { cities[Int($0.city)] }.map { gazetteer[$0] }
    }
}
