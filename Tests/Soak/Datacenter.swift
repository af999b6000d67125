/// The datacenters, in the order of the configuration.
enum Datacenter: Int, CaseIterable {
    case oslo, ashburn, singapore
}

/// The services.
enum Service: Int, CaseIterable {
    case web, api, checked
    /// Oslo, and if that is unavailable all others by capacity.
    case spread
}
