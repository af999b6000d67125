extension KeyGroup {
    static let check = KeyGroup(
        "check", "A check of an address. It has one of `http`, `https`, `tcp`, `command` and `file`.",
        keys: [
            Key(
                "http", .group(.http), "The address is well if it answers a request (HTTP/1.1) as it should.",
                example: "http: { path: /health, host: www.example.com }"),
            Key(
                "https", .group(.https),
                "The same over TLS, with a certificate that is good for `host`, or for the address itself without one.",
                example: "https: { path: /health, host: www.example.com, match: alive }"),
            Key(
                "tcp", .either([Scalar.port, .group(.tcp)]),
                "The address is well if it accepts a connection at this port.",
                example: "tcp: 443"),
            Key(
                "command", command,
                "The address is well if this program exits with 0. It is an absolute path with arguments, in which `{address}` is the address.",
                example: "command: [/usr/local/bin/check, \"{address}\"]"),
            Key(
                "file", Scalar.text("a path"),
                "The address is well if this file can be read and does not say that it is down. `{address}` in the path is the address.",
                example: "file: \"/run/health/{address}\""),
            Key(
                "address",
                .either([
                    Scalar.address,
                    .names(.init("ADDRESS", pattern: #"^[0-9A-Fa-f:.]+$"#, Scalar.address)),
                ]),
                "The address to ask, if it is not the one that is answered: one for all, or a mapping from those that are answered.",
                example: "tcp: 443, address: { 192.0.2.10: 10.1.0.10 }"),
            Key(
                "interval", Scalar.seconds(from: 1), usual: "10",
                "The time from the beginning of one check to that of the next.", example: "tcp: 443, interval: 30s"),
            Key(
                "timeout", Scalar.seconds(from: 1), usual: "3",
                "The time after which a check has failed; at most the interval.", example: "tcp: 443, timeout: 2"),
            Key(
                "rise", Scalar.count(), usual: "2", "Successes in a row after which an address is up again.",
                example: "tcp: 443, rise: 1"),
            Key(
                "fall", Scalar.count(), usual: "3", "Failures in a row after which an address is down.",
                example: "tcp: 443, fall: 5"),
        ], oneOf: ["http", "https", "tcp", "command", "file"])

    static let http = KeyGroup(
        "http", "A request, and what makes its answer a success. It needs no key: `{}`.",
        keys: requestKeys(port: "80"))

    static let https = KeyGroup(
        "https", "A request over TLS, and what makes its answer a success. It needs no key: `{}`.",
        like: "http",
        keys: requestKeys(port: "443") + [
            Key(
                "verify", Scalar.truth, usual: "true",
                "Whether the certificate must be good. `false` takes any.", example: "verify: false")
        ])

    static let tcp = KeyGroup(
        "tcp", "A connection. The port alone may stand in its place.",
        keys: [Key("port", Scalar.port, required: true, "The port to connect to.", example: "port: 443")])

    private static func requestKeys(port: String) -> [Key] {
        [
            Key("port", Scalar.port, usual: port, "The port to ask.", example: "port: 8080"),
            Key(
                "method",
                Scalar.pattern("`GET`, `HEAD` or `POST`", "^([Gg][Ee][Tt]|[Hh][Ee][Aa][Dd]|[Pp][Oo][Ss][Tt])$"),
                usual: "GET", "The method of the request.", example: "method: HEAD"),
            Key(
                "path", Scalar.pattern("a path that begins with `/` and has no blanks", #"^/[^ ]*$"#), usual: "/",
                "What is asked for, with the query if there is one.", example: "path: /health?full=1"),
            Key(
                "host", Scalar.text("a name"),
                "The Host of the request, and with TLS the name of the handshake. Without it, that is the address.",
                example: "host: www.example.com"),
            Key(
                "headers",
                .names(
                    .init(
                        "FIELD", pattern: #"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"#, .scalar(.init(noun: "a text on one line")))
                ),
                "Further header fields of the request. All users of the machine can read them in the image.",
                example: "headers: { Accept: text/plain }"),
            Key(
                "body", Scalar.text("a text"), "What a POST request carries.",
                example: "method: POST, body: ping"),
            Key(
                "expect",
                .list(
                    .scalar(
                        .init(
                            noun: "a status from 100 to 599, or a range such as `200-299`", numbers: 100...599,
                            isWhole: true, pattern: #"^\+?[0-9]+(-\+?[0-9]+)?$"#)), mayBeEmpty: false),
                usual: "200-399",
                "The status of a success: one, a range, or a list of these. Redirects are not followed.",
                example: "expect: [200-299, 304]"),
            Key(
                "match", Scalar.text("a text"), "A text that must be in the first 64 KiB of the body.",
                example: "match: alive"),
            Key("no_match", Scalar.text("a text"), "A text that must not be there.", example: "no_match: maintenance"),
            Key(
                "weight_header", Scalar.pattern("the name of a header field", #"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"#),
                "A header field of the answer that may say how many of 100 clients the address takes, such as `40%`.",
                example: "weight_header: X-Geopipe-Weight"),
        ]
    }
}
