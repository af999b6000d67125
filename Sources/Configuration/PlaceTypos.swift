import Geography

/// Common mistakes in place codes, and their corrections.
enum PlaceTypos {
    /// A two-letter code that ISO 3166-1 has not assigned, or no longer assigns, so that no database has it for a
    /// country.
    struct NoCountry {
        /// The correct codes; empty if there are none.
        var countries: [String]
        /// What the letters mean; follows "'UK' " in a message.
        var meaning: String
        /// Whether a database may have the code all the same, because ISO reserves it for a place.
        var mayBeKnown = false

        init(_ countries: [String], _ meaning: String, mayBeKnown: Bool = false) {
            self.countries = countries
            self.meaning = meaning
            self.mayBeKnown = mayBeKnown
        }

        /// `what it is; what to write`.
        var remedy: String {
            let names = countries.map { code in
                "\(code) (\(PlaceCode(code).flatMap { Countries.byCode[$0] }?.name ?? code))"
            }
            return names.isEmpty ? "\(meaning); remove it" : "\(meaning); write \(listed(names, "and"))"
        }
    }

    /// Returns the meaning of a code that is not a country's.
    static func noCountry(_ code: PlaceCode) -> NoCountry? { noCountries[code.description] }

    /// Codes that ISO reserves for something other than a country, or has withdrawn, and codes of other standards
    /// (vehicles, languages, the European Union), unless ISO assigns them to another country.
    private static let noCountries: [String: NoCountry] = {
        var codes: [String: NoCountry] = [
            "UK": .init(["GB"], "is not the code of the United Kingdom"),
            "EL": .init(["GR"], "is what the European Union writes for Greece, not a code of ISO 3166-1"),
            "EN": .init(["GB"], "is the English language, not a country"),
            "JA": .init(["JP"], "is the Japanese language, not a country"),
            "DA": .init(["DK"], "is the Danish language, not a country"),
            "ZH": .init(["CN"], "is the Chinese language, not a country"),
            "KO": .init(["KR"], "is the Korean language, not a country"),
            "SP": .init(["ES"], "is not the code of Spain"),
            "SF": .init(["FI"], "is no longer the code of Finland"),
            "RP": .init(["PH"], "is not the code of the Philippines"),
            "RC": .init(["TW"], "is not the code of Taiwan"),
        ]
        // ISO 3166-3, except codes that were assigned to another country since.
        let withdrawn: [(String, String, [String])] = [
            ("AN", "the Netherlands Antilles until 2010", ["BQ", "CW", "SX"]), ("BU", "Burma until 1989", ["MM"]),
            ("CS", "Czechoslovakia until 1993, and Serbia and Montenegro until 2006", ["CZ", "SK", "RS", "ME"]),
            ("CT", "the Canton and Enderbury Islands until 1984", ["KI"]),
            ("DD", "the German Democratic Republic until 1990", ["DE"]), ("DY", "Dahomey until 1977", ["BJ"]),
            ("FQ", "the French Southern and Antarctic Territories until 1979", ["TF", "AQ"]),
            ("FX", "Metropolitan France until 1997", ["FR"]), ("HV", "Upper Volta until 1984", ["BF"]),
            ("JT", "Johnston Island until 1986", ["UM"]), ("MI", "the Midway Islands until 1986", ["UM"]),
            ("NH", "the New Hebrides until 1980", ["VU"]), ("NQ", "Dronning Maud Land until 1983", ["AQ"]),
            ("NT", "the Neutral Zone until 1993", ["SA", "IQ"]),
            ("PC", "the Trust Territory of the Pacific Islands until 1986", ["FM", "MH", "MP", "PW"]),
            ("PU", "the US Miscellaneous Pacific Islands until 1986", ["UM"]),
            ("PZ", "the Panama Canal Zone until 1980", ["PA"]), ("RH", "Southern Rhodesia until 1980", ["ZW"]),
            ("SU", "the Soviet Union until 1992", ["RU"]), ("TP", "East Timor until 2002", ["TL"]),
            ("VD", "North Vietnam until 1977", ["VN"]), ("WK", "Wake Island until 1986", ["UM"]),
            ("YD", "South Yemen until 1990", ["YE"]), ("YU", "Yugoslavia until 2003", ["RS", "ME"]),
            ("ZR", "Zaire until 1997", ["CD"]),
        ]
        for (code, past, present) in withdrawn {
            codes[code] = NoCountry(present, "was \(past), and is no longer a country code")
        }
        // Exceptionally reserved by ISO 3166/MA, like EU, SU, UK and FX.
        for (code, place, country) in [
            ("AC", "Ascension Island", "SH"), ("CP", "Clipperton Island", "FR"), ("CQ", "Sark", "GG"),
            ("DG", "Diego Garcia", "IO"), ("EA", "Ceuta and Melilla", "ES"), ("IC", "the Canary Islands", "ES"),
            ("TA", "Tristan da Cunha", "SH"),
        ] {
            codes[code] = NoCountry(
                [country], "is reserved for \(place), which databases count to another country", mayBeKnown: true)
        }
        codes["EZ"] = NoCountry([], "is reserved for the eurozone, not a country code")
        codes["UN"] = NoCountry([], "is reserved for the United Nations, not a country code")
        return codes
    }()

