import Foundation
import Testing

@testable import PowerDNSLint

/// The findings about settings with one error.
@Suite("Findings")
struct FindingTests {
    /// Lines that replace, or are added to, those of `Machine.good`, and the expected findings.
    struct Case: CustomTestStringConvertible, Sendable {
        var lines: [String]
        var findings: [String]
        var configuration = Machine.uniform

        init(_ lines: String..., configuration: String = Machine.uniform, says findings: String...) {
            self.lines = lines
            self.findings = findings.map { "~/pdns.conf\($0)" }
            self.configuration = configuration
        }

        var testDescription: String { lines.joined(separator: "; ") }

        func check(_ machine: Machine) throws {
            try machine.write(configuration, to: "geopipe.yaml")
            #expect(try machine.findings(Machine.good(with: lines)) == findings)
        }
    }

    @Test(
        "correct settings have no findings",
        arguments: [
            Case(), Case("# a comment"), Case("launch=pipe,bind", "bind-config=/etc/named.conf"),
            Case("foo=1", "ignore-unknown-settings=bar, foo"), Case("cache-ttl=20"), Case("query-cache-ttl=0x14"),
            Case(
                "pipe-abi-version=2", "edns-subnet-processing=no", "pipe-abi-version=5",
                configuration: Machine.motionless),
            Case("pipe-regex=example"), Case("edns-subnet-processing"), Case("consistent-backends=off"),
            Case("distributor-threads=", "receiver-threads=14"), Case("disable-axfr=yes", "allow-axfr-ips=0.0.0.0/0"),
            Case("launch=pipe,bind", "primary=yes"), Case("module-dir=~", "load-modules=/lib/libpipebackend.so"),
        ])
    func fine(settings: Case) throws {
        try settings.check(Machine())
    }

    @Test(
        "launched backends",
        arguments: [
            Case("launch=", says: ":1:1: pdns does not start: no backend is launched; write launch=pipe"),
            Case(
                "launch=bind, gsqlite3", "-pipe-command", "-pipe-abi-version", "-pipe-timeout",
                says: ":1:8: pdns never asks geopipe: no pipe backend is launched; write launch=pipe,bind,gsqlite3"),
            Case("launch=pipe pipe", says: ":1:13: pdns does not start with pipe launched twice; write launch=pipe"),
            Case("launch+=pipe", says: ":12:9: pdns does not start with pipe launched twice; write launch=pipe"),
            Case(
                "launch=bind,pipe",
                says:
                    ":1:8: warning: pdns asks bind before geopipe, which gets no question for a zone that both have; write launch=pipe,bind"
            ),
            Case(
                "launch=pipe,pipe:b", "pipe-b-command=/srv/geopipe",
                says:
                    ":1:13: warning: geopipe is launched once more, which takes as much memory again and answers only for what the first has not; put all zones into one configuration and write launch=pipe"
            ),
            Case(
                "module-dir=~",
                says:
                    ":12:12: pdns does not start: ~ has no libpipebackend.so; take module-dir out, and install the pipe backend (Debian: pdns-backend-pipe)"
            ),
        ])
    func launch(settings: Case) throws {
        try settings.check(Machine())
    }

