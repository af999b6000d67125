extension KeyGroup {
    static let check = KeyGroup(
        "check", "A health check of addresses. It has exactly one of `http`, `https`, `tcp`, `command` and `file`.",
        keys: [
            Key(
                "http", .group(.http), "The address is up if its response to an HTTP/1.1 request is as expected.",
                example: "http: { path: /health, host: www.example.com }"),
            Key(
                "https", .group(.https),
                "The same over TLS. The certificate must be valid for `host`, or for the address if there is no `host`.",
                example: "https: { path: /health, host: www.example.com, match: alive }"),
            Key(
                "tcp", .either([Scalar.port, .group(.tcp)]),
                "The address is up if it accepts a connection on this port.",
                example: "tcp: 443"),
            Key(
                "command", command,
                "The address is up if this program exits with 0: an absolute path and arguments. `{address}` in an argument is replaced by the address.",
                example: "command: [/usr/local/bin/check, \"{address}\"]"),
            Key(
                "file", Scalar.text("a path"),
                "The address is up if this file can be read and does not mark it as down. `{address}` in the path is replaced by the address.",
                example: "file: \"/run/health/{address}\""),
            Key(
                "address",
                .either([
                    Scalar.address,
                    .names(.init("ADDRESS", pattern: #"^[0-9A-Fa-f:.]+$"#, Scalar.address)),
                ]),
                "The address to probe, if it differs from the one in answers: one for all, or a mapping from the addresses in answers.",
                example: "tcp: 443, address: { 192.0.2.10: 10.1.0.10 }"),
            Key(
                "interval", Scalar.seconds(from: 1), usual: "10",
                "The time from the start of one check to the start of the next.", example: "tcp: 443, interval: 30s"),
            Key(
                "timeout", Scalar.seconds(from: 1), usual: "3",
                "The time after which a check fails; at most the interval.", example: "tcp: 443, timeout: 2"),
            Key(
                "rise", Scalar.count(), usual: "2", "Successes in a row after which an address is up again.",
                example: "tcp: 443, rise: 1"),
            Key(
                "fall", Scalar.count(), usual: "3", "Failures in a row after which an address is down.",
                example: "tcp: 443, fall: 5"),
        ], oneOf: ["http", "https", "tcp", "command", "file"])

    static let http = KeyGroup(
        "http", "A request, and the conditions for success. No key is required: `{}`.",
        keys: requestKeys(port: "80"))

    static let https = KeyGroup(
        "https", "A request over TLS, and the conditions for success. No key is required: `{}`.",
        like: "http",
        keys: requestKeys(port: "443") + [
            Key(
                "verify", Scalar.boolean, usual: "true",
                "Whether the certificate must be valid. `false` accepts any.", example: "verify: false")
        ])

    static let tcp = KeyGroup(
        "tcp", "A connection. The port alone may be written instead.",
        keys: [Key("port", Scalar.port, required: true, "The port to connect to.", example: "port: 443")])

    private static func requestKeys(port: String) -> [Key] {
        [
            Key("port", Scalar.port, usual: port, "The port of the request.", example: "port: 8080"),
            Key(
                "method",
                Scalar.pattern("`GET`, `HEAD` or `POST`", "^([Gg][Ee][Tt]|[Hh][Ee][Aa][Dd]|[Pp][Oo][Ss][Tt])$"),
                usual: "GET", "The method of the request.", example: "method: HEAD"),
            Key(
                "path", Scalar.pattern("a path that begins with `/` and has no spaces", #"^/[^ ]*$"#), usual: "/",
                "The path of the request, with the query if there is one.", example: "path: /health?full=1"),
            Key(
                "host", Scalar.text("a name"),
                "The Host of the request, and with TLS the server name of the handshake. Without it, the address is used.",
                example: "host: www.example.com"),
            Key(
                "headers",
                .names(
                    .init(
                        "FIELD", pattern: #"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"#,
                        .scalar(.init(noun: "a string on one line")))
                ),
                "Further header fields of the request. All users of the machine can read them in the image.",
                example: "headers: { Accept: text/plain }"),
            Key(
                "body", Scalar.text("a string"), "The body of a POST request.",
                example: "method: POST, body: ping"),
            Key(
                "expect",
                .list(
                    .scalar(
                        .init(
                            noun: "a status from 100 to 599, or a range such as `200-299`", numbers: 100...599,
                            isWhole: true, pattern: #"^\+?[0-9]+(-\+?[0-9]+)?$"#)), mayBeEmpty: false),
                usual: "200-399",
                "The status codes of success: one, a range, or a list of these. Redirects are not followed.",
                example: "expect: [200-299, 304]"),
            Key(
                "match", Scalar.text("a string"), "A string that must be in the first 64 KiB of the body.",
                example: "match: alive"),
            Key(
                "no_match", Scalar.text("a string"), "A string that must not be in the first 64 KiB of the body.",
                example: "no_match: maintenance"),
            Key(
                "weight_header", Scalar.pattern("the name of a header field", #"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"#),
                "A header field of the response that may state the weight of the address, such as `40%`.",
                example: "weight_header: X-Geopipe-Weight"),
        ]
    }
}
