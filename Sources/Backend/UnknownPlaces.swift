import Configuration
import Geography
import Routing

extension Configuration {
    /// Complaints about rules for places that none of the databases knows: they never act, and mostly are misspelt.
    func warnings(about atlas: Atlas) -> [Complaint] {
        guard !databases.isEmpty, !ruleSites.isEmpty else { return [] }
        let known = KnownPlaces(atlas)
        return ruleSites.compactMap { site in
            known.complaint(about: site.place).map {
                Complaint(file: file, position: site.position, message: $0, isWarning: true)
            }
        }
    }
}

/// The places that the databases know.
private struct KnownPlaces {
    private let gazetteer: Gazetteer
    private let countries: Set<PlaceCode>
    private let subdivisions: Set<SubdivisionCode>
    private let systems: Set<UInt32>

    init(_ atlas: Atlas) {
        gazetteer = atlas.gazetteer
        countries = Set(gazetteer.countries.compactMap(\.self))
        subdivisions = Set(gazetteer.subdivisions.joined())
        systems = atlas.systemNumbers
    }

    func complaint(about place: RulePlace) -> String? {
        switch place {
        case .system(let number):
            systems.contains(number) ? nil : "no database knows AS\(number), so that its rule never acts"
        case .country(let code):
            complaint("country", code, countries) { countrySuggestion(for: code, among: countries) }
        case .subdivision(let code):
            complaint("subdivision", code, subdivisions) { subdivisionSuggestion(for: code, among: subdivisions) }
        case .city(let key): complaint(about: key)
        }
    }

    private func complaint<Code: Hashable & CustomStringConvertible>(
        _ kind: String, _ code: Code, _ known: Set<Code>, nearest: () -> String
    ) -> String? {
        guard !known.contains(code) else { return nil }
        return "no database knows the \(kind) \(code), so that its rule never acts\(nearest())"
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
        let found = places(inCities: { $0.name == name }).filter(isInside)
        if found.isEmpty {
            let others = places(inCities: { !$0.name.isEmpty }).filter(isInside).map { $0.city!.name }
            let nearest = citySuggestion(for: name, among: Set(others).sorted())
            return "no database knows the city \(key), so that its rule never acts\(nearest)"
        }
        let subdivisions = Set(found.compactMap { $0.subdivisions.first?.description }).sorted()
        guard case .inCountry = key, subdivisions.count > 1 else { return nil }
        return
            "there are several cities \(key), in \(subdivisions.joined(separator: ", ")); to mean one, write \(subdivisions[0])/\(name)"
    }

    /// The places of the cities that `isMeant` says yes to.
    private func places(inCities isMeant: (City) -> Bool) -> [Place] {
        let cities = gazetteer.cities.map { $0.map(isMeant) ?? false }
        return gazetteer.entries.lazy.filter { cities[Int($0.city)] }.map { gazetteer[$0] }
    }
}
