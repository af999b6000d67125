import Testing

@testable import PowerDNSLint

@Suite("Findings about a whole pdns.conf")
struct FindingTests {
    @Test(
        "correct settings have no findings",
        arguments: [
            LintCase(), LintCase("# a comment"), LintCase("launch=pipe,bind", "bind-config=/etc/named.conf"),
            LintCase("foo=1", "ignore-unknown-settings=bar, foo"), LintCase("cache-ttl=20"),
            LintCase("query-cache-ttl=0x14"),
            LintCase(
                "pipe-abi-version=2", "edns-subnet-processing=no", "pipe-abi-version=5",
                configuration: Machine.motionless),
            LintCase("pipe-regex=example"), LintCase("edns-subnet-processing"), LintCase("consistent-backends=off"),
            LintCase("distributor-threads=", "receiver-threads=14"),
            LintCase("disable-axfr=yes", "allow-axfr-ips=0.0.0.0/0"),
            LintCase("launch=pipe,bind", "primary=yes"),
            LintCase("module-dir=~", "load-modules=/lib/libpipebackend.so"),
        ])
    func fine(settings: LintCase) throws {
        try settings.check(Machine())
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
}
