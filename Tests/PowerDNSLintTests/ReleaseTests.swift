import Testing

@testable import PowerDNSLint

/// Settings that pdns does not know, or that only some of its releases know.
@Suite("Settings by release of pdns")
struct ReleaseTests {
    @Test(
        "unknown settings",
        arguments: [
            LintCase(
                "cahce-ttl=1",
                says: ":12:1: pdns does not start with the unknown setting 'cahce-ttl'; write cache-ttl=1"),
            LintCase(
                "Cache-ttl=1",
                says: ":12:1: pdns does not start with the unknown setting 'Cache-ttl'; write cache-ttl=1"),
            LintCase(
                "[pdns]",
                says:
                    ":12:1: warning: pdns 4.7 does not know '[pdns]' and does not start with it, though a newer one may; remove it"
            ),
            LintCase(
                "gmysql-host=x",
                says:
                    ":12:1: pdns does not start with 'gmysql-host': launch has no backend with such a setting; remove it"
            ),
            LintCase(
                "foo+=x", says: ":12:1: += needs a present value of foo, and pdns does not start; write foo=x",
                ":12:1: warning: pdns 4.7 does not know 'foo' and does not start with it, though a newer one may; remove it"
            ),
        ])
    func names(settings: LintCase) throws {
        try settings.check(Machine())
    }

    /// A version of pdns, a line, and the expected findings.
    struct ReleaseCase: CustomTestStringConvertible, Sendable {
        var version: String
        var lines: [String]
        var findings: [String]

        init(_ version: String, _ lines: String..., says findings: String...) {
            self.version = version
            self.lines = lines
            self.findings = findings.map { "~/pdns.conf:\($0)" }
        }

        var testDescription: String { "\(version): \(lines.joined(separator: "; "))" }
    }