    @Test("one pdns for each core needs one receiver, and is suggested where one pdns has several cores")
    func cores() throws {
        let machine = try Machine()
        func findings(_ file: String, receivers: Int) throws -> [String] {
            try machine.write(Machine.good(with: ["receiver-threads=\(receivers)"]), to: file)
            return try machine.findings(in: file, hasNotes: true)
        }
        for file in ["pdns.conf", "pdns-0.conf"] {
            #expect(
                try findings(file, receivers: 2) == [
                    "~/\(file):10:18: note: with receiver-threads=2 receivers and coprocesses share all cores; many questions at once are answered faster by one pdns for each core (docs/pdns.md: One pdns for each core)"
                ])
        }
        #expect(try findings("pdns-0.conf", receivers: 1) == [])
        #expect(try findings("pdns-public.conf", receivers: 1).count == 1)
        machine.cores = 1
        #expect(try findings("pdns.conf", receivers: 2) == [])
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
                "~/pdns.conf:12:1: pdns does not start with 'pipe-timeout': launch has no backend with such a setting; take it out, or write pipe-geo-timeout=1"
            ])
    }

    @Test(
        "unknown settings",
        arguments: [
            Case(
                "cahce-ttl=1",
                says: ":12:1: pdns does not start with the unknown setting 'cahce-ttl'; write cache-ttl=1"),
            Case(
                "Cache-ttl=1",
                says: ":12:1: pdns does not start with the unknown setting 'Cache-ttl'; write cache-ttl=1"),
            Case(
                "[pdns]",
                says:
                    ":12:1: warning: pdns 4.7 does not know '[pdns]' and does not start with it, though a newer one may; take it out"
            ),
            Case(
                "gmysql-host=x",
                says:
                    ":12:1: pdns does not start with 'gmysql-host': launch has no backend with such a setting; take it out"
            ),
            Case(
                "foo+=x", says: ":12:1: += needs a present value of foo, and pdns does not start; write foo=x",
                ":12:1: warning: pdns 4.7 does not know 'foo' and does not start with it, though a newer one may; take it out"
            ),
        ])
    func names(settings: Case) throws {
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
                says: "12:1: pdns 4.7 does not start with 'views', which pdns 5.0 brought; take it out"),
            .init(
                "4.9.18", "views=no",
                says: "12:1: pdns 4.9.18 does not start with 'views', which pdns 5.0 brought; take it out"),
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
                says: "12:1: pdns 5.0 does not start with 'logging-structured', which pdns 5.1 brought; take it out"),
            .init("4.8", "default-catalog-zone=c.example.net", "workaround-11804=yes"),
            .init(
                "4.7.3", "default-catalog-zone=c.example.net",
                says: "12:1: pdns 4.7.3 does not start with 'default-catalog-zone', which pdns 4.8 brought; take it out"
            ),
            .init(
                "4.8", "loglevel-show=yes",
                says: "12:1: pdns 4.8 does not start with 'loglevel-show', which pdns 4.9 brought; take it out"),
            .init("4.9", "loglevel-show=yes", "delay-notifications=1", "lua-records-insert-whitespace=no"),
            // Settings that are newer within a release
            .init(
                "4.9.0", "lua-records-insert-whitespace=no",
                says:
                    "12:1: pdns 4.9.0 does not start with 'lua-records-insert-whitespace', which pdns 4.9.1 brought; take it out"
            ),
            .init(
                "4.8.3", "webserver-connection-timeout=1",
                says:
                    "12:1: pdns 4.8.3 does not start with 'webserver-connection-timeout', which pdns 4.8.5 brought; take it out"
            ),
            .init("4.8.5", "webserver-connection-timeout=1"), .init("4.9.2-1", "webserver-connection-timeout=1"),
            .init("5.0.0", "webserver-connection-timeout=1"), .init("4.9.18", "max-pointers-per-name=1"),
            .init(
                "5.0.2", "max-pointers-per-name=1",
                says:
                    "12:1: pdns 5.0.2 does not start with 'max-pointers-per-name', which pdns 5.0.8 brought; take it out"
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
                    "12:1: pdns 4.7.3 does not start with 'bind-autoprimary-config', which pdns 4.9 brought; take it out"
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

    @Test(
        "lines whose meaning for pdns differs from their look",
        arguments: [
            Case(
                "# a \\", "query-cache-ttl=0",
                says:
                    ":13:1: warning: the comment above ends with a \\, and pdns takes this line for a part of it; take the \\ away"
            ),
            Case(
                "query-cache-ttl=0\\",
                says: ":12:1: warning: the file ends after a \\, and pdns drops this line; take the \\ away"),
            Case(
                "consistent-backends=false",
                says: ":7:21: warning: pdns takes consistent-backends=false for yes; write consistent-backends=no",
                ":7:21: warning: with consistent-backends=false pdns asks geopipe everything twice; write consistent-backends=no"
            ),
            Case(
                "query-logging=No",
                says: ":12:15: warning: pdns takes query-logging=No for yes; write query-logging=no",
                ":12:15: warning: with query-logging=No pdns writes a line into its log for every question that it asks geopipe; write query-logging=no"
            ),
        ])
    func traps(settings: Case) throws {
        try settings.check(Machine())
    }

    @Test(
        "values",
        arguments: [
            Case(
                "-zone-cache-refresh-interval",
                says:
                    ": with zone-cache-refresh-interval=300, the default, pdns 4.6 and newer do not start: the pipe backend cannot list its zones; write zone-cache-refresh-interval=0"
            ),
            Case(
                "zone-cache-refresh-interval=60",
                says:
                    ":6:29: with zone-cache-refresh-interval=60 pdns 4.6 and newer do not start: the pipe backend cannot list its zones; write zone-cache-refresh-interval=0"
            ),
            Case(
                "edns-subnet-processing=off",
                says:
                    ":5:24: with edns-subnet-processing=off pdns ignores the client subnets of resolvers, and every client seems to be where its resolver is; write edns-subnet-processing=yes"
            ),
            Case(
                "-pipe-abi-version",
                says:
                    ": with pipe-abi-version=1, the default, geopipe gets no client subnet and cannot limit an answer to some clients, so that pdns gives it to all; write pipe-abi-version=5"
            ),
            Case(
                "pipe-abi-version=2",
                configuration: Machine.motionless,
                says:
                    ":3:18: warning: with pipe-abi-version=2 pdns passes no commands of pdnsutil on to geopipe; write pipe-abi-version=5"
            ),
            Case(
                "pipe-abi-version=6",
                says:
                    ":3:18: with pipe-abi-version=6 geopipe refuses to talk to pdns, and nothing is answered; write pipe-abi-version=5"
            ),
            Case(
                "cache-ttl=a", says: ":8:11: cache-ttl=a is not a number, and pdns does not start; write cache-ttl=20"),
            Case(
                "consistent-backends=yes",
                says:
                    ":7:21: warning: with consistent-backends=yes pdns asks geopipe everything twice; write consistent-backends=no"
            ),
            Case(
                "query-cache-ttl=0",
                says:
                    ":12:17: warning: with query-cache-ttl=0 pdns asks geopipe twice or more for records that are the same for all clients; write query-cache-ttl=20"
            ),
            Case(
                "max-cache-entries=0",
                says:
                    ":12:19: warning: with max-cache-entries=0 pdns keeps nothing, and asks geopipe up to four times a question; write max-cache-entries=1000000"
            ),
            Case(
                "negquery-cache-ttl=2",
                says:
                    ":9:20: warning: with negquery-cache-ttl=2 a coprocess that dies makes pdns answer 'no such name' to all clients for 2 s; write negquery-cache-ttl=1"
            ),
            Case(
                "distributor-threads=0",
                says:
                    ":11:21: with distributor-threads=0 pdns does not start: it has no thread to ask geopipe; write distributor-threads=1"
            ),
            Case(
                "distributor-threads=2", "max-queue-length=100",
                says:
                    ":11:21: warning: with distributor-threads=2 pdns lets questions wait for a coprocess that is only starting, and ends when 100 wait, which more receiver-threads do not; write distributor-threads=1"
            ),
            Case(
                "receiver-threads=0",
                says: ":10:18: with receiver-threads=0 pdns answers nothing over UDP; write receiver-threads=2"),
            Case(
                "receiver-threads=1",
                says:
                    ":10:18: warning: with receiver-threads=1 no question is answered while the only coprocess starts; write receiver-threads=2"
            ),
            Case(
                "receiver-threads=15",
                says:
                    ":4:14: warning: with pipe-timeout=5000 pdns may kill coprocesses that are only starting: reading zones and databases took 300 ms here, and 17 start at once on 2 cores; write pipe-timeout=6000",
                ":10:18: warning: with receiver-threads=15 pdns starts 17 coprocesses, each with memory of its own, for 2 cores; write receiver-threads=2"
            ),
            Case(
                "master=yes",
                says:
                    ":12:1: warning: pdns 4.9 and newer do not start with 'master'; write primary=yes, which pdns 4.7 knows, too",
                ":12:8: warning: with master=yes pdns notifies no secondary, because the pipe backend cannot list its zones; write master=no"
            ),
            Case(
                "primary=yes",
                says:
                    ":12:9: warning: with primary=yes pdns notifies no secondary, because the pipe backend cannot list its zones; write primary=no"
            ),
            Case(
                "allow-axfr-ips=127.0.0.1, 192.0.2.0/24",
                says:
                    ":12:27: warning: a zone transfer has the answers for a client of unknown place, and a secondary at 192.0.2.0/24 gives them to all clients; write allow-axfr-ips=127.0.0.0/8,::1"
            ),
            Case(
                "pipe-regex=(",
                says: ":12:12: pdns does not start: '(' is not a regular expression; take it out"),
            Case(
                "pipe-regex=a++++++++++++++++++++",
                says:
                    ":12:12: pdns may run out of memory: 'a++++++++++++++++++++' repeats repetitions too often; take pipe-regex out"
            ),
            Case(
                "pipe-regex=^geo\\.example\\.com\\.$",
                says:
                    ":12:12: pdns refuses all questions for geo.example.com, because its name does not match; take pipe-regex out"
            ),
        ])
    func values(settings: Case) throws {
        try settings.check(Machine())
    }

    @Test(
        "the timeout compared with the time of a start",
        arguments: [
            (300, 0, "pdns waits without end for a coprocess that hangs", 5000, true),
            (
                300, 300,
                "pdns kills each coprocess before its first answer: reading zones and databases took 300 ms here",
                5000, false
            ),
            (
                300, 1199,
                "pdns may kill coprocesses that are only starting: reading zones and databases took 300 ms here, and 4 start at once on 2 cores",
                5000, true
            ),
            (
                1500, 5000,
                "pdns may kill coprocesses that are only starting: reading zones and databases took 1500 ms here, and 4 start at once on 2 cores",
                6000, true
            ),
            (
                2, 499,
                "pdns may kill coprocesses that are only starting: reading zones and databases took 2 ms here, and 4 start at once on 2 cores",
                5000, true
            ),
        ])
    func timeout(start: Int, timeout: Int, consequence: String, remedy: Int, isWarning: Bool) throws {
        let machine = try Machine()
        machine.startTime = .milliseconds(start)
        #expect(
            try machine.findings(Machine.good(with: ["pipe-timeout=\(timeout)"])) == [
                "~/pdns.conf:4:14: \(isWarning ? "warning: " : "")with pipe-timeout=\(timeout) \(consequence); write pipe-timeout=\(remedy)"
            ])
        #expect(try machine.findings(Machine.good(with: ["pipe-timeout=\(remedy)"])) == [])
    }

    @Test(
        "record types that only some clients get",
        arguments: [
            (
                Machine.configuration("[192.0.2.10, \"2001:db8::1\"]", "198.51.100.10"),
                "service my has AAAA, but not in datacenter ashburn"
            ),
            (
                Machine.configuration("192.0.2.10", "[198.51.100.10, \"2001:db8::1\"]"),
                "service my has AAAA, but not in datacenter oslo"
            ),
            (
                Machine.configuration("192.0.2.10", "{ CNAME: www.example.net. }"),
                "service my has CNAME, but not in datacenter oslo"
            ),
            (
                Machine.configuration("192.0.2.10", "198.51.100.10", rule: "none"),
                "service my has A, but not for the clients that map browser sends to no datacenter"
            ),
        ])
    func types(configuration: String, lack: String) throws {
        let machine = try Machine()
        try machine.write(configuration, to: "geopipe.yaml")
        #expect(
            try machine.findings(Machine.good(with: ["cache-ttl=20"])) == [
                "~/pdns.conf:8:11: with cache-ttl=20 pdns gives 'no such record' of one client to all for 20 s: \(lack); write cache-ttl=0"
            ])
        #expect(try machine.findings(Machine.good(with: ["launch=pipe,gpgsql", "gpgsql-dnssec"])) == [])
    }

    @Test(
        "the backend with the keys of signed zones",
        arguments: [
            Case(
                "launch=pipe,gpgsql", "gpgsql-host=db",
                says: ":1:13: warning: pdns signs nothing with the keys in gpgsql; write gpgsql-dnssec=yes"),
            Case(
                "launch=pipe,gsqlite3", "gsqlite3-dnssec=no", "gsqlite3-database=~/geopipe.yaml",
                says: ":12:17: warning: pdns signs nothing with the keys in gsqlite3; write gsqlite3-dnssec=yes"),
            Case(
                "launch=pipe,gsqlite3", "gsqlite3-dnssec=yes",
                says:
                    ":1:13: pdns looks for the database 'powerdns.sqlite' in the folder where it is started, and does not start; write gsqlite3-database=/var/lib/powerdns/pdns.sqlite3"
            ),
            Case(
                "launch=pipe,gsqlite3:k", "gsqlite3-k-dnssec=yes", "gsqlite3-k-database=~/keys",
                says:
                    ":13:21: pdns does not start: the database ~/keys does not exist; make it, or write gsqlite3-k-database=/var/lib/powerdns/pdns.sqlite3"
            ),
        ])
    func keys(settings: Case) throws {
        try settings.check(Machine())
    }

    @Test(
        "records that pdns computes answers from",
        arguments: [
            Case(
                configuration: Machine.record("DNAME: new.example.net."),
                says:
                    ": with dname-processing=no, the default, pdns answers 'no such name' below the DNAME of zone static.example.org; write dname-processing=yes"
            ),
            Case("dname-processing=yes", configuration: Machine.record("DNAME: new.example.net.")),
            Case(
                configuration: Machine.record("ALIAS: www.example.net."),
                says:
                    ": pdns has no address for the ALIAS of zone static.example.org; write expand-alias=yes and resolver=127.0.0.53, or whichever resolver there is"
            ),
            Case(
                "expand-alias=yes", "resolver=no", configuration: Machine.record("ALIAS: www.example.net."),
                says:
                    ":13:10: pdns has no address for the ALIAS of zone static.example.org; write resolver=127.0.0.53, or whichever resolver there is"
            ),
            Case("expand-alias", "resolver=[::1]:53", configuration: Machine.record("ALIAS: www.example.net.")),
            Case(
                configuration: Machine.configuration("192.0.2.10", "{ A: 198.51.100.10, ALIAS: a.example.net. }"),
                says:
                    ": pdns has no address for the ALIAS of zone geo.example.com; write expand-alias=yes and resolver=127.0.0.53, or whichever resolver there is"
            ),
        ])
    func workedOut(settings: Case) throws {
        try settings.check(Machine())
    }

    @Test("a finding in an included file names that file")
    func included() throws {
        let machine = try Machine()
        try machine.write("# more\nlaunch += pipe:b\ncache-ttl=x", to: "d/more.conf")
        #expect(
            try machine.findings(Machine.good(with: ["include-dir=~/d", "query-cache-ttl=0"])) == [
                "~/pdns.conf: pdns does not start without pipe-b-command; write pipe-b-command=/usr/local/bin/geopipe --config ~/geopipe.yaml",
                "~/pdns.conf:13:17: warning: with query-cache-ttl=0 pdns asks geopipe twice or more for records that are the same for all clients; write query-cache-ttl=20",
                "~/d/more.conf:3:11: cache-ttl=x is not a number, and pdns does not start; write cache-ttl=20",
            ])
    }

    @Test("an empty file has a finding for every wrong default")
    func empty() throws {
        #expect(
            try Machine().findings("").map { $0.prefix { $0 != "," }.replacing("~/pdns.conf: ", with: "") } == [
                "pdns does not start: no backend is launched; write launch=pipe",
                "with zone-cache-refresh-interval=300", "with edns-subnet-processing=no",
                "warning: with consistent-backends=yes", "warning: with negquery-cache-ttl=60",
                "warning: with distributor-threads=3",
            ])
    }
}
