import Geography

/// Countries that are written side by side: the members of a region, or the rules of a map.
struct CountryGroup {
    /// The name of the region; `nil` for the rules of a map.
    var name: String?
    var countries: [(code: PlaceCode, position: Diagnostic.Position?)]
}

extension ConfigurationParser {
    /// Warns of AF, AS, NA and SA, which are countries and the codes of continents, where a continent was probably meant.
    ///
    /// A code stands for the country if another country of its continent is listed with it (ZA with NA, AE with SA), or
    /// if the region is named after the country. Otherwise it was probably meant for the continent if
    /// - another such code, or EU, OC or AN, is in `groups`,
    /// - a country of that continent is listed with it (US with NA),
    /// - the region has nothing else, or is named after the continent, or
    /// - it is AS or NA listed with other countries: American Samoa and Namibia are rarely singled out.
    ///
    /// - Parameter groups: all regions, or the countries of one map.
    func adviseOfContinents(_ groups: [CountryGroup]) {
        let suspects = groups.flatMap { group in
            group.countries.filter { Self.continentsAlike.contains($0.code) && !isMeantAsCountry($0.code, in: group) }
                .map { (group: group, code: $0.code, position: $0.position) }
        }
        // A continent code that is no country's is an error already, and shows how its neighbours are meant.
        let written = Set(groups.flatMap { $0.countries.map(\.code) })
        let others = Set(suspects.map(\.code)).union(
            written.intersection(PlaceCode.continents).filter { Countries.byCode[$0] == nil })
        for (group, code, position) in suspects {
            guard others.count > 1 || isMeantAsContinent(code, in: group) else { continue }
            let continent = PlaceTypos.continentNames[code.description]!
            reader.advise(
                position,
                "\(code) is \(Countries.byCode[code]!.name); \(continent) is written under continents of a map, as { \(code): … }"
            )
        }
    }

    private static let continentsAlike = PlaceCode.continents.filter { Countries.byCode[$0] != nil }

    private func isMeantAsCountry(_ code: PlaceCode, in group: CountryGroup) -> Bool {
        let country = Countries.byCode[code]!
        let neighbours = group.countries.map(\.code).filter { !Self.continentsAlike.contains($0) }
        if neighbours.contains(where: { Countries.byCode[$0]?.continent == country.continent }) { return true }
        let name = Set(folded(group.name ?? "").split(separator: " "))
        return folded(country.name).split(separator: " ").contains { name.contains($0) && $0 != "american" }
    }

    private func isMeantAsContinent(_ code: PlaceCode, in group: CountryGroup) -> Bool {
        let neighbours = group.countries.map(\.code).filter { !Self.continentsAlike.contains($0) }
        if neighbours.contains(where: { Countries.byCode[$0]?.continent == code }) { return true }
        guard let name = group.name.map(folded) else {
            return !neighbours.isEmpty && ["AS", "NA"].contains(code.description)
        }
        let words = [
            "AF": ["africa"], "AS": ["asia", "apac"], "NA": ["america", "noram"], "SA": ["america", "latam"],
        ][code.description]!
        return neighbours.isEmpty || ["AS", "NA"].contains(code.description) || words.contains { name.contains($0) }
    }
}