    // MARK: Continents

    /// Returns the continent codes that a text probably stands for; several if it is ambiguous.
    static func continents(_ text: String) -> [String] { otherContinents[folded(text)] ?? [] }

    /// Words and codes for continents other than MaxMind's, folded.
    private static let otherContinents: [String: [String]] = {
        var names: [String: [String]] = [
            "am": ["NA", "SA"], "america": ["NA", "SA"], "americas": ["NA", "SA"], "the americas": ["NA", "SA"],
            "amer": ["NA", "SA"], "ams": ["NA", "SA"], "noram": ["NA"], "nam": ["NA"], "na am": ["NA"],
            "central america": ["NA"], "latin america": ["SA", "NA"], "latam": ["SA", "NA"], "sam": ["SA"],
            "caribbean": ["NA"], "australia": ["OC"], "australasia": ["OC"], "pacific": ["OC"], "oce": ["OC"],
            "ap": ["AS", "OC"], "apac": ["AS", "OC"], "asia pacific": ["AS", "OC"], "middle east": ["AS"],
            "mea": ["AF", "AS"], "emea": ["EU", "AF", "AS"], "eur": ["EU"], "asi": ["AS"], "afr": ["AF"], "ant": ["AN"],
            "eurasia": ["EU", "AS"],
        ]
        for (code, name) in continentNames { names[folded(name)] = [code] }
        return names
    }()

    /// The English name of a continent by its code.
    static let continentNames = [
        "AF": "Africa", "AN": "Antarctica", "AS": "Asia", "EU": "Europe", "NA": "North America", "OC": "Oceania",
        "SA": "South America",
    ]

    // MARK: Subdivisions

    /// Returns the subdivision code meant by `US/CA`, `USA-CA`, `UK-ENG`, `US_CA` and the like; `nil` if there is none.
    static func subdivision(_ text: String) -> String? {
        let parts = text.split(maxSplits: 1, whereSeparator: { "-/_.:, ".contains($0) })
            .map { $0.drop { $0 == " " } }
        guard parts.count == 2, let country = country(String(parts[0])),
            let code = SubdivisionCode(country: country, code: String(parts[1])), code.code.count <= 3
        else { return nil }
        return code.description == text.uppercased() ? nil : code.description
    }

    /// Returns the country code meant by a text: the code itself, a corrected typo, a three-letter code or a name.
    static func country(_ text: String) -> PlaceCode? {
        guard let code = PlaceCode(text) else { return Countries.named(text)?.code }
        guard let slip = noCountry(code) else { return code }
        return slip.countries.count == 1 ? PlaceCode(slip.countries[0]) : nil
    }
}

// MARK: - What to write instead

extension PlaceTypos {
    /// Says what to write instead of a key of `countries` that is not a two-letter code.
    static func countryHint(_ text: String) -> String {
        if let continent = continentHint(text) { return continent }
        if subdivision(text) == nil, SubdivisionCode(text) != nil { return "write it under subdivisions" }
        if let code = subdivision(text), !text.contains(" ") { return "write \(code) under subdivisions" }
        if text.contains("/") { return "write it under cities" }
        let named = Countries.named(text)
        return
            "write two letters (ISO 3166-1), such as \(named?.code.description ?? "NO") for \(named?.name ?? "Norway")"
    }

    /// Says what to write instead of an invalid member of a region.
    static func memberHint(_ text: String) -> String {
        if let continent = continentHint(text) { return "a region has countries and subdivisions; \(continent)" }
        if let named = Countries.named(text) { return "write \(named.code) for \(named.name)" }
        if let code = subdivision(text) { return "did you mean '\(code)'?" }
        return "write a country, such as NO, or a subdivision, such as US-CA"
    }

    /// Says what to write instead of an invalid key of `subdivisions`.
    static func subdivisionHint(_ text: String) -> String {
        if let code = subdivision(text) { return "did you mean '\(code)'?" }
        if let code = PlaceCode(text) ?? Countries.named(text)?.code, Countries.byCode[code] != nil {
            return "write \(code) under countries, or a code of ISO 3166-2, such as US-TX"
        }
        return "write a code of ISO 3166-2, such as US-TX, or a name, such as NO/Viken"
    }

    /// Says what to write instead of an invalid key of `cities`.
    static func cityHint(_ text: String) -> String {
        let parts = text.split(maxSplits: 1, whereSeparator: { "/-:".contains($0) }).map(String.init)
        if parts.count == 2, let code = country(parts[0]), parts[1].count > 3 || text.contains("/") {
            return "did you mean '\(code)/\(parts[1])'?"
        }
        return "write US/Miami, GB-ENG/London, or its number at geonames.org"
    }

