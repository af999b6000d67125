import Testing

@testable import PowerDNSLint

/// The backends that `launch` names, and the settings of each.
@Suite("Launched backends")
struct LaunchTests {
    @Test(
        "launched backends",
        arguments: [
            LintCase("launch=", says: ":1:1: pdns does not start: no backend is launched; write launch=pipe"),
            LintCase(
                "launch=bind, gsqlite3", "-pipe-command", "-pipe-abi-version", "-pipe-timeout",
                says: ":1:8: pdns never asks geopipe: no pipe backend is launched; write launch=pipe,bind,gsqlite3"),
            LintCase(
                "launch=pipe pipe", says: ":1:13: pdns does not start with pipe launched twice; write launch=pipe"),
            LintCase("launch+=pipe", says: ":12:9: pdns does not start with pipe launched twice; write launch=pipe"),
            LintCase(
                "launch=bind,pipe",
                says:
                    ":1:8: warning: pdns asks bind before geopipe, which gets no question for a zone that both have; write launch=pipe,bind"
            ),
            LintCase(
                "launch=pipe,pipe:b", "pipe-b-command=/srv/geopipe",
                says:
                    ":1:13: warning: geopipe is launched once more, which takes as much memory again and answers only for what the first has not; put all zones into one configuration and write launch=pipe"
            ),
            LintCase(
                "module-dir=~",
                says:
                    ":12:12: pdns does not start: ~ has no libpipebackend.so; remove module-dir, and install the pipe backend (Debian: pdns-backend-pipe)"
            ),
        ])
    func launch(settings: LintCase) throws {
        try settings.check(Machine())
    }

    @Test("many unknown settings, or one with a long name, are reported in a few lines")
    func unknown() throws {
        let machine = try Machine()
        let many = try machine.findings(Machine.good + (1...20_000).map { "unknown-setting-\($0)=x\n" }.joined())
        #expect(many.count == 101)
        #expect(
            many.last
                == "~/pdns.conf:112:1: and 19900 more settings that pdns does not know; name a pdns.conf")
        let long = try machine.findings(Machine.good + String(repeating: "cache-ttl", count: 20_000) + "=1\n")
        #expect(long.count == 1 && long[0].hasPrefix("~/pdns.conf:12:1: "), "\(long.count)")
    }

    @Test("an instance with a name has settings of its own")
    func suffix() throws {
        let machine = try Machine()
        let named = Machine.good.replacing("pipe-", with: "pipe-geo-").replacing("launch=pipe", with: "launch=pipe:geo")
        #expect(try machine.findings(named) == [])
        #expect(
            try machine.findings(named.replacing("geo-abi-version=5", with: "geo-abi-version=4")) == [
                "~/pdns.conf:3:22: warning: with pipe-geo-abi-version=4 pdns passes no commands of pdnsutil on to geopipe; write pipe-geo-abi-version=5"
            ])
        #expect(
            try machine.findings(named + "pipe-timeout=1\n") == [
                "~/pdns.conf:12:1: pdns does not start with 'pipe-timeout': launch has no backend with such a setting; remove it, or write pipe-geo-timeout=1"
            ])
    }

    @Test(
        "the backend with the keys of signed zones",
        arguments: [
            LintCase(
                "launch=pipe,gpgsql", "gpgsql-host=db",
                says: ":1:13: warning: pdns signs nothing with the keys in gpgsql; write gpgsql-dnssec=yes"),
            LintCase(
                "launch=pipe,gsqlite3", "gsqlite3-dnssec=no", "gsqlite3-database=~/geopipe.yaml",
                says: ":12:17: warning: pdns signs nothing with the keys in gsqlite3; write gsqlite3-dnssec=yes"),
            LintCase(
                "launch=pipe,gsqlite3", "gsqlite3-dnssec=yes",
                says:
                    ":1:13: pdns looks for the database 'powerdns.sqlite' in the folder where it is started, and does not start; write gsqlite3-database=/var/lib/powerdns/pdns.sqlite3"
            ),
            LintCase(
                "launch=pipe,gsqlite3:k", "gsqlite3-k-dnssec=yes", "gsqlite3-k-database=~/keys",
                says:
                    ":13:21: pdns does not start: the database ~/keys does not exist; make it, or write gsqlite3-k-database=/var/lib/powerdns/pdns.sqlite3"
            ),
        ])
    func keys(settings: LintCase) throws {
        try settings.check(Machine())
    }
}
