import Support
import Testing

@testable import Telemetry

@Suite("Count reports")
struct ReportTests {
    private static let sender = Report.Sender(process: 4711, start: 1_795_428_348_123_456_789)

    private static func durations(_ answers: (count: Int, nanoseconds: Int)...) -> Durations {
        var durations = Durations()
        for answer in answers { durations.count(answer.count, of: answer.nanoseconds) }
        return durations
    }

    private static let full: Report = {
        var report = Report(sender: sender)
        report.condition = .init(
            loaded: 1_795_428_000, droppedHits: 12, durations: durations((3, 900), (1, .max / 8)))
        report.counts = [
            .init(.questions(zone: "example.com", result: .answered), 1),
            .init(.questions(zone: "", result: .refused), Report.countLimit),
            .init(.answers(service: "tab\tline\nback\\slash \"quoted\" 東京", datacenter: "oslo"), 0),
            .init(.clients(country: "NO"), 42), .init(.clients(country: ""), 7),
        ]
        return report
    }()

    @Test("reports are read as they were written")
    func roundTrip() throws {
        let datagrams = Self.full.datagrams
        #expect(datagrams.count == 1)
        #expect(Report(datagrams[0]) == Self.full)
        var unloaded = Report(sender: Self.sender)
        unloaded.condition = .init(loaded: nil, droppedHits: 0, durations: Durations())
        #expect(unloaded.datagrams.map { Report($0) } == [unloaded])
    }

    @Test("a long report is split into datagrams of at most 8 KiB")
    func splitting() throws {
        var report = Self.full
        report.counts = (0..<2_000).map { number in
            .init(.answers(service: "service \(number)", datacenter: String(repeating: "d", count: number)), number)
        }
        let datagrams = report.datagrams
        #expect(datagrams.count > 100)
        #expect(datagrams.allSatisfy { $0.count <= Report.sizeLimit })
        let parts = try datagrams.map { try #require(Report($0)) }
        #expect(parts.allSatisfy { $0.sender == Self.sender })
        #expect(parts.map(\.condition) == [report.condition] + Array(repeating: nil, count: parts.count - 1))
        let counts = parts.flatMap(\.counts)
        #expect(counts.map(\.value) == Array(0..<2_000))
        #expect(counts.prefix(1_000) == report.counts.prefix(1_000))
    }

    @Test("a long name is truncated between characters", arguments: 0..<4)
    func longName(offset: Int) throws {
        let name = String(repeating: "x", count: offset) + String(repeating: "🌍\t", count: 2_000)
        var report = Report(sender: Self.sender)
        report.counts = [.init(.answers(service: name, datacenter: name), 1)]
        let read = try #require(Report(report.datagrams[0]))
        guard case .answers(let service, let datacenter) = read.counts[0].series else {
            Issue.record("\(read)")
            return
        }
        #expect(service == datacenter)
        #expect(name.hasPrefix(service))
        #expect(1_020...1_024 ~= service.utf8.count)
    }

    @Test(
        "invalid reports are refused",
        arguments: [
            "", "\n", "end\n", "geopipe-telemetry 1\t1\t2\n", "geopipe-telemetry 1\t1\t2\nend",
            "geopipe-telemetry 2\t1\t2\nend\n", "geopipe-telemetry 1\t1\nend\n", "geopipe-telemetry 1\t-1\t2\nend\n",
            "geopipe-telemetry 1\t1\t2\nclients\tNO\nend\n", "geopipe-telemetry 1\t1\t2\nclients\tNO\t1\t1\nend\n",
            "geopipe-telemetry 1\t1\t2\nclients\tNO\t-1\nend\n", "geopipe-telemetry 1\t1\t2\nclients\tNO\t+1\nend\n",
            "geopipe-telemetry 1\t1\t2\nclients\tNO\t9223372036854775808\nend\n",
            // Above 2^53.
            "geopipe-telemetry 1\t1\t2\nclients\tNO\t9007199254740993\nend\n",
            "geopipe-telemetry 1\t1\t2\nquestions\tz\tanswered\t9223372036854775807\nend\n",
            "geopipe-telemetry 1\t1\t2\nanswers\tweb\toslo\t9007199254740993\nend\n",
            "geopipe-telemetry 1\t1\t2\ncondition\t1\t9007199254740993\t3" + String(repeating: "\t0", count: 20)
                + "\nend\n",
            "geopipe-telemetry 1\t1\t2\ncondition\t1\t2\t3" + String(repeating: "\t0", count: 19)
                + "\t9007199254740993\nend\n",
            "geopipe-telemetry 1\t1\t2\nclients\tN\\O\t1\nend\n", "geopipe-telemetry 1\t1\t2\nclients\tNO\\\t1\nend\n",
            "geopipe-telemetry 1\t1\t2\nquestions\texample.com\tlost\t1\nend\n",
            "geopipe-telemetry 1\t1\t2\ncondition\t1\t2\t3\nend\n", "geopipe-telemetry 1\t1\t2\nend\nend\nx\n",
            "geopipe-telemetry 1\t1\t2\n\nend\n", "GET /metrics HTTP/1.1\r\n\r\n",
        ])
    func foreign(text: String) {
        #expect(Report(Array(text.utf8)) == nil)
    }

    @Test("reports of more than 8 KiB, or with invalid UTF-8, are refused")
    func unreadable() {
        let clients = "clients\tNO\t1\n"
        let long =
            "geopipe-telemetry 1\t1\t2\n" + String(repeating: clients, count: 8192 / clients.utf8.count) + "end\n"
        #expect(Report(Array(long.utf8)) == nil)
        #expect(Report(Array("geopipe-telemetry 1\t1\t2\nclients\t".utf8) + [0xff] + Array("\t1\nend\n".utf8)) == nil)
    }

    @Test("truncated reports are refused")
    func torn() {
        let datagram = Self.full.datagrams[0]
        for length in 0..<datagram.count { #expect(Report(datagram.prefix(length)) == nil) }
    }

    @Test("damaged reports do no harm, and what is read can be written again")
    func damaged() throws {
        var random = SeededGenerator(seed: Effort.seed)
        let datagram = Self.full.datagrams[0]
        var readable = 0
        for _ in 0..<20_000 * Effort.rounds {
            var bytes = datagram
            for _ in 0..<random.number(1...3) {
                let place = random.number(0...(bytes.count - 1))
                switch random.number(0...2) {
                case 0: bytes[place] = UInt8(random.number(0...255))
                case 1: bytes[place] = random.one(of: Array("\t\n\\059e".utf8))
                default: bytes.removeSubrange(place..<min(bytes.count, place + random.number(1...20)))
                }
            }
            guard let report = Report(bytes) else { continue }
            readable += 1
            #expect(Report(report.datagrams[0]) == report)
        }
        #expect(readable > 100)
    }
}
