import DNS

extension KeyGroup {
    static let service = KeyGroup(
        "service", "The answers of each datacenter, how one is chosen, and how the addresses are checked.",
        keys: [
            Key(
                "map", Scalar.text("the name of a map"), required: true, "The map that chooses the datacenter.",
                example: "map: world"),
            Key(
                "ttl", Scalar.seconds(from: 0), "The TTL of its records. Without it, the zone's TTL.",
                example: "ttl: 60"),
            Key(
                "answers",
                .names(
                    .init(
                        "DATACENTER", pattern: datacenterPattern,
                        .either([.list(Scalar.address, mayBeEmpty: false), .group(.answer)]))), required: true,
                "The answer of each datacenter: addresses, or records by type. Every datacenter that the map can choose needs an answer.",
                example: "answers: { oslo: [192.0.2.10, \"2001:db8:1::10\"], ashburn: { A: 198.51.100.10 } }"),
            Key(
                "pick", Scalar.count(1...Configuration.Service.mostPicked),
                "The most addresses of each family in an answer, drawn by weight. Without it, all are given.",
                example: "pick: 2"),
            Key(
                "spread", Scalar.count(1...Configuration.Service.widestSpread),
                "The number of available datacenters that give one address of each family to an answer.",
                example: "spread: 2"),
            Key(
                "sticky", Scalar.boolean, usual: "false",
                "Draws once for the client's network (/24 of IPv4, /56 of IPv6) instead of once for every query.",
                example: "sticky: true"),
            Key(
                "check", .either([.group(.check), .strictList(.group(.check), atLeast: 1, atMost: nil)]),
                "How geopipe-agent checks each address. An address is up if all checks of the list say so. Without a check, all count as up.",
                example: "check: { http: { path: /health }, interval: 10 }"),
            Key(
                "quorum",
                .scalar(
                    .init(
                        noun: "a number of addresses from 1, or a percentage from `1%` to `100%`", numbers: 1...9.2e18,
                        isWhole: true, pattern: #"^\+?[0-9]+%?$"#)), usual: "1",
                "How many addresses of a family must be up for a datacenter to be available; all of them if there are fewer.",
                example: "check: { tcp: 443 }, quorum: 50%"),
            Key(
                "comes_back", Scalar.seconds(from: 1),
                "A datacenter that was down takes its clients back gradually within this time. Without it, all return together.",
                example: "check: { tcp: 443 }, comes_back: 10m"),
            Key(
                "when_all_down", Scalar.words("answer", "nothing"), usual: "answer",
                "What is answered if no datacenter of the client's list is available: the answer as if all were, or no record.",
                example: "check: { tcp: 443 }, when_all_down: nothing"),
        ])

    static let answer = KeyGroup(
        "answer",
        "The records of a service in one datacenter, by type. `A` and `AAAA` may be a mapping from addresses to weights.",
        keys: [
            Key(
                "check", Scalar.words("none"),
                "Leaves the addresses of this datacenter unchecked: they always count as up.",
                example: "A: 203.0.113.1, check: none")
        ],
        others: .init(
            "TYPE", pattern: typePattern,
            .either([contents, .names(.init("ADDRESS", pattern: #"^[0-9A-Fa-f:.]+$"#, Scalar.count()))])))

    /// The contents of the records of one type.
    static let contents = Form.list(
        Scalar.text("the RDATA, as in a zone file"), mayBeEmpty: false)

    /// Record types, in either case.
    static let typePattern: String = {
        let names = RecordType.mnemonics.map { name in
            name.map { $0.isLetter ? "[\($0.uppercased())\($0.lowercased())]" : "\($0)" }.joined()
        }
        return "^(\(names.joined(separator: "|"))|[Tt][Yy][Pp][Ee][0-9]+)$"
    }()
}
