import Geography

/// The rules of one map: a preference list for each place that has one.
///
/// The most specific rule wins: country, then continent, then default.
public struct PlaceRules: Sendable {
    public var countries: [PlaceCode: PreferenceList] = [:]
    public var continents: [PlaceCode: PreferenceList] = [:]
    public var fallback: PreferenceList

    /// Rules that send everybody to `fallback`.
    public init(fallback: PreferenceList) { self.fallback = fallback }

    /// The preference list for clients in `place`.
    public func list(for place: Place) -> PreferenceList {
        if let country = place.country, let list = countries[country] { return list }
        if let continent = place.continent, let list = continents[continent] { return list }
        return fallback
    }

    /// All datacenters that some client may be sent to.
    public var datacenters: Set<Datacenter> {
        var all = fallback.datacenters
        for list in countries.values { all.formUnion(list.datacenters) }
        for list in continents.values { all.formUnion(list.datacenters) }
        return all
    }
}
