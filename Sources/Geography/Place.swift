/// What the databases know of an address, as far as maps ask for it.
public struct Place: Hashable, Sendable {
    /// ISO 3166-1 alpha-2.
    public var country: PlaceCode?
    /// MaxMind's continent code.
    public var continent: PlaceCode?

    /// A place of which so much is known; by default nothing.
    public init(country: PlaceCode? = nil, continent: PlaceCode? = nil) {
        self.country = country
        self.continent = continent
    }

    /// This place with what it does not know taken from `other`.
    func completed(by other: Place) -> Place {
        Place(country: country ?? other.country, continent: continent ?? other.continent)
    }
}
