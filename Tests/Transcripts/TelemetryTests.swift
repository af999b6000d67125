import Foundation
import Support
import Telemetry
import Testing

/// Reports of coprocesses to the agent.
@Suite("Telemetry")
struct TelemetryTests {
    /// Listens on the agent's socket.
    private final class Agent {
        private let descriptor: CInt
        private(set) var totals = AggregatedMetrics()
        private(set) var hits: [SampledHit] = []

        init(_ site: Site) throws {
            try FileManager.default.createDirectory(atPath: site.path("state"), withIntermediateDirectories: true)
            descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            let path = site.path("state/agent.sock")
            unlink(path)
            try #require(withAddress(path) { bind(descriptor, $0, $1) } == 0)
        }

        deinit { close(descriptor) }

        private func withAddress<R>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }

        /// Reads pending datagrams. Each must be a report of counts or hits.
        func receive() {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while case let count = recv(descriptor, &bytes, bytes.count, 0), count >= 0 {
                if HitReport.isTitled(bytes[..<count]) {
                    hits += HitReport(bytes[..<count])?.hits ?? []
                } else {
                    totals.take(bytes[..<count], at: Int(time(nil)))
                }
            }
            #expect(totals.ignoredDatagrams == 0)
        }

        /// Fills the socket buffer.
        func fill(_ site: Site) {
            let path = site.path("state/agent.sock")
            let sender = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(sender) }
            let byte: [UInt8] = [0]
            while withAddress(path, { sendto(sender, byte, 1, 0, $0, $1) }) == 1 {}
        }

        /// Discards pending datagrams.
        func empty() {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while recv(descriptor, &bytes, bytes.count, 0) >= 0 {}
        }

        /// Receives until a count reaches a value.
        func expect(
            _ series: Series, _ count: Int, sending site: Site? = nil, at place: SourceLocation = #_sourceLocation
        ) throws {
            let isThere = try eventually(within: Coprocess.timeout) {
                receive()
                try site?.coprocess.wait(.milliseconds(1))
                return totals[series] >= count
            }
            try #require(isThere, "\(totals[series]) of \(count) \(series)", sourceLocation: place)
            try #require(totals[series] == count, sourceLocation: place)
        }

        func text() -> String {
            var text = PrometheusText()
            totals.write(to: &text)
            return text.text
        }
    }

    private static func question(
        _ name: String, _ type: String = "ANY", from client: String = "129.240.0.0/16", resolver: String = "192.0.2.1"
    ) -> String { "Q\t\(name)\tIN\t\(type)\t-1\t\(resolver)\t127.0.0.1\t\(client)\n" }

    private func ask(_ site: Site, _ count: Int, _ question: String) throws {
        try site.coprocess.send(String(repeating: question, count: count))
        for _ in 0..<count { _ = try site.coprocess.answer() }
    }

    private let oslo = Series.answers(service: "web", datacenter: "oslo")

    @Test("has all questions by zone and result, answers by service and datacenter, clients by country")
    func counts() throws {
        let site = try Site(isStarted: false)
        let agent = try Agent(site)
        try site.launch()
        try site.greet()
        // Hits are sent only after an agent is known to listen.
        let isKnown = try eventually {
            agent.receive()
            try site.coprocess.wait(.milliseconds(10))
            return agent.totals.coprocessCount == 1
        }
        try #require(isKnown)
        try ask(site, 300, Self.question("www.example.com"))
        try ask(site, 20, Self.question("www.example.com", from: "203.0.113.0/24"))
        try ask(site, 7, Self.question("www.example.com", "SOA"))
        try ask(site, 5, Self.question("nothing.example.com"))
        try ask(site, 4, Self.question("www.example.org"))
        try ask(site, 3, Self.question("www.example.com", from: "nobody"))
        // pdns asks for itself to sign a denial for the last client.
        try ask(site, 1, Self.question("example.com", "SOA", from: "0.0.0.0/0", resolver: "0.0.0.0"))
        try ask(site, 2, Self.question("www.example.com", "ANY", from: "0.0.0.0/0", resolver: "0.0.0.0"))
        try agent.expect(.questions(zone: "example.com", result: .answered), 323)
        try agent.expect(.questions(zone: "example.com", result: .empty), 12)
        try agent.expect(.questions(zone: "", result: .empty), 4)
        try agent.expect(.questions(zone: "", result: .refused), 3)
        try agent.expect(oslo, 302)
        try agent.expect(.answers(service: "web", datacenter: "ashburn"), 20)
        try agent.expect(.clients(country: "NO"), 300)
        try agent.expect(.clients(country: ""), 20)
        let text = agent.text()
        #expect(text.contains("geopipe_answer_duration_seconds_count 339\n"), "\(text)")
        #expect(text.contains("geopipe_hits_dropped_total 0\n"))
        // A sample stands for all hits.
        let isAll = try eventually(within: Coprocess.timeout) {
            agent.receive()
            try site.coprocess.wait(.milliseconds(1))
            return agent.hits.reduce(0) { $0 + $1.weight } >= 320
        }
        try #require(isAll)
        #expect(agent.hits.reduce(0) { $0 + $1.weight } == 320)
        let norway = try #require(agent.hits.first { $0.country == "NO" })
        #expect("\(norway.network)" == "129.240.0.0/16")
        #expect((norway.name, norway.service) == ("www.example.com", "web"))
        #expect(norway.datacenters == ["oslo"])
        #expect((norway.side, norway.isByDefault) == (nil, false))
        #expect(abs(norway.time - Int(time(nil)) * 1_000) < 600_000)
        // A few hits are all sent.
        try ask(site, 1, Self.question("api.example.com", from: "203.0.113.0/24"))
        let isTold = try eventually(within: Coprocess.timeout) {
            agent.receive()
            try site.coprocess.wait(.milliseconds(1))
            return agent.hits.last?.service == "api"
        }
        try #require(isTold)
        #expect(agent.hits.last?.country == "")
        #expect(agent.hits.last?.isByDefault == true)
        #expect(agent.hits.last?.weight == 1)
    }

    @Test("loses nothing at a reload, when another program takes over, or when it ends")
    func lastCounts() throws {
        let site = try Site(isStarted: false)
        let agent = try Agent(site)
        try site.start()
        try ask(site, 100, Self.question("www.example.com"))
        try site.write(.configuration, 2)
        try site.expect(.configuration, 2)
        try ask(site, 100, Self.question("www.example.com"))
        kill(site.coprocess.identifier, SIGUSR2)
        // A new program has answered fewer questions in total.
        var asked = 200
        let isNew = try eventually(within: Coprocess.timeout) {
            try ask(site, 1, Self.question("www.example.com"))
            asked += 1
            try site.coprocess.wait(.milliseconds(20))
            return try site.questions().map { $0 < 200 && asked > $0 + 200 } ?? false
        }
        try #require(isNew, "\(site.error)")
        #expect(try site.coprocess.finish() == .init(status: 0))
        try agent.expect(oslo, asked)
    }

    @Test("is sent again in full to an agent that starts late or restarts")
    func lateAgent() throws {
        let site = try Site()
        try ask(site, 50, Self.question("www.example.com"))
        var agent: Agent? = try Agent(site)
        try agent?.expect(oslo, 50)
        agent = nil
        try ask(site, 50, Self.question("www.example.com"))
        try site.coprocess.wait(.milliseconds(1_500))
        let other = try Agent(site)
        try other.expect(oslo, 100)
        try other.expect(.questions(zone: "example.com", result: .answered), 101)
    }

    @Test("never waits: if the agent does not read, questions are still answered, and counts are sent later")
    func stuckAgent() throws {
        let site = try Site(isStarted: false)
        let agent = try Agent(site)
        agent.fill(site)
        try site.start()
        for _ in 0..<10 {
            try ask(site, 2_000, Self.question("www.example.com"))
            try site.coprocess.wait(.milliseconds(150))
        }
        agent.empty()
        try agent.expect(oslo, 20_000)
        agent.fill(site)
        try ask(site, 1, Self.question("www.example.com"))
        #expect(try site.coprocess.finish() == .init(status: 0))
    }
}
