import Testing

@testable import PowerDNSLint

@Suite("Settings that the records of the zones need")
struct RecordSettingTests {
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
        "records that pdns computes answers from",
        arguments: [
            LintCase(
                configuration: Machine.record("DNAME: new.example.net."),
                says:
                    ": with dname-processing=no, the default, pdns answers 'no such name' below the DNAME of zone static.example.org; write dname-processing=yes"
            ),
            LintCase("dname-processing=yes", configuration: Machine.record("DNAME: new.example.net.")),
            LintCase(
                configuration: Machine.record("ALIAS: www.example.net."),
                says:
                    ": pdns has no address for the ALIAS of zone static.example.org; write expand-alias=yes and resolver=127.0.0.53, or whichever resolver there is"
            ),
            LintCase(
                "expand-alias=yes", "resolver=no", configuration: Machine.record("ALIAS: www.example.net."),
                says:
                    ":13:10: pdns has no address for the ALIAS of zone static.example.org; write resolver=127.0.0.53, or whichever resolver there is"
            ),
            LintCase("expand-alias", "resolver=[::1]:53", configuration: Machine.record("ALIAS: www.example.net.")),
            LintCase(
                configuration: Machine.configuration("192.0.2.10", "{ A: 198.51.100.10, ALIAS: a.example.net. }"),
                says:
                    ": pdns has no address for the ALIAS of zone geo.example.com; write expand-alias=yes and resolver=127.0.0.53, or whichever resolver there is"
            ),
        ])
    func workedOut(settings: LintCase) throws {
        try settings.check(Machine())
    }
}
