import Configuration
import Geography
import Testing

/// Place names on the command line.
@Suite("Names of places")
struct AreaNamesTests {
    private static let regions: [String: [Area]] = [
        "nordics": areas("NO", "SE", "US-AK"), "EU": areas("DE", "FR"), "empty": areas("AQ"),
    ]
    private static let known = Set(
        areas("NO", "SE", "DE", "US", "US-CA", "US-NV", "NA", "continent:EU", "continent:NA", "continent:AF"))

    private static func areas(_ words: String...) -> [Area] { words.map { Area($0)! } }

    private func areas(_ text: String, known: Set<Area>? = known) throws -> [String] {
        try Configuration.areas(named: text, regions: Self.regions, known: known).map(\.description)
    }

    @Test(
        "are countries, subdivisions, continents and regions with clients in the image",
        arguments: [
            ("NO", ["NO"]), ("no, us-ca", ["NO", "US-CA"]), ("nordics", ["NO", "SE"]), ("NO,nordics", ["NO", "SE"]),
            ("region:EU", ["DE"]), ("continent:EU", ["continent:EU"]), ("country:NA", ["NA"]),
            ("continent:NA", ["continent:NA"]),
        ])
    func names(text: String, expected: [String]) throws {
        #expect(try areas(text) == expected)
    }

    @Test("are accepted without a check if there is no image")
    func withoutImage() throws {
        #expect(try areas("nordics,US-ZZ", known: nil) == ["NO", "SE", "US-AK", "US-ZZ"])
    }

    @Test(
        "are refused if they are unknown or ambiguous, with what to write",
        arguments: [
            ("EU", "'EU' is a region and a continent; write region:EU or continent:EU"),
            ("NA", "'NA' is a continent and a country; write continent:NA or country:NA"),
            ("nordic", "'nordic' is not a place; did you mean 'nordics'?"),
            ("Norway", "'Norway' is not a place; write NO for"),
            ("Europe", "'Europe' is not a place; write continent:EU"),
            ("UK", "'UK' is not a place; UK "), ("FR", "the image knows no clients in 'FR'"),
            ("US-CB", "the image knows no clients in 'US-CB'; did you mean 'US-CA'?"),
            ("empty", "the image knows no clients in 'empty'"), ("NO,,SE", "a place is missing"),
            ("", "a place is missing"),
            ("XX", "'XX' is not a place; write a country, such as NO"),
            ("NO/Viken", "'NO/Viken' is not a place"), ("country:EU", "'country:EU' is not a place"),
        ])
    func refused(text: String, diagnostic: String) {
        let error = #expect(throws: UnknownArea.self) { try areas(text) }
        #expect(error?.description.hasPrefix(diagnostic) == true, "\(error?.description ?? "")")
    }

    @Test("cannot be used with an image that has no places")
    func noPlaces() {
        let error = #expect(throws: UnknownArea.self) { try areas("NO", known: []) }
        #expect(error?.description.hasSuffix("it has no places, as no database has countries") == true)
    }

    @Test(
        "overlap or not",
        arguments: [
            ("NO", "NO", true), ("NO", "SE", false), ("NO", "continent:EU", true), ("US-CA", "continent:NA", true),
            ("US-CA", "US", true), ("US-CA", "US-NV", false), ("US-CA", "continent:EU", false),
            ("continent:EU", "continent:EU", true), ("NA", "continent:NA", false),
        ])
    func touches(one: String, other: String, expected: Bool) throws {
        let (one, other) = (try #require(Area(one)), try #require(Area(other)))
        #expect(one.touches(other) == expected && other.touches(one) == expected)
    }
}
