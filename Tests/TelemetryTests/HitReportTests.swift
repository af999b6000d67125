import Geography
import Support
import Testing

@testable import Telemetry

@Suite("Hit reports")
struct HitReportTests {
    private static let sender = Report.Sender(process: 4711, start: 1_795_428_348_123_456_789)

    private static func hit(_ name: String = "www.example.com", weight: Int = 1) -> SampledHit {
        SampledHit(
            time: 1_764_528_000_123, network: IPPrefix("192.0.2.0/24")!, country: "NO",
            coordinates: Coordinates(latitude: 59.91, longitude: -10.75), name: name, service: "web",
            datacenters: ["oslo"], scope: 24, side: nil, weight: weight)
    }

    private static let full: HitReport = {
        var report = HitReport(sender: sender)
        var odd = hit("tab\tline\nback\\slash \"quoted\" 東京", weight: HitReport.weightLimit)
        (odd.country, odd.coordinates, odd.side, odd.isByDefault) = ("", nil, .new, true)
        (odd.network, odd.scope, odd.datacenters) = (IPPrefix("2001:db8:1:100::/56")!, 128, [])
        var several = hit("")
        (several.datacenters, several.side, several.isByDefault) = (["oslo", "a,b\tc"], .old, false)
        report.hits = [hit(), odd, several]
        return report
    }()

    @Test("hit reports are read as they were written")
    func roundTrip() {
        let datagrams = Self.full.datagrams
        #expect(datagrams.count == 1)
        #expect(HitReport(datagrams[0]) == Self.full)
        #expect(HitReport.isTitled(datagrams[0]))
        #expect(Report(datagrams[0]) == nil)
        #expect(HitReport(sender: Self.sender).datagrams.isEmpty)
    }

