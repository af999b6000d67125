/// A country's subdivision: its code of ISO 3166-2, such as `US-CA` or `GB-ENG`, or its name, such as `NO/Viken`, since some
/// databases have no codes.
public struct SubdivisionCode: Hashable, Sendable, CustomStringConvertible {
    /// ISO 3166-1 alpha-2.
    public let country: PlaceCode
    /// The part after the hyphen, in upper case; or the name in English, as the database writes it.
    public let code: String
    /// Whether `code` is a name.
    public let isName: Bool

    /// The subdivision that its country knows by `code`; `nil` if that is no code of letters and digits.
    public init?(country: PlaceCode, code: some StringProtocol) {
        guard !code.isEmpty, code.utf8.allSatisfy(isASCIILetterOrDigit) else { return nil }
        self.country = country
        self.code = code.uppercased()
        isName = false
    }

    /// The subdivision of a country by its English name; `nil` if the name is empty, or looks like a code.
    public init?(country: PlaceCode, name: some StringProtocol) {
        guard !name.isEmpty,
            name.utf8.count > 3 || name.utf8.contains(where: { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 })
        else { return nil }
        self.country = country
        code = String(name)
        isName = true
    }

    /// Reads a country's code, a hyphen, and the subdivision's own code, in either case, or a country's code, a slash, and the
    /// subdivision's name; `nil` for anything else.
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

/// A city, by the names that rules may give it.
public struct City: Hashable, Sendable {
    /// The number of the city at geonames.org; 0 if the database has none.
    public let geonameID: UInt32
    /// Its English name; empty if the database has none.
    public let name: String

    /// - Parameters:
    ///   - geonameID: 0 if there is none.
    ///   - name: empty if there is none.
    public init(geonameID: UInt32, name: String) {
        self.geonameID = geonameID
        self.name = name
    }

    /// The name without the district that follows it in parentheses, `Oslo` for `Oslo (Sentrum)`; `nil` if there is none.
    ///
    /// Only of cities without a number: where cities have numbers, `Frankfurt (Oder)` is another city than a Frankfurt.
    public var nameWithoutDistrict: String? {
        guard geonameID == 0, name.utf8.last == UInt8(ascii: ")"), let start = name.firstIndex(of: "(") else {
            return nil
        }
        let city = name[..<start]
        return city.last == " " && city.count > 1 ? String(city.dropLast()) : nil
    }

    /// All names that rules may call it by, the most exact first.
    public var names: [String] { [name] + (nameWithoutDistrict.map { [$0] } ?? []) }
}

/// A point on the globe, to the millionth of a degree, which is 11 cm.
public struct Coordinates: Hashable, Sendable {
    private let latitudeMicrodegrees: Int32
    private let longitudeMicrodegrees: Int32

    /// - Parameters:
    ///   - latitude: degrees north, -90 to 90.
    ///   - longitude: degrees east, -180 to 180.
    /// - Returns: `nil` if either is out of its range.
    public init?(latitude: Double, longitude: Double) {
        guard -90...90 ~= latitude, -180...180 ~= longitude else { return nil }
        latitudeMicrodegrees = Int32((latitude * 1e6).rounded())
        longitudeMicrodegrees = Int32((longitude * 1e6).rounded())
    }

    /// Both numbers in one.
    var key: UInt64 {
        UInt64(UInt32(bitPattern: latitudeMicrodegrees)) << 32 | UInt64(UInt32(bitPattern: longitudeMicrodegrees))
    }

    /// Degrees north.
    public var latitude: Double { Double(latitudeMicrodegrees) / 1e6 }
    /// Degrees east.
    public var longitude: Double { Double(longitudeMicrodegrees) / 1e6 }
}

/// What the databases know of an address, as far as rules ask for it.
public struct Place: Hashable, Sendable {
    /// MaxMind's continent code.
    public var continent: PlaceCode?
    /// Whether no database says the continent, so that it is the one that the country belongs to.
    public var isContinentOfCountry = false
    /// ISO 3166-1 alpha-2.
    public var country: PlaceCode?
    /// From the widest to the narrowest, as a database lists them.
    public var subdivisions: [SubdivisionCode] = []
    public var city: City?
    public var coordinates: Coordinates?

    /// A place of which so much is known; by default nothing.
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
