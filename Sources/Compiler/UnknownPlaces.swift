import Configuration
import DNS
import Geography
import Platform
import Routing
import State

extension Configuration {
    /// Returns warnings about rules that never match, because no database contains their place (most such places are
    /// misspelt), and about rules for the nearest datacenter while no database has coordinates.
    func warnings(about atlas: Atlas) -> [Diagnostic] {
        placeWarnings(about: atlas) + nearestWarnings(about: atlas)
    }

    private func warning(_ position: Diagnostic.Position?, _ message: String) -> Diagnostic {
        Diagnostic(file: file, position: position, message: message, isWarning: true)
    }

    private func placeWarnings(about atlas: Atlas) -> [Diagnostic] {
        guard !databases.isEmpty, !rulePositions.isEmpty else { return [] }
        let known = KnownPlaces(atlas)
        var kinds: Set<String> = []
        let counts = Dictionary(rulePositions.map { ($0.place.kind, 1) }, uniquingKeysWith: +)
        return rulePositions.compactMap { rule in
            let kind = rule.place.kind
            guard !known.hasAny(like: rule.place), counts[kind]! > 1 || kind == RulePlace.aContinent else {
                return known.diagnostic(about: rule.place).map { warning(rule.position, $0) }
            }
            // One warning for all rules of the kind, not one for each.
            guard kinds.insert(kind).inserted else { return nil }
            return warning(
                rule.position,
                "no database knows \(kind)\(known.substitute(for: rule.place)), so that the rules for them never act"
            )
        }
    }

    private func nearestWarnings(about atlas: Atlas) -> [Diagnostic] {
        guard atlas.gazetteer.coordinates.count == 1 else { return [] }
        let reason = databases.isEmpty ? "there is no database to know coordinates" : "no database has coordinates"
        var maps: Set<String> = []
        return nearestPositions.compactMap { rule in
            let isDefault = rule.rule.hasPrefix("the default of ")
            // For each map, its default and the first of its rules.
            guard isDefault || maps.insert(rule.map).inserted else { return nil }
            let others =
                isDefault
                ? 0 : nearestPositions.count { $0.map == rule.map && !$0.rule.hasPrefix("the default of ") } - 1
            let more = others > 0 ? " (and so do \(others) more of its rules)" : ""
            return warning(
                rule.position,
                "\(rule.rule) uses nearest\(more), but \(reason), so its clients get the datacenters in the order in which they are listed"
            )
        }
    }
}

extension RulePlace {
    fileprivate static let aContinent = "a continent"

    /// The kind of place, with its article.
    fileprivate var kind: String {
        switch self {
        case .asn: "an autonomous system"
        case .city: "a city"
        case .subdivision: "a subdivision"
        case .country: "a country"
        case .continent: Self.aContinent
        }
    }
}
