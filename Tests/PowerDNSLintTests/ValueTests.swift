import Testing

@testable import PowerDNSLint

@Suite("Values of settings")
struct ValueTests {
    @Test(
        "values",
        arguments: [
            LintCase(
                "-zone-cache-refresh-interval",
                says:
                    ": with zone-cache-refresh-interval=300, the default, pdns 4.6 and newer do not start: the pipe backend cannot list its zones; write zone-cache-refresh-interval=0"
            ),
            LintCase(
                "zone-cache-refresh-interval=60",
                says:
                    ":6:29: with zone-cache-refresh-interval=60 pdns 4.6 and newer do not start: the pipe backend cannot list its zones; write zone-cache-refresh-interval=0"
            ),
            LintCase(
                "edns-subnet-processing=off",
                says:
                    ":5:24: with edns-subnet-processing=off pdns ignores the client subnets of resolvers, and every client seems to be where its resolver is; write edns-subnet-processing=yes"
            ),
            LintCase(
                "-pipe-abi-version",
                says:
                    ": with pipe-abi-version=1, the default, geopipe gets no client subnet and cannot limit an answer to some clients, so that pdns gives it to all; write pipe-abi-version=5"
            ),
            LintCase(
                "pipe-abi-version=2",
                configuration: Machine.motionless,
                says:
                    ":3:18: warning: with pipe-abi-version=2 pdns passes no commands of pdnsutil on to geopipe; write pipe-abi-version=5"
            ),
            LintCase(
                "pipe-abi-version=6",
                says:
                    ":3:18: with pipe-abi-version=6 geopipe refuses to talk to pdns, and nothing is answered; write pipe-abi-version=5"
            ),
            LintCase(
                "cache-ttl=a", says: ":8:11: cache-ttl=a is not a number, and pdns does not start; write cache-ttl=20"),
            LintCase(
                "consistent-backends=yes",
                says:
                    ":7:21: warning: with consistent-backends=yes pdns asks geopipe everything twice; write consistent-backends=no"
            ),
            LintCase(
                "query-cache-ttl=0",
                says:
                    ":12:17: warning: with query-cache-ttl=0 pdns asks geopipe twice or more for records that are the same for all clients; write query-cache-ttl=20"
            ),
            LintCase(
                "max-cache-entries=0",
                says:
                    ":12:19: warning: with max-cache-entries=0 pdns keeps nothing, and asks geopipe up to four times a question; write max-cache-entries=1000000"
            ),
            LintCase(
                "negquery-cache-ttl=2",
                says:
                    ":9:20: warning: with negquery-cache-ttl=2 a coprocess that dies makes pdns answer 'no such name' to all clients for 2 s; write negquery-cache-ttl=1"
            ),
            LintCase(
                "distributor-threads=0",
                says:
                    ":11:21: with distributor-threads=0 pdns does not start: it has no thread to ask geopipe; write distributor-threads=1"
            ),
            LintCase(
                "distributor-threads=2", "max-queue-length=100",
                says:
                    ":11:21: warning: with distributor-threads=2 pdns lets questions wait for a coprocess that is still starting, and ends when 100 wait, which more receiver-threads do not; write distributor-threads=1"
            ),
            LintCase(
                "receiver-threads=0",
                says: ":10:18: with receiver-threads=0 pdns answers nothing over UDP; write receiver-threads=2"),
            LintCase(
                "receiver-threads=1",
                says:
                    ":10:18: warning: with receiver-threads=1 no question is answered while the only coprocess starts; write receiver-threads=2"
            ),
            LintCase(
                "receiver-threads=15",
                says:
                    ":4:14: warning: with pipe-timeout=5000 pdns may kill coprocesses that are still starting: reading zones and databases took 300 ms here, and 17 start together on 2 cores; write pipe-timeout=6000",
                ":10:18: warning: with receiver-threads=15 pdns starts 17 coprocesses, each with memory of its own, for 2 cores; write receiver-threads=2"
            ),
            LintCase(
                "master=yes",
                says:
                    ":12:1: warning: pdns 4.9 and newer do not start with 'master'; write primary=yes, which pdns 4.7 knows, too",
                ":12:8: warning: with master=yes pdns notifies no secondary, because the pipe backend cannot list its zones; write master=no"
            ),
            LintCase(
                "primary=yes",
                says:
                    ":12:9: warning: with primary=yes pdns notifies no secondary, because the pipe backend cannot list its zones; write primary=no"
            ),
            LintCase(
                "allow-axfr-ips=127.0.0.1, 192.0.2.0/24",
                says:
                    ":12:27: warning: a zone transfer has the answers for a client of unknown place, and a secondary at 192.0.2.0/24 gives them to all clients; write allow-axfr-ips=127.0.0.0/8,::1"
            ),
            LintCase(
                "pipe-regex=(",
                says: ":12:12: pdns does not start: '(' is not a regular expression; remove it"),
            LintCase(
                "pipe-regex=a++++++++++++++++++++",
                says:
                    ":12:12: pdns may run out of memory: 'a++++++++++++++++++++' repeats repetitions too often; remove pipe-regex"
            ),
            LintCase(
                "pipe-regex=^geo\\.example\\.com\\.$",
                says:
                    ":12:12: pdns refuses all questions for geo.example.com, because its name does not match; remove pipe-regex"
            ),
        ])
    func values(settings: LintCase) throws {
        try settings.check(Machine())
    }

    @Test(
        "lines whose meaning for pdns differs from their look",
        arguments: [
            LintCase(
                "# a \\", "query-cache-ttl=0",
                says:
                    ":13:1: warning: the comment above ends with a \\, and pdns takes this line for a part of it; take the \\ away"
            ),
            LintCase(
                "query-cache-ttl=0\\",
                says: ":12:1: warning: the file ends after a \\, and pdns drops this line; take the \\ away"),
            LintCase(
                "consistent-backends=false",
                says: ":7:21: warning: pdns takes consistent-backends=false for yes; write consistent-backends=no",
                ":7:21: warning: with consistent-backends=false pdns asks geopipe everything twice; write consistent-backends=no"
            ),
            LintCase(
                "query-logging=No",
                says: ":12:15: warning: pdns takes query-logging=No for yes; write query-logging=no",
                ":12:15: warning: with query-logging=No pdns writes a line into its log for every question that it asks geopipe; write query-logging=no"
            ),
        ])
    func traps(settings: LintCase) throws {
        try settings.check(Machine())
    }
}
