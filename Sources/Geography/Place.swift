/// A subdivision of a country by its code of ISO 3166-2, such as `US-CA` or `GB-ENG`, or by its name, such as
/// `NO/Viken`, because some databases have no codes.
public struct SubdivisionCode: Hashable, Sendable, CustomStringConvertible {
    /// ISO 3166-1 alpha-2.
    public let country: PlaceCode
    /// The part of the code after the hyphen, in upper case; or the English name as the database spells it.
    public let code: String
    /// Whether `code` is a name.
    public let isName: Bool

    /// Makes a subdivision from the part of its code after the hyphen; `nil` if that has other characters than
    /// letters and digits.
    public init?(country: PlaceCode, code: some StringProtocol) {
        guard !code.isEmpty, code.utf8.allSatisfy(isASCIILetterOrDigit) else { return nil }
        self.country = country
        self.code = code.uppercased()
        isName = false
    }

    /// Makes a subdivision from its English name; `nil` if the name is empty or looks like a code.
    public init?(country: PlaceCode, name: some StringProtocol) {
        guard !name.isEmpty,
            name.utf8.count > 3 || name.utf8.contains(where: { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 })
        else { return nil }
        self.country = country
        code = String(name)
        isName = true
    }

    /// Reads `COUNTRY-CODE`, without regard to case, or `COUNTRY/NAME`; `nil` for any other text.
    public init?(_ text: some StringProtocol) {
        guard let separator = text.firstIndex(where: { $0 == "-" || $0 == "/" }),
            let country = PlaceCode(text[..<separator])
        else { return nil }
        let rest = text[text.index(after: separator)...]
        if text[separator] == "/" {
            self.init(country: country, name: rest)
        } else {
            self.init(country: country, code: rest)
        }
    }

    public var description: String { "\(country)\(isName ? "/" : "-")\(code)" }
}

/// A city as rules may name it.
public struct City: Hashable, Sendable {
    /// The id of the city at geonames.org; 0 if the database has none.
    public let geonameID: UInt32
    /// The English name; empty if the database has none.
    public let name: String

    public init(geonameID: UInt32, name: String) {
        self.geonameID = geonameID
        self.name = name
    }

    /// The name without a district in parentheses at its end, `Oslo` for `Oslo (Sentrum)`; `nil` if there is no
    /// district.
    ///
    /// Always `nil` for a city with a geonames id: in databases with ids, `Frankfurt (Oder)` is a city of its own.
    public var nameWithoutDistrict: String? {
        guard geonameID == 0, name.utf8.last == UInt8(ascii: ")"), let start = name.firstIndex(of: "(") else {
            return nil
        }
        let city = name[..<start]
        return city.last == " " && city.count > 1 ? String(city.dropLast()) : nil
    }

    /// All names that rules may use for the city, the most specific first.
    public var names: [String] { [name] + (nameWithoutDistrict.map { [$0] } ?? []) }
}

/// A point on the globe, with a precision of a millionth of a degree, which is 11 cm.
public struct Coordinates: Hashable, Sendable {
    private let latitudeMicrodegrees: Int32
    private let longitudeMicrodegrees: Int32

    /// Makes a point; `nil` if a coordinate is out of its range.
    ///
    /// - Parameters:
    ///   - latitude: degrees north, -90...90.
    ///   - longitude: degrees east, -180...180.
    public init?(latitude: Double, longitude: Double) {
        guard -90...90 ~= latitude, -180...180 ~= longitude else { return nil }
        latitudeMicrodegrees = Int32((latitude * 1e6).rounded())
        longitudeMicrodegrees = Int32((longitude * 1e6).rounded())
    }

    /// Both coordinates as one number.
    var key: UInt64 {
        UInt64(UInt32(bitPattern: latitudeMicrodegrees)) << 32 | UInt64(UInt32(bitPattern: longitudeMicrodegrees))
    }

    /// Degrees north.
    public var latitude: Double { Double(latitudeMicrodegrees) / 1e6 }
    /// Degrees east.
    public var longitude: Double { Double(longitudeMicrodegrees) / 1e6 }
}

/// The place of an address, as far as rules need it. `nil` and empty fields are unknown.
public struct Place: Hashable, Sendable {
    /// MaxMind's continent code.
    public var continent: PlaceCode?
    /// Whether no database states the continent, so that it is that of the country.
    public var isContinentOfCountry = false
    /// ISO 3166-1 alpha-2.
    public var country: PlaceCode?
    /// The subdivisions from the widest to the narrowest, as the database lists them.
    public var subdivisions: [SubdivisionCode] = []
    public var city: City?
    public var coordinates: Coordinates?

    public init(
        continent: PlaceCode? = nil, country: PlaceCode? = nil, subdivisions: [SubdivisionCode] = [], city: City? = nil,
        coordinates: Coordinates? = nil
    ) {
        self.continent = continent
        self.country = country
        self.subdivisions = subdivisions
        self.city = city
        self.coordinates = coordinates
    }
}

func isASCIILetterOrDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
}
