import Configuration
import Geography
import Routing

/// The places that the databases contain.
struct KnownPlaces {
    private let gazetteer: Gazetteer
    private let continents: Set<PlaceCode>
    private let countries: Set<PlaceCode>
    private let subdivisions: Set<SubdivisionCode>
    private let asns: Set<UInt32>
    /// Whether some subdivisions have a name but no code.
    private let hasSubdivisionsWithoutCode: Bool

    init(_ atlas: Atlas) {
        gazetteer = atlas.gazetteer
        countries = Set(gazetteer.countries.compactMap(\.self))
        continents = Set(gazetteer.continents.compactMap(\.self)).union(countries.compactMap(\.continent))
        subdivisions = Set(gazetteer.subdivisions.joined())
        asns = atlas.knownASNs
        hasSubdivisionsWithoutCode = atlas.contents.contains(where: \.hasSubdivisionsWithoutCode)
    }

    /// Returns whether the databases contain any place of this kind.
    func hasAny(like place: RulePlace) -> Bool {
        switch place {
        case .asn: !asns.isEmpty
        case .city: gazetteer.cities.count > 1
        case .subdivision: !subdivisions.isEmpty
        case .country: !countries.isEmpty
        case .continent: !continents.isEmpty
        }
    }

    /// Returns the end of the warning about a kind of place: what else is unknown, or what is known instead.
    func substitute(for place: RulePlace) -> String {
        switch place {
        case .continent: " or a country"
        case .subdivision where hasSubdivisionsWithoutCode:
            " by its code, but some by their names, as rules may name them (NO/Viken)"
        default: ""
        }
    }

    /// Returns why a rule for a place never acts, or is ambiguous, and what to write instead; `nil` if the rule is right.
    func diagnostic(about place: RulePlace) -> String? {
        switch place {
        case .asn(let number):
            asns.contains(number) ? nil : "no database knows AS\(number), so that its rule never acts"
        case .continent(let code): diagnostic("continent", code, continents) { "" }
        case .country(let code):
            diagnostic("country", code, countries) { countrySuggestion(for: code, among: countries) }
        case .subdivision(let code):
            diagnostic("subdivision", code, subdivisions) { subdivisionHint(for: code) }
        case .city(let key): diagnostic(about: key)
        }
    }

    private func diagnostic<Code: Hashable & CustomStringConvertible>(
        _ kind: String, _ code: Code, _ known: Set<Code>, nearest: () -> String
    ) -> String? {
        guard !known.contains(code) else { return nil }
        return "no database knows the \(kind) \(code), so that its rule never acts\(nearest())"
    }

    private func subdivisionHint(for code: SubdivisionCode) -> String {
        let others = subdivisions.filter { $0.country == code.country && $0.isName == code.isName }
        if others.isEmpty, !code.isName, hasSubdivisionsWithoutCode {
            return "; some have names only, which rules may name: \(code.country)/NAME"
        }
        guard code.isName else { return subdivisionSuggestion(for: code, among: subdivisions) }
        return nearestName(to: code.description, among: others.map(\.description).sorted()).map {
            "; did you mean '\($0)'?"
        } ?? ""
    }

    private func diagnostic(about key: PlaceRules.CityKey) -> String? {
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
            let nearest = citySuggestion(for: name, among: Set(others).sorted())
            return "no database knows the city \(key), so that its rule never acts\(nearest)"
        }
        let subdivisions = Set(found.compactMap { $0.subdivisions.first { !$0.isName }?.description }).sorted()
        guard case .inCountry = key, subdivisions.count > 1 else { return nil }
        return
            "there are several cities \(key), in \(subdivisions.joined(separator: ", ")); to mean one, write \(subdivisions[0])/\(name)"
    }

    /// Returns the places of the cities that satisfy `isMeant`.
    private func places(inCities isMeant: (City) -> Bool) -> [Place] {
        let cities = gazetteer.cities.map { $0.map(isMeant) ?? false }
        return gazetteer.entries.lazy.filter { cities[Int($0.city)] }.map { gazetteer[$0] }
    }
}
