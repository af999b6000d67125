import Support
import Testing

@testable import Telemetry

@Suite("Aggregated metrics of all coprocesses")
struct AggregatedMetricsTests {
    private let norway = Series.clients(country: "NO")

    private func report(_ process: Int, start: Int = 1, _ counts: (Series, Int)...) -> [UInt8] {
        var report = Report(sender: .init(process: process, start: start))
        report.counts = counts.map { .init($0.0, $0.1) }
        return report.datagrams[0]
    }

    private func condition(
        _ process: Int, start: Int = 1, loaded: Int?, dropped: Int = 0, answers: [Int] = []
    ) -> [UInt8] {
        var durations = Durations()
        for nanoseconds in answers { durations.count(1, of: nanoseconds) }
        var report = Report(sender: .init(process: process, start: start))
        report.condition = .init(loaded: loaded, droppedHits: dropped, durations: durations)
        return report.datagrams[0]
    }

    private func text(_ totals: AggregatedMetrics) -> String {
        var text = PrometheusText()
        totals.write(to: &text)
        return text.text
    }

    @Test("sums are of the last values, also if these are sent several times")
    func sums() {
        var totals = AggregatedMetrics()
        totals.take(report(1, (norway, 5)), at: 0)
        totals.take(report(2, (norway, 7)), at: 0)
        #expect(totals[norway] == 12)
        totals.take(report(1, (norway, 5)), at: 1)
        totals.take(report(1, (norway, 8), (.clients(country: "SE"), 1)), at: 2)
        #expect(totals[norway] == 15)
        #expect(totals[.clients(country: "SE")] == 1)
        #expect(totals.coprocessCount == 2)
    }

    @Test("the counts of ended coprocesses stay, and new coprocesses with their process ids are added")
    func ended() {
        var totals = AggregatedMetrics()
        totals.take(report(1, start: 10, (norway, 5)), at: 0)
        totals.take(report(1, start: 20, (norway, 3)), at: 1)
        #expect(totals[norway] == 8)
        #expect(totals.coprocessCount == 1)
        // A datagram may be read after its sender has ended.
        totals.take(report(1, start: 10, (norway, 9)), at: 2)
        #expect(totals[norway] == 8)
        #expect(totals.ignoredDatagrams == 1)
        totals.forgetEnded(at: 60)
        #expect(totals.coprocessCount == 1)
        totals.forgetEnded(at: 61)
        #expect(totals.coprocessCount == 0)
        #expect(totals[norway] == 8)
    }

    @Test("a coprocess that counted as ended and sends again is not counted twice")
    func back() {
        var totals = AggregatedMetrics()
        totals.take(report(1, (norway, 100)), at: 0)
        totals.take(condition(1, loaded: 0, dropped: 50, answers: [1, 1]), at: 0)
        totals.forgetEnded(at: 1_000)
        totals.take(report(1, (norway, 103)), at: 1_001)
        totals.take(condition(1, loaded: 0, dropped: 51, answers: [1, 1, 1]), at: 1_001)
        totals.take(report(1, (norway, 110)), at: 1_002)
        totals.take(condition(1, loaded: 0, dropped: 53, answers: [1, 1, 1, 1]), at: 1_002)
        #expect(totals[norway] == 107)
        #expect(text(totals).contains("geopipe_hits_dropped_total 52\n"))
        #expect(text(totals).contains("geopipe_answer_duration_seconds_count 3\n"))
    }

    @Test("counts from before the start of the agent are left out; later coprocesses count completely")
    func restart() {
        var totals = AggregatedMetrics(start: 100)
        totals.take(report(1, start: 50, (norway, 5_000)), at: 0)
        totals.take(condition(1, start: 50, loaded: 0, dropped: 50, answers: [1, 1]), at: 0)
        totals.take(report(2, start: 150, (norway, 3)), at: 0)
        #expect(totals[norway] == 3)
        totals.take(report(1, start: 50, (norway, 5_010)), at: 1)
        totals.take(condition(1, start: 50, loaded: 0, dropped: 51, answers: [1, 1, 1]), at: 1)
        #expect(totals[norway] == 13)
        #expect(text(totals).contains("geopipe_hits_dropped_total 1\n"))
        #expect(text(totals).contains("geopipe_answer_duration_seconds_count 1\n"))
        // By now it has sent all earlier counts, so a series that appears later is new.
        totals.take(report(1, start: 50, (.clients(country: "SE"), 4)), at: 30)
        #expect(totals[.clients(country: "SE")] == 0)
        totals.take(report(1, start: 50, (.clients(country: "DK"), 4)), at: 60)
        #expect(totals[.clients(country: "DK")] == 4)
    }