    /// Says what is wrong with a key of `continents`, and what to write.
    static func continentComplaint(_ text: String) -> String {
        let known = PlaceCode.continents.map(\.description).joined(separator: ", ")
        let meant = continents(text)
        if !meant.isEmpty {
            let names = meant.map { "\($0) for \(continentNames[$0]!)" }
            return "'\(text)' is not a continent code; write \(listed(names, "and"))"
        }
        if let code = PlaceCode(text), let country = Countries.byCode[code] {
            return "'\(text)' is a country (\(country.name)); write it under countries"
        }
        if let country = Countries.named(text) {
            return "'\(text)' is a country; write \(country.code) under countries"
        }
        return "'\(text)' is not a continent; write one of \(known)"
    }

    private static func continentHint(_ text: String) -> String? {
        let meant = continents(text)
        guard text.count > 2, !meant.isEmpty, Countries.named(text) == nil else { return nil }
        return "write \(listed(meant, "and")) under continents of the map"
    }
}

/// Says why a place can be in no database, whatever ISO 3166-1 assigns next, and what to write; `nil` if it may be in
/// one.
///
/// - Parameter isMember: whether it is a member of a region, which has no continents.
func impossiblePlace(_ place: RulePlace, isMember: Bool = false) -> String? {
    func diagnostic(_ code: PlaceCode, _ text: String, _ write: (PlaceCode) -> String) -> String? {
        guard Countries.byCode[code] == nil, let slip = PlaceTypos.noCountry(code), !slip.mayBeKnown else { return nil }
        let remedies = slip.countries.compactMap { PlaceCode($0) }.map(write)
        return "'\(text)': \(code) \(slip.meaning); write \(listed(remedies, "or"))"
    }
    switch place {
    case .country(let code): return impossibleCountry(code, isMember: isMember)
    case .subdivision(let subdivision):
        return diagnostic(subdivision.country, subdivision.description) { "\($0)-\(subdivision.code)" }
    case .city(.inCountry(let country, let name)):
        return diagnostic(country, "\(country)/\(name)") { "\($0)/\(name)" }
    case .city(.inSubdivision(let subdivision, let name)):
        return diagnostic(subdivision.country, "\(subdivision)/\(name)") { "\($0)-\(subdivision.code)/\(name)" }
    default: return nil
    }
}

/// Says why `code` cannot be a country's, and what to write; `nil` if it may be one.
///
/// - Parameter isMember: whether it is a member of a region, which has no continents.
private func impossibleCountry(_ code: PlaceCode, isMember: Bool = false) -> String? {
    let text = code.description
    let place = isMember ? "of a map that sends the region's clients there" : "of the map"
    if PlaceCode.continents.contains(code), Countries.byCode[code] == nil {
        let past = text == "AN" ? ", or BQ, CW and SX for what was the Netherlands Antilles" : ""
        return "\(text) is a continent (\(PlaceTypos.continentNames[text]!)); write it under continents \(place)\(past)"
    }
    if text == "AP" {
        return "AP is not a country but Asia and the Pacific; write AS and OC under continents \(place)"
    }
    return PlaceTypos.noCountry(code).flatMap { $0.mayBeKnown ? nil : "\(text) \($0.remedy)" }
}

/// Returns `; did you mean 'GB'?` for a country that no database knows; empty if nothing is similar.
public func countrySuggestion(for code: PlaceCode, among known: some Collection<PlaceCode>) -> String {
    if let slip = PlaceTypos.noCountry(code) { return "; \(code) \(slip.remedy.replacing("; ", with: ": "))" }
    // Changing one of two letters gives another country; two swapped letters are a typo.
    let swapped = String(code.description.reversed())
    return known.contains { $0.description == swapped } ? "; did you mean '\(swapped)'?" : ""
}

/// Returns `; did you mean 'US-CA'?` for a subdivision that no database knows; empty if nothing is similar.
public func subdivisionSuggestion(
    for code: SubdivisionCode, among known: some Collection<SubdivisionCode>
) -> String {
    let country = PlaceTypos.country(code.country.description) ?? code.country
    let siblings = known.filter { $0.country == country }.map(\.description).sorted()
    return suggestion(for: "\(country)-\(code.code)", among: siblings, listing: false)
}

/// Returns `; did you mean 'London'?` for a city that no database knows; empty if nothing is similar.
///
/// - Parameter known: the names of the cities in the same country or subdivision.
public func citySuggestion(for name: String, among known: some Collection<String>) -> String {
    nearestName(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
}

/// Returns `a, b and c`.
func listed(_ words: [String], _ conjunction: String) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return "\(words.dropLast().joined(separator: ", ")) \(conjunction) \(last)"
}
