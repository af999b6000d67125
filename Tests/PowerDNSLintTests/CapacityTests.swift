import Testing

@testable import PowerDNSLint

/// Settings compared with the cores of the machine, and with the time that a coprocess takes to start.
@Suite("Threads and time-outs")
struct CapacityTests {
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
                    "~/\(file):10:18: note: with receiver-threads=2 receivers and coprocesses share all cores; many simultaneous questions are answered faster by one pdns for each core (docs/pdns.md: One pdns for each core)"
                ])
        }
        #expect(try findings("pdns-0.conf", receivers: 1) == [])
        #expect(try findings("pdns-public.conf", receivers: 1).count == 1)
        machine.cores = 1
        #expect(try findings("pdns.conf", receivers: 2) == [])
    }

    @Test(
        "the timeout compared with the time of a start",
        arguments: [
            (300, 0, "pdns waits forever for a coprocess that hangs", 5000, true),
            (
                300, 300,
                "pdns kills each coprocess before its first answer: reading zones and databases took 300 ms here",
                5000, false
            ),
            (
                300, 1199,
                "pdns may kill coprocesses that are still starting: reading zones and databases took 300 ms here, and 4 start together on 2 cores",
                5000, true
            ),
            (
                1500, 5000,
                "pdns may kill coprocesses that are still starting: reading zones and databases took 1500 ms here, and 4 start together on 2 cores",
                6000, true
            ),
            (
                2, 499,
                "pdns may kill coprocesses that are still starting: reading zones and databases took 2 ms here, and 4 start together on 2 cores",
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
}