    @Test("sums never decrease or overflow")
    func monotonic() {
        var totals = AggregatedMetrics()
        var random = SeededGenerator(seed: Effort.seed)
        var last = 0
        for now in 0..<5_000 * Effort.rounds {
            let value = random.once(in: 50) ? Report.countLimit - random.number(0...9) : random.number(0...1_000)
            totals.take(report(random.number(1...9), start: random.number(1...3), (norway, value)), at: now)
            #expect(totals[norway] >= last)
            last = totals[norway]
        }
        #expect(last >= Report.countLimit)
        #expect(
            saturatingSum(.max - 1, 1) == .max && saturatingSum(.max, 1) == .max && saturatingSum(.max, .max) == .max)
    }

    @Test("series, values and coprocesses are limited")
    func limits() {
        var limits = AggregatedMetrics.Limits()
        limits.series = 3
        limits.coprocesses = 2
        limits.values = 4
        var totals = AggregatedMetrics(limits: limits)
        let countries = ["AT", "BE", "CH", "DE"].map { Series.clients(country: $0) }
        for country in countries { totals.take(report(1, (country, 1)), at: 0) }
        #expect(countries.map { totals[$0] } == [1, 1, 1, 0])
        #expect(totals.ignoredCounts == 1)
        totals.take(report(2, (countries[0], 1), (countries[1], 1)), at: 0)
        #expect(countries.map { totals[$0] } == [2, 1, 1, 0])
        #expect(totals.ignoredCounts == 2)
        totals.take(report(3, (countries[0], 1)), at: 0)
        #expect(totals[countries[0]] == 2)
        #expect(totals.ignoredDatagrams == 1)
        // A coprocess that ends makes room for another.
        totals.take(report(3, (countries[0], 1)), at: 60)
        #expect(totals[countries[0]] == 3)
    }

    @Test("metrics are written for Prometheus")
    func metrics() throws {
        var totals = AggregatedMetrics()
        totals.take(
            report(
                1, (.questions(zone: "b.example", result: .answered), 1), (.questions(zone: "", result: .refused), 2),
                (.questions(zone: "a.example", result: .empty), 3),
                (.answers(service: "a \"b\" \\ c\nd", datacenter: "oslo"), 4), (norway, 5), (.clients(country: ""), 6)),
            at: 0)
        totals.take(condition(1, loaded: 100, dropped: 7, answers: [1_000, 1_001, 2_000_000_000]), at: 0)
        totals.take([], at: 0)
        let text = text(totals)
        let samples = try parsedMetrics(text)
        #expect(
            samples.filter { !$0.key.hasPrefix("geopipe_answer_duration") } == [
                #"geopipe_questions_total{zone="b.example",result="answered"}"#: 1,
                #"geopipe_questions_total{zone="",result="refused"}"#: 2,
                #"geopipe_questions_total{zone="a.example",result="empty"}"#: 3,
                #"geopipe_answers_total{service="a \"b\" \\ c\nd",datacenter="oslo"}"#: 4,
                #"geopipe_clients_total{country="NO"}"#: 5, #"geopipe_clients_total{country=""}"#: 6,
                "geopipe_hits_dropped_total": 7,
                #"geopipe_telemetry_ignored_total{what="datagrams"}"#: 1,
                #"geopipe_telemetry_ignored_total{what="counts"}"#: 0,
            ])
        func bucket(_ bound: String) -> Double? { samples["geopipe_answer_duration_seconds_bucket{le=\"\(bound)\"}"] }
        #expect(bucket("0.000001") == 1)
        #expect(bucket("0.000002") == 2)
        #expect(bucket("0.0005") == 2)
        #expect(bucket("1") == 2)
        #expect(bucket("+Inf") == 3)
        #expect(samples["geopipe_answer_duration_seconds_count"] == 3)
        #expect(text.contains("geopipe_answer_duration_seconds_sum 2.000002001\n"))
    }

    @Test("metrics are valid before any datagram")
    func empty() throws {
        let samples = try parsedMetrics(text(AggregatedMetrics()))
        #expect(samples["geopipe_hits_dropped_total"] == 0)
        #expect(samples["geopipe_answer_duration_seconds_bucket{le=\"+Inf\"}"] == 0)
    }
}

/// An error in the text of metrics.
private struct NoMetrics: Error { let line: String }

/// Returns the samples of metrics by name and labels. It checks the format: HELP and TYPE before each metric, its
/// samples directly after them, no duplicate samples, cumulative counts of histograms that do not decrease.
private func parsedMetrics(_ text: String) throws -> [String: Double] {
    var samples: [String: Double] = [:]
    var metrics: Set<String> = []
    var current = (name: "", kind: "")
    var helped = ""
    var lastBucket = 0.0
    guard text.hasSuffix("\n") else { throw NoMetrics(line: "no line's end at the end") }
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
        if let match = try /# HELP ([a-z_]+) (.+)/.wholeMatch(in: line) {
            guard metrics.insert(String(match.1)).inserted else { throw NoMetrics(line: String(line)) }
            helped = String(match.1)
        } else if let match = try /# TYPE ([a-z_]+) (counter|gauge|histogram)/.wholeMatch(in: line) {
            guard match.1 == helped, (match.2 == "counter") == match.1.hasSuffix("_total") else {
                throw NoMetrics(line: String(line))
            }
            current = (String(match.1), String(match.2))
            lastBucket = 0
        } else {
            let label = #/[a-z_]+="(?:[^"\\]|\\["\\n])*"/#
            let sample = #/(?<name>[a-z_]+)(?<labels>\{.+\})? (?<value>[0-9.]+)/#
            guard let match = try sample.wholeMatch(in: line), let value = Double(match.value) else {
                throw NoMetrics(line: String(line))
            }
            if let labels = match.labels?.dropFirst().dropLast() {
                var rest = labels[...]
                while let found = try label.prefixMatch(in: rest) {
                    rest = rest[found.range.upperBound...]
                    if rest.first == "," { rest.removeFirst() } else { break }
                }
                guard rest.isEmpty else { throw NoMetrics(line: String(line)) }
            }
            let names =
                current.kind == "histogram"
                ? ["_bucket", "_sum", "_count"].map { current.name + $0 } : [current.name]
            guard names.contains(String(match.name)) else { throw NoMetrics(line: String(line)) }
            if match.name.hasSuffix("_bucket") {
                guard value >= lastBucket else { throw NoMetrics(line: String(line)) }
                lastBucket = value
            }
            guard samples.updateValue(value, forKey: "\(match.name)\(match.labels ?? "")") == nil else {
                throw NoMetrics(line: String(line))
            }
        }
    }
    return samples
}