    @Test(
        "settings that only some releases have",
        arguments: [
            // Newer settings
            .init(
                "4.7", "views=no",
                says: "12:1: pdns 4.7 does not start with 'views', which needs pdns 5.0 or later; remove it"),
            .init(
                "4.9.18", "views=no",
                says: "12:1: pdns 4.9.18 does not start with 'views', which needs pdns 5.0 or later; remove it"),
            .init("5.0", "views=no"),
            .init("5.1", "views=no"),
            .init(
                "5.0.2", "views=yes",
                says:
                    "12:7: with views=yes pdns does not start: views need the zone cache, which the pipe backend cannot fill; write views=no"
            ),
            .init("5.1.5", "resolve-across-zones=no", "logging-structured=yes", "protobuf-servers=127.0.0.1"),
            .init(
                "5.0", "logging-structured=yes",
                says:
                    "12:1: pdns 5.0 does not start with 'logging-structured', which needs pdns 5.1 or later; remove it"),
            .init("4.8", "default-catalog-zone=c.example.net", "workaround-11804=yes"),
            .init(
                "4.7.3", "default-catalog-zone=c.example.net",
                says:
                    "12:1: pdns 4.7.3 does not start with 'default-catalog-zone', which needs pdns 4.8 or later; remove it"
            ),
            .init(
                "4.8", "loglevel-show=yes",
                says: "12:1: pdns 4.8 does not start with 'loglevel-show', which needs pdns 4.9 or later; remove it"),
            .init("4.9", "loglevel-show=yes", "delay-notifications=1", "lua-records-insert-whitespace=no"),
            // Settings that are newer within a release
            .init(
                "4.9.0", "lua-records-insert-whitespace=no",
                says:
                    "12:1: pdns 4.9.0 does not start with 'lua-records-insert-whitespace', which needs pdns 4.9.1 or later; remove it"
            ),
            .init(
                "4.8.3", "webserver-connection-timeout=1",
                says:
                    "12:1: pdns 4.8.3 does not start with 'webserver-connection-timeout', which needs pdns 4.8.5 or later; remove it"
            ),
            .init("4.8.5", "webserver-connection-timeout=1"), .init("4.9.2-1", "webserver-connection-timeout=1"),
            .init("5.0.0", "webserver-connection-timeout=1"), .init("4.9.18", "max-pointers-per-name=1"),
            .init(
                "5.0.2", "max-pointers-per-name=1",
                says:
                    "12:1: pdns 5.0.2 does not start with 'max-pointers-per-name', which needs pdns 5.0.8 or later; remove it"
            ),
            // Removed settings
            .init(
                "4.7", "slave=no",
                says:
                    "12:1: warning: pdns 4.9 and newer do not start with 'slave'; write secondary=no, which pdns 4.7 knows, too"
            ),
            .init(
                "4.9", "slave=no", "superslave=yes", "slave-renotify=yes", "slave-cycle-interval=5",
                "allow-unsigned-supermaster=no",
                says: "12:1: pdns 4.9 and newer do not start with 'slave'; write secondary=no",
                "13:1: pdns 4.9 and newer do not start with 'superslave'; write autosecondary=yes",
                "14:1: pdns 4.9 and newer do not start with 'slave-renotify'; write secondary-do-renotify=yes",
                "15:1: pdns 4.9 and newer do not start with 'slave-cycle-interval'; write xfr-cycle-interval=5",
                "16:1: pdns 4.9 and newer do not start with 'allow-unsigned-supermaster'; write allow-unsigned-autoprimary=no"
            ),
            .init(
                "1:4.9.4-1+deb13u1", "master=yes",
                says: "12:1: pdns 4.9 and newer do not start with 'master'; write primary=yes"),
            .init("5.1", "master=no", "ignore-unknown-settings=master"),
            // Settings of other backends
            .init(
                "4.9", "launch=pipe,bind:b", "bind-b-supermasters=x",
                says: "12:1: pdns 4.9 and newer do not start with 'bind-b-supermasters'; write bind-b-autoprimaries=x"),
            .init("4.8", "launch=pipe,bind", "bind-supermaster-config=x"),
            .init(
                "4.7.3", "launch=pipe,bind", "bind-autoprimary-config=x",
                says:
                    "12:1: pdns 4.7.3 does not start with 'bind-autoprimary-config', which needs pdns 4.9 or later; remove it"
            ),
            .init(
                "5.1", "launch=pipe,gmysql", "gmysql-dnssec=yes", "gmysql-update-master-query=x",
                says:
                    "13:1: pdns 4.9 and newer do not start with 'gmysql-update-master-query'; write gmysql-update-primary-query=x"
            ),
        ] as [ReleaseCase])
    func releases(settings: ReleaseCase) throws {
        let machine = try Machine()
        machine.server = KnownServer(version: try #require(ServerVersion(settings.version)))
        #expect(try machine.findings(Machine.good(with: settings.lines)) == settings.findings)
    }

    @Test(
        "the correct settings are correct for every release",
        arguments: ["4.7", "4.8", "4.9", "5.0", "5.1"])
    func goodForAll(version: String) throws {
        let machine = try Machine()
        machine.server = KnownServer(version: try #require(ServerVersion(version)))
        #expect(try machine.findings(Machine.good) == [])
    }

    @Test(
        "an unknown version of pdns is checked as the nearest known one",
        arguments: [
            ("5.2.0", "geopipe knows no pdns 5.2.0; this is for 5.1, the newest that it knows", true),
            ("0.0.2345.0.master.g1234567", nil, true),
            ("7.0", "geopipe knows no pdns 7.0; this is for 5.1, the newest that it knows", true),
            ("4.6.1", "geopipe knows no pdns 4.6.1; this is for 4.7, the oldest that it knows", false),
        ] as [(String, String?, Bool)])
    func strangers(version: String, remark: String?, isNew: Bool) throws {
        let machine = try Machine()
        guard let known = ServerVersion(version) else { return #expect(remark == nil) }
        machine.server = KnownServer(version: known)
        let said = try machine.findings(Machine.good + "views=no\n")
        #expect(said.first == remark.map { "~/pdns.conf: warning: \($0)" })
        #expect(said.count == (isNew ? 1 : 2), "\(said)")
    }
}
