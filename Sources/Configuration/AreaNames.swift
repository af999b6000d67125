import Geography

/// A reason why places on a command line cannot be used.
public struct UnknownArea: Error, CustomStringConvertible {
    public let description: String
}

extension Configuration {
    /// Returns the areas that an operator names: countries, subdivisions, continents and regions, separated by commas.
    ///
    /// `country:`, `continent:` or `region:` before a name resolves a name that means several of them.
    ///
    /// - Parameter known: the areas in which the image has clients; `nil` if there is no image.
    public static func areas(
        named text: String, regions: [String: [Area]], known: Set<Area>?
    ) throws(UnknownArea) -> [Area] {
        var areas: [Area] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = String(word.trimmingSpaces)
            for area in try self.areas(named: word, regions, known) where !areas.contains(area) { areas.append(area) }
        }
        return areas
    }

    private static func areas(
        named word: String, _ regions: [String: [Area]], _ known: Set<Area>?
    ) throws(UnknownArea) -> [Area] {
        guard !word.isEmpty else {
            throw UnknownArea(
                description: "a place is missing; write places separated by commas, such as NO,US-CA")
        }
        let (kind, name) = kindAndName(word)
        var meanings: [(kind: String, areas: [Area])] = []
        if kind ?? "region" == "region", let members = regions[name] { meanings.append(("region", members)) }
        if let code = PlaceCode(name) {
            if kind ?? "continent" == "continent", PlaceCode.continents.contains(code) {
                meanings.append(("continent", [.continent(code)]))
            }
            if kind ?? "country" == "country", isCountry(code, known) { meanings.append(("country", [.country(code)])) }
        } else if kind == nil, let code = SubdivisionCode(name), !code.isName {
            meanings.append(("subdivision", [.subdivision(code)]))
        }
        guard meanings.count <= 1 else {
            let ways = meanings.map { "\($0.kind):\(name)" }
            throw UnknownArea(
                description:
                    "'\(name)' is \(listed(meanings.map { "a \($0.kind)" }, "and")); write \(listed(ways, "or"))")
        }
        guard let meaning = meanings.first else {
            let hint = hint(name, regions, known)
            throw UnknownArea(description: "'\(word)' is not a place\(hint.isEmpty ? Self.example : hint)")
        }
        // A switch stores only areas that have a code.
        let coded = meaning.areas.filter { Area($0.description) == $0 }
        if let known {
            // Members of a region without clients do not matter.
            let areas = coded.filter(known.contains)
            guard areas.isEmpty else { return areas }
            throw UnknownArea(
                description: "the image knows no clients in '\(word)'\(hint(name, regions, known))")
        }
        guard !coded.isEmpty else {
            throw UnknownArea(
                description: "'\(word)' has no place with a code; write codes of subdivisions, such as US-CA, not names"
            )
        }
        return coded
    }

    private static func kindAndName(_ word: String) -> (kind: String?, name: String) {
        for kind in ["region", "continent", "country"] where word.hasPrefix(kind + ":") {
            return (kind, String(word.dropFirst(kind.count + 1)))
        }
        return (nil, word)
    }

    private static func isCountry(_ code: PlaceCode, _ known: Set<Area>?) -> Bool {
        Countries.byCode[code] != nil || known?.contains(.country(code)) == true
    }

    /// Returns `; write ...` or `; did you mean ...?` with the likely meaning; empty if nothing is similar.
    private static func hint(_ name: String, _ regions: [String: [Area]], _ known: Set<Area>?) -> String {
        if let known, known.isEmpty { return ": it has no places, as no database has countries" }
        if let region = nearest(to: name, among: regions.keys.sorted()) { return "; did you mean '\(region)'?" }
        if let code = SubdivisionCode(name) {
            let subdivisions = (known ?? []).compactMap { area -> SubdivisionCode? in
                if case .subdivision(let code) = area { code } else { nil }
            }
            return subdivisionSuggestion(for: code, among: subdivisions)
        }
        if let country = Countries.named(name) { return "; write \(country.code) for \(country.name)" }
        let continents = PlaceTypos.continents(name)
        if !continents.isEmpty { return "; write \(listed(continents.map { "continent:\($0)" }, "and"))" }
        if let code = PlaceCode(name) {
            let countries = (known ?? []).compactMap { area -> PlaceCode? in
                if case .country(let code) = area { code } else { nil }
            }
            return countrySuggestion(for: code, among: countries)
        }
        return example
    }

    private static let example =
        "; write a country, such as NO, a subdivision, such as US-CA, a continent, or a region of the configuration"
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        let rest = drop { $0 == " " }
        return rest[..<(rest.lastIndex { $0 != " " }.map { rest.index(after: $0) } ?? rest.startIndex)]
    }
}
