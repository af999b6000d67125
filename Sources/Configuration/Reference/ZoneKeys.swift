extension KeyGroup {
    static let zone = KeyGroup(
        "zone",
        "A zone. It has `soa` and `ns`, or a `file` that has them. The configuration overrides the file.",
        keys: [
            Key(
                "file", Scalar.text("a path"),
                "A zone file in the standard format (RFC 1035 section 5).", example: "file: example.org.zone"),
            Key(
                "soa", .group(.soa), required: true, "The SOA record. Without a `serial`, geopipe generates one.",
                example: "soa: { primary: ns1.example.net., contact: hostmaster@example.net }"),
            Key(
                "ns", .list(Scalar.text("the name of a name server"), mayBeEmpty: false), required: true,
                "The name servers of the zone.", example: "ns: [ns1.example.net., ns2.example.net.]"),
            Key(
                "ttl", Scalar.seconds(from: 0),
                "The default TTL. Without it, the `$TTL` of the `file`, else 3600.",
                example: "ttl: 300"),
            Key(
                "records", .names(.init("NAME", .group(.record))),
                "Records by name; names are relative to the zone unless they end with a dot. `\"@\"` is the zone itself, `\"*.img\"` a wildcard.",
                example: "records: { \"@\": { MX: 10 mail.example.net. }, www: { service: web } }"),
        ], unless: "file")

    static let soa = KeyGroup(
        "soa", "The start of authority of a zone.",
        keys: [
            Key(
                "primary", Scalar.text("a name"), required: true, "The name of the primary server.",
                example: "primary: ns1.example.net."),
            Key(
                "contact", Scalar.text("a name, or a mail address"), required: true,
                "The mail address of the person responsible for the zone.", example: "contact: hostmaster@example.net"),
            Key(
                "serial", Scalar.whole("a whole number", 0...4_294_967_295),
                "The serial, which you must then increase yourself. Without it, the serial is the time of the last change.",
                example: "serial: 2026113001"),
            Key(
                "refresh", Scalar.seconds(from: 0), usual: "3h", "How often secondaries look for a new serial.",
                example: "refresh: 6h"),
            Key(
                "retry", Scalar.seconds(from: 0), usual: "1h", "How long they wait after a failed attempt.",
                example: "retry: 15m"),
            Key(
                "expire", Scalar.seconds(from: 0), usual: "1w",
                "How long they serve the zone without reaching the primary.", example: "expire: 2w"),
            Key(
                "minimum", Scalar.seconds(from: 0), usual: "60",
                "How long resolvers cache negative answers (RFC 2308).", example: "minimum: 5m"),
        ])

    static let record = KeyGroup(
        "record", "The records of a name, by type, and a service, which adds the records of the chosen datacenter.",
        keys: [
            Key(
                "service", Scalar.text("the name of a service"), "The service that answers for this name.",
                example: "service: web"),
            Key(
                "ttl", Scalar.seconds(from: 0),
                "The TTL of the records that are written here. Without it, the zone's TTL.",
                example: "A: 192.0.2.53, ttl: 60"),
        ],
        others: .init("TYPE", pattern: typePattern, contents))
}
