/// A continent, a country or a subdivision, by its code. A switch can drain a datacenter for the clients of some
/// areas only.
public enum Area: Hashable, Sendable, CustomStringConvertible {
    /// MaxMind's continent code.
    case continent(PlaceCode)
    /// ISO 3166-1 alpha-2.
    case country(PlaceCode)
    /// ISO 3166-2. Never a name, because `PlaceIndex` has no names.
    case subdivision(SubdivisionCode)

    /// Reads a text that `description` writes; `nil` for any other text.
    public init?(_ text: some StringProtocol) {
        let prefix = "continent:"
        if text.hasPrefix(prefix) {
            guard let code = PlaceCode(text.dropFirst(prefix.count)) else { return nil }
            self = .continent(code)
        } else if let code = PlaceCode(text) {
            self = .country(code)
        } else if let code = SubdivisionCode(text), !code.isName {
            self = .subdivision(code)
        } else {
            return nil
        }
    }

    /// `NO`, `US-CA` or `continent:EU`; the prefix is needed because some continents have the code of a country.
    public var description: String {
        switch self {
        case .continent(let code): "continent:\(code)"
        case .country(let code): "\(code)"
        case .subdivision(let code): "\(code)"
        }
    }

    /// Whether this area contains `other`: a continent contains its countries, a country its subdivisions, and each
    /// area itself.
    public func covers(_ other: Area) -> Bool {
        switch (self, other) {
        case (.country(let country), .subdivision(let subdivision)): subdivision.country == country
        case (.continent(let continent), .country(let country)): country.continent == continent
        case (.continent(let continent), .subdivision(let subdivision)): subdivision.country.continent == continent
        default: self == other
        }
    }

    /// Whether a client may be both in this area and in `other`.
    public func touches(_ other: Area) -> Bool {
        switch (self, other) {
        case (.continent(let one), .continent(let two)), (.country(let one), .country(let two)): one == two
        case (.subdivision(let one), .subdivision(let two)):
            // A name and a code may mean the same subdivision.
            one == two || one.isName != two.isName && one.country == two.country
        case (.subdivision(let one), .country(let two)), (.country(let two), .subdivision(let one)): one.country == two
        case (.country(let one), .continent(let two)), (.continent(let two), .country(let one)): one.continent == two
        case (.subdivision(let one), .continent(let two)), (.continent(let two), .subdivision(let one)):
            one.country.continent == two
        }
    }
}
