import Testing

/// Codes and names of continents, countries, subdivisions and cities.
@Suite("geopipe check of places")
struct CheckPlaceTests: RunsCheck {
    @Test(
        "suggests continent: for continents in the place of countries",
        arguments: [
            ("nordics: [SE, FI]", "nordics: [NA, SA]", ["NA", "SA"]), ("nordics: [SE, FI]", "nordics: [AS]", ["AS"]),
            ("nordics: [SE, FI]", "nordics: [US, CA, NA]", ["NA"]),
            ("nordics: [SE, FI]", "nordics: [AF, EU]", ["AF", "EU"]),
            ("nordics: [SE, FI]", "nordics: [JP, AS]", ["AS"]),
            ("NO: [oslo, ashburn]", "NO: oslo, AF: oslo, AS: oslo", ["AF", "AS"]),
            ("NO: [oslo, ashburn]", "SA: oslo, EU: oslo", ["SA", "EU"]),
            ("NO: [oslo, ashburn]", "SA: oslo", []), ("NO: [oslo, ashburn]", "NA: oslo, ZA: oslo", []),
            ("NO: [oslo, ashburn]", "NO: oslo, SA: oslo", []), ("nordics: [SE, FI]", "nordics: [SA, AE, IN, AF]", []),
            ("nordics: [SE, FI]", "nordics: [AU, NZ, AS]", []),
        ])
    func continents(change: String, into: String, codes: [String]) throws {
        // The demonstration database has few countries.
        let found = try findings(change, into).filter { !$0.contains("no database knows") }
        #expect(found.count == codes.count, "\(found)")
        for code in codes {
            #expect(found.contains { $0.contains(" \(code) is ") && $0.contains("under continents") }, "\(found)")
        }
    }

    @Test(
        "refuses codes that no database can contain, with a suggestion",
        arguments: [
            ("NO:", "UK:", "write GB (United Kingdom)"), ("NO:", "EL:", "write GR (Greece)"),
            ("NO:", "uk:", "write GB (United Kingdom)"), ("NO:", "EU:", "write it under continents"),
            ("NO:", "AP:", "write AS and OC under continents"), ("NO:", "OC:", "write it under continents"),
            ("NO:", "YU:", "write RS (Serbia) and ME (Montenegro)"), ("NO:", "TP:", "write TL (Timor-Leste)"),
            ("NO:", "SU:", "write RU (Russia)"), ("NO:", "AN:", "BQ, CW and SX"),
            ("NO:", "CS:", "write CZ (Czechia), SK (Slovakia), RS (Serbia) and ME (Montenegro)"),
            ("NO:", "NOR:", "such as NO for Norway"), ("NO:", "Sweden:", "such as SE for Sweden"),
            ("NO:", "Europe:", "write EU under continents"), ("[SE, FI]", "[SE, UK]", "write GB (United Kingdom)"),
            ("[SE, FI]", "[SE, UK-ENG]", "write GB-ENG"), ("[SE, FI]", "[SE, Denmark]", "write DK for Denmark"),
            ("[SE, FI]", "[USA-CA]", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { US/CA:", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { USA-CA:", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { US_CA:", "did you mean 'US-CA'?"),
            ("countries: { NO:", "subdivisions: { UK-ENG:", "write GB-ENG"),
            ("countries: { NO:", "cities: { UK/London:", "write GB/London"),
            ("countries: { NO:", "cities: { USA/Miami:", "did you mean 'US/Miami'?"),
            ("countries: { NO:", "continents: { Europe:", "write EU for Europe"),
            ("countries: { NO:", "continents: { AM:", "write NA for North America and SA for South America"),
            ("countries: { NO:", "continents: { US:", "'US' is a country (United States); write it under countries"),
        ])
    func slips(change: String, into: String, remedy: String) throws {
        let found = try findings(change, into)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(remedy) == true && found.first?.contains("warning") == false, "\(found)")
    }

    @Test(
        "suggests similar names, and no others",
        arguments: [
            ("countries: { NO:", "cities: { NO/oslo:", "did you mean 'Oslo'?"),
            ("countries: { NO:", "cities: { NO/Oslo City:", "did you mean 'Oslo'?"),
            ("countries: { NO:", "cities: { NO/Ösló:", "did you mean 'Oslo'?"),
            ("NO:", "ON:", "did you mean 'NO'?"), ("NO:", "ZZ:", nil), ("NO:", "XX:", nil),
            ("countries: { NO:", "cities: { NO/Timbuktu:", nil),
        ])
    func hints(change: String, into: String, hint: String?) throws {
        let found = try findings(change, into)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains("no database knows") == true, "\(found)")
        #expect(found.first?.firstRange(of: "; ").map { String(found[0][$0.upperBound...]) } == hint, "\(found)")
    }
}
