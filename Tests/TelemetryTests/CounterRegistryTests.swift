import Foundation
import Glibc
import Testing

@testable import Telemetry

@Suite("Counter registry of a coprocess")
struct CounterRegistryTests {
    private static let sender = Report.Sender(process: 1, start: 2)

    private func tally(
        zones: [String] = ["example.com"], services: [String] = ["web"], datacenters: [String] = ["oslo"]
    ) -> SnapshotCounters {
        SnapshotCounters(zoneCount: zones.count, services: services, datacenters: datacenters) { zones[$0] }
    }

    private func answers(_ service: String, _ datacenter: String) -> Series {
        .answers(service: service, datacenter: datacenter)
    }

    /// Returns the counts that are sent, and their datagrams.
    private func reported(_ ledger: inout CounterRegistry) -> [Series: Int] {
        var counts: [Series: Int] = [:]
        let isAll = ledger.tell(as: Self.sender, loaded: 5) { datagram in
            for count in Report(datagram)?.counts ?? [] { counts[count.series] = count.value }
            return true
        }
        #expect(isAll)
        return counts
    }

    @Test("counts are by name")
    func names() {
        var ledger = CounterRegistry(MetricsRecorder())
        let tally = tally(
            zones: ["a.example", "b.example"], services: ["web", "api"], datacenters: ["oslo", "ashburn"])
        ledger.follow(tally)
        for _ in 0..<3 { tally.writer.countQuestion(zone: 1, .answered) }
        tally.writer.countQuestion(zone: 0, .empty)
        tally.writer.countQuestion(zone: nil, .refused)
        tally.writer.countAnswer(service: 1, datacenter: 0)
        tally.writer.countAnswer(service: 0, datacenter: 1)
        tally.writer.countAnswer(service: 1, datacenter: 0)
        ledger.count(country: "NO")
        ledger.update()
        #expect(
            reported(&ledger) == [
                .questions(zone: "b.example", result: .answered): 3, .questions(zone: "a.example", result: .empty): 1,
                .questions(zone: "", result: .refused): 1, answers("api", "oslo"): 2, answers("web", "ashburn"): 1,
                .clients(country: "NO"): 1,
            ])
    }

    @Test("counts continue by name when another configuration is loaded")
    func reload() {
        var ledger = CounterRegistry(MetricsRecorder())
        var old: SnapshotCounters? = tally(services: ["web", "api"])
        weak let released = old
        ledger.follow(old!)
        old!.writer.countAnswer(service: 1, datacenter: 0)
        ledger.update()
        let new = tally(services: ["api", "web"])
        ledger.follow(new)
        new.writer.countAnswer(service: 0, datacenter: 0)
        old!.writer.countAnswer(service: 1, datacenter: 0)
        old!.writer.countAnswer(service: 0, datacenter: 0)
        old = nil
        ledger.update()
        #expect(ledger[answers("api", "oslo")] == 3)
        #expect(ledger[answers("web", "oslo")] == 1)
        #expect(released != nil, "hits may still need its names")
        new.writer.countAnswer(service: 0, datacenter: 0)
        ledger.update()
        #expect(released == nil)
        #expect(ledger[answers("api", "oslo")] == 4)
    }

    @Test("changes are sent, and everything on request")
    func changes() {
        var ledger = CounterRegistry(MetricsRecorder())
        let tally = tally(services: ["web", "api"])
        ledger.follow(tally)
        tally.writer.countAnswer(service: 0, datacenter: 0)
        tally.writer.countAnswer(service: 1, datacenter: 0)
        ledger.update()
        #expect(reported(&ledger).count == 2)
        tally.writer.countAnswer(service: 1, datacenter: 0)
        ledger.update()
        #expect(reported(&ledger) == [answers("api", "oslo"): 2])
        ledger.update()
        #expect(reported(&ledger) == [:])
        ledger.resendAll()
        #expect(reported(&ledger) == [answers("web", "oslo"): 1, answers("api", "oslo"): 2])
    }

    @Test("without changes nothing is sent")
    func silence() {
        let recorder = MetricsRecorder()
        var ledger = CounterRegistry(recorder)
        var datagrams = 0
        func tell() {
            _ = ledger.tell(as: Self.sender, loaded: 5) { _ in
                datagrams += 1; return true
            }
        }
        tell()
        tell()
        #expect(datagrams == 1)
        recorder.count(1, of: 1_000)
        tell()
        tell()
        #expect(datagrams == 2)
    }

    @Test("counts that could not be sent are sent later, after any number of failures")
    func failure() {
        var ledger = CounterRegistry(MetricsRecorder())
        let services = (0..<2_000).map { "service \($0)" }
        let tally = tally(services: services)
        ledger.follow(tally)
        for service in services.indices {
            for _ in 0...service { tally.writer.countAnswer(service: service, datacenter: 0) }
        }
        ledger.update()
        var counts: [Series: Int] = [:]
        var attempts = 0
        var rounds = 0
        var isAll = false
        while !isAll, rounds < 1_000 {
            rounds += 1
            isAll = ledger.tell(as: Self.sender, loaded: nil) { datagram in
                attempts += 1
                guard attempts % 2 == 0 else { return false }
                for count in Report(datagram)?.counts ?? [] { counts[count.series] = count.value }
                return true
            }
        }
        #expect(rounds > 5)
        #expect(counts.count == 2_000)
        #expect(services.enumerated().allSatisfy { counts[answers($1, "oslo")] == $0 + 1 })
    }

    @Test("durations, dropped hits and unserved questions are counted")
    func condition() throws {
        let recorder = MetricsRecorder()
        var ledger = CounterRegistry(recorder)
        recorder.count(5, of: 1_500)
        recorder.count(2, of: 20_000_000_000)
        recorder.countUnserved()
        ledger.update()
        var report: Report?
        _ = ledger.tell(as: Self.sender, loaded: 77) { datagram in
            report = Report(datagram)
            return true
        }
        let condition = try #require(report?.condition)
        #expect(condition.loaded == 77)
        #expect(condition.durations.sum == 5 * 1_500 + 40_000_000_000)
        #expect(condition.durations.counts[1] == 5)
        #expect(condition.durations.counts.last == 2)
        #expect(condition.durations.counts.reduce(0, +) == 7)
        #expect(report?.counts == [.init(.questions(zone: "", result: .refused), 1)])
    }

    @Test("10,000 services in 1,000 datacenters take memory and time only for the counters in use")
    func large() throws {
        let table = CounterTable(count: 10_000 * 1_000)
        #expect(table.count == 10_000_000)
        for service in 0..<100 { table.add(1, at: service * 1_000 + 7) }
        var used = 0
        table.forEachUsed { order, position, value in
            #expect(order == used && position == order * 1_000 + 7 && value == 1)
            used += 1
        }
        #expect(used == 100)
        // The 100 counters are on different pages except for adjacent ones; the kernel may commit several pages at
        // once.
        let pageSize = Int(sysconf(CInt(_SC_PAGESIZE)))
        let start = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: table.writer.counters) & ~UInt(pageSize - 1))!
        var residence = [UInt8](repeating: 0, count: table.count * 8 / pageSize)
        try #require(mincore(start, residence.count * pageSize, &residence) == 0)
        #expect(residence.count { $0 & 1 != 0 } < residence.count / 4)
    }

    @Test("counts are right while another thread counts")
    func threads() {
        let tally = tally(services: (0..<100).map { "\($0)" }, datacenters: ["oslo", "ashburn"])
        var ledger = CounterRegistry(MetricsRecorder())
        ledger.follow(tally)
        let count = 500_000
        let writer = Thread {
            for number in 0..<count { tally.writer.countAnswer(service: number % 100, datacenter: number / 100 % 2) }
        }
        writer.start()
        let deadline = ContinuousClock.now + .seconds(60)
        func sum() -> Int {
            ["oslo", "ashburn"].reduce(0) { sum, datacenter in
                (0..<100).reduce(sum) { $0 + ledger[answers("\($1)", datacenter)] }
            }
        }
        var last = 0
        while last < count, ContinuousClock.now < deadline {
            ledger.update()
            #expect(sum() >= last)
            last = sum()
        }
        #expect(last == count)
        #expect(ledger[answers("42", "oslo")] == count / 200)
    }
}

@Suite("Durations: buckets")
struct DurationTests {
    @Test(
        "a duration is in the bucket of the next bound",
        arguments: [
            (0, 0), (1_000, 0), (1_001, 1), (2_000, 1), (999_999_999, 18), (1_000_000_000, 18), (1_000_000_001, 19),
            (Int.max, 19),
        ])
    func bucket(nanoseconds: Int, bucket: Int) {
        #expect(Durations.bucket(nanoseconds) == bucket)
    }

    @Test("bounds ascend from 1 us to 1 s")
    func bounds() {
        #expect(Durations.bounds == Durations.bounds.sorted())
        #expect(Durations.bounds.first == 1_000)
        #expect(Durations.bounds.last == 1_000_000_000)
    }
}