    @Test("a long hit report is split into datagrams of at most 8 KiB")
    func splitting() throws {
        var report = HitReport(sender: Self.sender)
        report.hits = (1...500).map { Self.hit(String(repeating: "x", count: 2 * $0), weight: $0) }
        let parts = report.datagrams
        #expect(parts.allSatisfy { $0.count <= Report.sizeLimit })
        let read = try parts.map { try #require(HitReport($0)) }
        #expect(read.flatMap(\.hits) == report.hits)
    }

    @Test("a hit has at most 16 datacenters and a truncated name; a hit that is still too long is left out")
    func limits() throws {
        var hit = Self.hit(String(repeating: "x", count: 5_000))
        hit.datacenters = (0..<20).map { "d\($0)" }
        var long = Self.hit()
        long.datacenters = (0..<16).map { _ in String(repeating: "x", count: 1_000) }
        var report = HitReport(sender: Self.sender)
        report.hits = [hit, long, Self.hit()]
        let read = try #require(HitReport(report.datagrams[0]))
        #expect(read.hits.map(\.name.utf8.count) == [1_024, 15])
        #expect(read.hits[0].datacenters == (0..<16).map { "d\($0)" })
    }

    private static let head = "geopipe-hits 1\t1\t2\n"
    private static let good =
        "hit\t1764528000123\t1\t192.0.2.0/24\tNO\t59.9\t10.7\t24\tnew\trule\tweb\twww.example.com\toslo\n"

    @Test(
        "invalid hit reports are refused",
        arguments: [
            "", head, head + "end", head + "end\n\n", head + good, head + "\nend\n", head + "hit\nend\n",
            "geopipe-hits 2\t1\t2\n\(good)end\n", "geopipe-telemetry 1\t1\t2\n\(good)end\n",
        ]
            + [
                ("1764528000123", "253402300800000"), ("1764528000123", "-1"), ("1764528000123", ""),
                ("\t1\t", "\t0\t"),
                ("\t1\t", "\t1000000001\t"), ("\t1\t", "\t1.5\t"), ("192.0.2.0/24", "192.0.2.0/25"),
                ("192.0.2.0/24", "192.0.2.1"), ("192.0.2.0/24", "2001:db8::/57"), ("192.0.2.0/24", "x"),
                ("NO", "no"), ("NO", "NOR"), ("59.9", ""), ("59.9", "91"), ("59.9", "nan"), ("59.9", "inf"),
                ("59.9", "0x1p3"), ("10.7", ""), ("10.7", "181"), ("10.7", "1e999"), ("\t24\t", "\t33\t"),
                ("\t24\t", "\t\t"), ("new", "newer"), ("rule", "ruler"), ("web", "w\\eb"), ("oslo", "os\\"),
                ("\toslo", String(repeating: "\toslo", count: 17)), ("\tweb\twww.example.com\toslo", "\tweb"),
            ].map { head + good.replacing($0.0, with: $0.1) + "end\n" })
    func foreign(text: String) {
        #expect(HitReport(Array((Self.head + Self.good + "end\n").utf8)) != nil)
        #expect(HitReport(Array(text.utf8)) == nil)
    }

    @Test("truncated hit reports are refused")
    func torn() {
        let datagram = Self.full.datagrams[0]
        for length in 0..<datagram.count { #expect(HitReport(datagram.prefix(length)) == nil) }
    }

    @Test("damaged hit reports do no harm, and what is read can be written again")
    func damaged() throws {
        var random = SeededGenerator(seed: Effort.seed)
        let datagram = Self.full.datagrams[0]
        var readable = 0
        for _ in 0..<10_000 * Effort.rounds {
            var bytes = datagram
            for _ in 0..<random.number(1...3) {
                let place = random.number(0...(bytes.count - 1))
                switch random.number(0...2) {
                case 0: bytes[place] = UInt8(random.number(0...255))
                case 1: bytes[place] = random.one(of: Array("\t\n\\059e./".utf8))
                default: bytes.removeSubrange(place..<min(bytes.count, place + random.number(1...20)))
                }
            }
            guard let report = HitReport(bytes) else { continue }
            readable += 1
            #expect(HitReport(report.datagrams[0]) == report)
        }
        #expect(readable > 100)
    }
}

@Suite("Hit samples")
struct HitSampleTests {
    @Test("a few hits are all kept, with weight 1")
    func few() {
        var sample = HitSample<Int>(seed: 1)
        for number in 0..<50 { sample.offer(number) }
        let taken = sample.take(at: 0)
        #expect(taken.map(\.element) == Array(0..<50))
        #expect(taken.allSatisfy { $0.weight == 1 })
        #expect(sample.take(at: 100).isEmpty)
    }

    @Test("many hits are limited by time, and their weights add up to all", arguments: [10, 100, 500, 10_000])
    func many(milliseconds: Int) {
        var sample = HitSample<Int>(seed: 2)
        _ = sample.take(at: 0)
        for number in 0..<12_345 { sample.offer(number) }
        sample.miss(55)
        let taken = sample.take(at: milliseconds)
        #expect(taken.count == min(50, (milliseconds + 9) / 10))
        #expect(taken.reduce(0) { $0 + $1.weight } == 12_400)
        let weights = taken.map(\.weight)
        #expect(weights.max()! - weights.min()! <= 1)
    }

    @Test("each hit has the same probability")
    func uniform() {
        var sample = HitSample<Int>(seed: 3)
        var counts = Array(repeating: 0, count: 20)
        for round in 0..<2_000 {
            for number in 0..<1_000 { sample.offer(number) }
            for (number, _) in sample.take(at: round * 200) { counts[number / 50] += 1 }
        }
        // Each round except the first takes 20 hits, so about 2000 of each twentieth.
        #expect(counts.allSatisfy { 1_800...2_200 ~= $0 }, "\(counts)")
    }
}

@Suite("Durations: quantiles")
struct DurationsTests {
    @Test("quantiles are interpolated within a bucket")
    func quantiles() {
        var durations = Durations()
        #expect(durations.quantile(0.5) == nil)
        durations.count(100, of: 15_000)
        #expect(durations.quantile(0.5) == 15_000)
        #expect(durations.quantile(1) == 20_000)
        durations.count(100, of: 30_000)
        // Rank 198 of 200: the 98th of a hundred answers from 20 to 50 µs.
        #expect(durations.quantile(0.99) == 20_000 + 30_000 * 0.98)
        #expect(durations.quantile(0.25) == 15_000)
        var slow = Durations()
        slow.count(1, of: 5_000_000_000)
        #expect(slow.quantile(0.5) == 1_000_000_000)
        var first = Durations()
        first.count(1, of: 500)
        #expect(first.quantile(0.5) == 500)
    }

    @Test("durations since an earlier state are the difference, never negative")
    func difference() {
        var earlier = Durations()
        earlier.count(3, of: 900)
        var later = earlier
        later.count(2, of: 1_500)
        var expected = Durations()
        expected.count(2, of: 1_500)
        #expect(later.since(earlier) == expected)
        #expect(earlier.since(later) == Durations())
    }
}
