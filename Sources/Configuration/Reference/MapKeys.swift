extension KeyGroup {
    static let map = KeyGroup(
        "map",
        "Rules that say where the clients of each place go. The most specific rule wins: network, AS number, city, subdivision, country, continent, default. A region acts at the level of its member.",
        keys: [
            Key(
                "networks",
                .names(.init("PREFIX", pattern: #"^[0-9A-Fa-f:.]+(/[0-9]+)?$"#, .destination)),
                "Rules for networks, of IPv4 or IPv6; the longest prefix wins.",
                example: "networks: { 10.20.0.0/16: oslo, \"2001:db8:20::/48\": [oslo, ashburn] }"),
            Key(
                "networks_file", .either([Scalar.text("a path"), .group(.networksFile)]),
                "A file with a line `PREFIX DESTINATION` for each network, and comments from `#` on.",
                example: "networks_file: office.nets"),
            Key(
                "asns", .names(.init("AS", pattern: #"^([Aa][Ss])?[0-9]+$"#, .destination)),
                "Rules for autonomous systems: `2119` or `AS2119`.",
                example: "asns: { 2119: oslo, AS15169: [ashburn, oslo] }"),
            Key(
                "cities",
                .names(.init("CITY", pattern: #"^([0-9]+|[A-Za-z]{2}(-[^/]+)?/.+)$"#, .destination)),
                "Rules for cities: the English name after the country or subdivision, or the number at geonames.org.",
                example: "cities: { US-FL/Miami: ashburn, 1880252: singapore }"),
            Key(
                "subdivisions",
                .names(.init("SUBDIVISION", pattern: #"^[A-Za-z]{2}[-/].+$"#, .destination)),
                "Rules for subdivisions: the code of ISO 3166-2, or the English name after the country.",
                example: "subdivisions: { US-TX: [ashburn, oslo], NO/Viken: oslo }"),
            Key(
                "countries", .names(.init("COUNTRY", pattern: "^[A-Za-z]{2}$", .destination)),
                "Rules for countries, by the two letters of ISO 3166-1. `NO` is Norway, never a truth value.",
                example: "countries: { NO: [oslo, ashburn], US: ashburn }"),
            Key(
                "regions", .names(.init("REGION", .destination)),
                "Rules for the members of a region, by the region's name.",
                example: "regions: { nordics: [oslo, ashburn] }"),
            Key(
                "continents",
                .names(
                    .init(
                        "CONTINENT", pattern: "^([Aa][FfNnSs]|[Ee][Uu]|[Nn][Aa]|[Oo][Cc]|[Ss][Aa])$", .destination)),
                "Rules for continents: `AF`, `AN`, `AS`, `EU`, `NA`, `OC` and `SA`.",
                example: "continents: { AS: [singapore, oslo] }"),
            Key(
                "default", .destination, required: true,
                "Where all other clients go, and clients whose place is unknown.", example: "default: nearest"),
        ])

    static let networksFile = KeyGroup(
        "networks_file", "A networks file with its settings. The path alone may be written instead.",
        keys: [
            Key(
                "path", Scalar.text("a path"), required: true, "The file. It need not exist.",
                example: "path: office.nets"),
            Key(
                "may_be_empty", Scalar.boolean, usual: "false",
                "Whether it may have no networks. Without this, geopipe keeps its previous configuration if the file has lost all its networks.",
                example: "path: office.nets, may_be_empty: true"),
        ])

    static let pool = KeyGroup(
        "pool", "A tier of equal weights: each query draws one of these datacenters.",
        keys: [
            Key(
                "random", datacenters, required: true, "The datacenters, each at most once.",
                example: "random: [oslo, ashburn]"),
            then(example: "random: [oslo, ashburn], then: spread"),
        ])

    static let nearest = KeyGroup(
        "nearest", "The datacenters by their distance from the client.",
        keys: [
            Key(
                "nearest", .either([Scalar.words("all"), datacenters]), required: true,
                "These datacenters, the nearest first; `all` means all that have a location.",
                example: "nearest: [oslo, ashburn]"),
            Key(
                "limit", Scalar.count(),
                "How many are ordered by distance; the others follow in the order of the configuration. Without it, all are.",
                example: "nearest: [oslo, ashburn, singapore], limit: 2"),
            then(example: "nearest: all, then: { spread: [oslo, ashburn] }"),
        ])

    static let list = KeyGroup(
        "list", "A list of destinations, followed by `then`.",
        keys: [
            Key(
                "list", .destinationPart, required: true, "A datacenter, or a list as it is written without `then`.",
                example: "list: [oslo, ashburn], then: spread"),
            then(example: "list: [oslo, ashburn], then: { spread: [ashburn, singapore] }"),
        ])

    static let spread = KeyGroup(
        "spread", "The datacenters over which the clients of an unavailable datacenter are spread.",
        keys: [
            Key(
                "spread", .either([Scalar.words("all"), datacenters]), required: true,
                "These datacenters, or `all` in which the service has answers.", example: "spread: [ashburn, singapore]"
            )
        ])

    /// The groups that a destination may use.
    static let destinations = [pool, nearest, list]

    private static let datacenters = Form.list(Scalar.text("the name of a datacenter"), mayBeEmpty: false)

    private static func then(example: String) -> Key {
        Key(
            "then", .either([Scalar.words("spread"), .group(.spread)]),
            "`spread` spreads the clients of an unavailable datacenter over all others in which the service has answers, in proportion to their `capacity`. Without it, they go to the next one of the list.",
            example: example)
    }
}
