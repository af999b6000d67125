extension KeyGroup {
    static let configuration = KeyGroup(
        "configuration",
        "The whole file: a mapping of sections, in any order. Paths are relative to the folder of the file.",
        keys: [
            Key(
                "databases",
                .list(.either([Scalar.text("the path of a database"), .group(.database)]), mayBeEmpty: true),
                "Files in MaxMind's format, looked up in this order: for each field, the first one that has it wins. Rules for places need a database.",
                example: "databases: [some.mmdb, { path: GeoLite2-ASN.mmdb, optional: true }]"),
            Key(
                "state_directory", Scalar.text("a path, or `none`"), usual: Configuration.usualStateDirectory,
                "The folder for files that must survive a coprocess: images, switches, the health of addresses, serials. `none` means no such folder.",
                example: "state_directory: /run/geopipe"),
            Key(
                "hits_log", .group(.hitsLog),
                "A log of answers, one line for each answer with records of a service. Without it, no log is written.",
                example: "hits_log: { file: /var/log/geopipe/hits.log, format: json, sample: 1% }"),
            Key(
                "wait",
                .scalar(
                    .init(
                        noun: "`0`, or a time up to `10ms` in `us` or `ms`", numbers: 0...0, isWhole: true,
                        pattern: #"^(0|\+?[0-9]+(us|ms))$"#)), usual: "100us",
                "How long a coprocess spins for the next question after an answer before it sleeps. With `0`, it sleeps immediately.",
                example: "wait: 250us"),
            Key(
                "notify", .group(.notify),
                "The program that geopipe-agent runs when addresses go down or come back up. Without it, none is run.",
                example: "notify: { command: [/usr/local/bin/page-on-call], every: 1m, timeout: 30s }"),
            Key(
                "health", .group(.health),
                "The agents that check the same addresses from elsewhere. Without it, an agent uses only its own checks.",
                example:
                    "health: { token_file: token, vantage_points: [{ name: oslo, url: \"http://192.0.2.1:9353\" }] }"),
            Key(
                "datacenters",
                .names(.init("NAME", pattern: datacenterPattern, .group(.datacenter))),
                "The datacenters by name: letters, digits, `-`, `_` and `.`. Words with a meaning in a destination, such as `nearest`, cannot be names.",
                example: "datacenters: { oslo: { location: [59.91, 10.75] }, ashburn: {}, singapore: {} }"),
            Key(
                "safety", .group(.safety),
                "Limits on drains. Without it, all datacenters may be drained.",
                example: "safety: { in_use: 2, capacity: 60% }"),
            Key(
                "plan", .group(.plan), "The limits of `geopipe plan` for a change.",
                example: "plan: { max_move: 10%, max_ttl: 1h }"),
            Key(
                "regions",
                .names(
                    .init(
                        "REGION",
                        .list(
                            Scalar.pattern(
                                "a country (ISO 3166-1), or a subdivision (ISO 3166-2, or by name: `NO/Viken`)",
                                #"^[A-Za-z]{2}([-/].+)?$"#), mayBeEmpty: false))),
                "Named groups of countries and subdivisions, for the rules under `regions` of a map.",
                example: "regions: { nordics: [NO, SE, DK, FI, IS], us-west: [US-CA, US-OR] }"),
            Key(
                "maps", .names(.init("MAP", .group(.map))),
                "Maps by name. A map says where the clients of each place go.",
                example: "maps: { world: { continents: { EU: oslo }, default: [ashburn, oslo] } }"),
            Key(
                "services", .names(.init("SERVICE", .group(.service))),
                "Services by name. A service has the answers of each datacenter.",
                example: "services: { web: { map: world, answers: { oslo: 192.0.2.10, ashburn: 198.51.100.10 } } }"),
            Key(
                "zones", .names(.init("ZONE", mayBeEmpty: false, .group(.zone))), required: true,
                "Zones by name. Each is a DNS zone that geopipe answers for.",
                example:
                    "zones: { geo.example.com: { soa: { primary: ns1.example.net., contact: hostmaster.example.net. }, ns: [ns1.example.net.] } }"
            ),
        ])

    static let database = KeyGroup(
        "database", "A database with its settings. The path alone may be written instead.",
        keys: [
            Key("path", Scalar.text("a path"), required: true, "The file.", example: "path: some.mmdb"),
            Key(
                "optional", Scalar.boolean, usual: "false",
                "Whether the file may be missing. Without this, a missing file is an error.",
                example: "path: GeoLite2-ASN.mmdb, optional: true"),
        ])

    static let hitsLog = KeyGroup(
        "hits_log", "The log of answers. All coprocesses write to it.",
        keys: [
            Key(
                "file", Scalar.text("a path"), required: true,
                "The file. The user that pdns runs as must be able to write to it.",
                example: "file: /var/log/geopipe/hits.log"),
            Key(
                "format", Scalar.words("tsv", "json"), usual: "tsv",
                "`tsv` separates fields with tabs, `json` writes one object a line.",
                example: "file: hits.log, format: json"),
            Key(
                "sample",
                Scalar.pattern(
                    "a percentage above `0%` up to `100%`, with or without decimals",
                    #"^\+?[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?%$"#), usual: "100%",
                "The part of the answers that is logged. Each answer is drawn independently.",
                example: "file: hits.log, sample: 0.1%"),
        ])

    static let notify = KeyGroup(
        "notify", "A program that notifies people of health changes. It reads the changes from standard input.",
        keys: [
            Key(
                "command", command, required: true,
                "The absolute path of the program, and its arguments. No shell is involved.",
                example: "command: [/usr/local/bin/page-on-call, --quiet]"),
            Key(
                "every", Scalar.seconds(from: 1), usual: "60",
                "The shortest time from the start of one run to the start of the next. Changes in between are collected.",
                example: "command: [/usr/local/bin/page-on-call], every: 5m"),
            Key(
                "timeout", Scalar.seconds(from: 1), usual: "30",
                "The time after which the program and its child processes are killed.",
                example: "command: [/usr/local/bin/page-on-call], timeout: 1m"),
        ])

    static let health = KeyGroup(
        "health",
        "Several agents as vantage points: an address is down if most agents with a valid report say so.",
        keys: [
            Key(
                "vantage_points", .strictList(.group(.vantagePoint), atLeast: 1, atMost: VantagePoints.limit),
                required: true,
                "The agents. The agent that reads the configuration may be one of them.",
                example:
                    "token_file: token, vantage_points: [{ name: oslo, url: \"http://192.0.2.1:9353\" }]"),
            Key(
                "token_file", Scalar.text("a path"), required: true,
                "The file whose first line is the token that readers of the agent's report must send, and that the agent sends to the others.",
                example:
                    "token_file: /etc/geopipe/token, vantage_points: [{ name: oslo, url: \"http://192.0.2.1:9353\" }]"
            ),
            Key(
                "interval", Scalar.seconds(from: 1), usual: "2",
                "The time from the start of one round of reading to the start of the next.",
                example:
                    "interval: 5s, token_file: token, vantage_points: [{ name: oslo, url: \"http://192.0.2.1:9353\" }]"
            ),
            Key(
                "timeout", Scalar.seconds(from: 1), usual: "2",
                "The time after which reading a report fails.",
                example:
                    "timeout: 1s, token_file: token, vantage_points: [{ name: oslo, url: \"http://192.0.2.1:9353\" }]"
            ),
            Key(
                "max_age", Scalar.seconds(from: 1), usual: "10",
                "How long a report counts; at least `timeout` and the longer of `interval` and `timeout` together. The default is at least twice that sum.",
                example:
                    "max_age: 30s, token_file: token, vantage_points: [{ name: oslo, url: \"http://192.0.2.1:9353\" }]"
            ),
        ])

    static let vantagePoint = KeyGroup(
        "vantage_point", "An agent, and where it serves its report.",
        keys: [
            Key(
                "name",
                Scalar.pattern("1 to 63 letters, digits, `-`, `_` and `.`", "^[A-Za-z0-9_.-]{1,63}$"),
                required: true, "Its name, unique among the vantage points.",
                example: "name: oslo, url: \"http://192.0.2.1:9353\""),
            Key(
                "url",
                Scalar.pattern(
                    "`http://` or `https://`, an IP address and a port", #"^https?://(\[[0-9A-Fa-f:.]+\]|[0-9.]+)"#),
                required: true,
                "Where the agent serves its report, by address: checks must not depend on a name server. The default path is `/vantage`.",
                example: "name: oslo, url: \"http://[2001:db8::1]:9353\""),
            Key(
                "token_file", Scalar.text("a path"),
                "The file of the token that this agent requires, if it differs from the common one.",
                example: "name: oslo, url: \"http://192.0.2.1:9353\", token_file: oslo.token"),
        ])

    static let datacenter = KeyGroup(
        "datacenter", "A datacenter. No key is required: `{}`.",
        keys: [
            Key(
                "location",
                .strictList(
                    .scalar(
                        .init(
                            noun: "a number", numbers: -180...180, pattern: decimalPattern)), atLeast: 2, atMost: 2),
                "Latitude (-90 to 90) and longitude (-180 to 180) in degrees. `nearest` and the live view need it.",
                example: "location: [59.91, 10.75]"),
            Key(
                "capacity",
                .scalar(
                    .init(
                        noun: "a number from 0.000001 to 1000000000000",
                        numbers: Configuration.DatacenterSite.capacities,
                        pattern: decimalPattern)),
                "How much it can serve, in any unit that is the same for all. The default is 1: write it for all datacenters or for none.",
                example: "capacity: 30"),
        ])

    static let safety = KeyGroup(
        "safety",
        "Limits on drains. A drain that would break a rule is refused unless `--override` is given.",
        keys: [
            Key(
                Configuration.Safety.Rule.inUse.rawValue, Scalar.count(),
                "The minimum number of datacenters that are not completely drained; at most as many as there are.",
                example: "in_use: 2"),
            Key(
                Configuration.Safety.Rule.capacity.rawValue, Scalar.percent(from: 1),
                "The minimum part of the total capacity that is not drained.", example: "capacity: 60%"),
        ])

    static let plan = KeyGroup(
        "plan", "The limits of `geopipe plan`.",
        keys: [
            Key(
                "max_move", Scalar.percent(from: 0), usual: "10%",
                "The part of a service's traffic, or of its client addresses if no traffic is known, that may move to another datacenter.",
                example: "max_move: 5%"),
            Key(
                "max_names", Scalar.percent(from: 0), usual: "30%",
                "The part of all names that may be added, removed or changed.", example: "max_names: 20%"),
            Key(
                "peak", Scalar.percent(from: 0), usual: "50%",
                "The peak traffic, as a part of the capacity of all datacenters together.",
                example: "peak: 70%"),
            Key(
                "max_ttl", Scalar.seconds(from: 1), usual: "3600",
                "The longest time that resolvers may cache answers from before the change.", example: "max_ttl: 2h"),
        ])

    /// A program by its absolute path, and its arguments.
    static let command = Form.strictList(Scalar.text("a string"), atLeast: 1, atMost: nil)
    static let decimalPattern = #"^[+-]?[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?$"#
    /// The form of datacenter names: words with a meaning in destinations are excluded.
    static let datacenterPattern =
        "^(?!(\(ConfigurationParser.destinationWords.sorted().joined(separator: "|")))$)[A-Za-z0-9_.-]+$"
}
