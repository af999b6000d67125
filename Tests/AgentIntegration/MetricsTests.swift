import DNS
import Foundation
import Platform
import Support
import Telemetry
import Testing

@Suite("The metrics of the agent")
struct MetricsTests {
    private func metrics(_ agent: Agent) throws -> Metrics? {
        guard let answer = WebAnswer("/metrics", port: agent.port) else { return nil }
        #expect(answer.status == 200)
        #expect(answer.head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8"), "\(answer.head)")
        return try Metrics(answer.body)
    }

    private func isServing(_ agent: Agent) -> Bool { agent.waits { WebAnswer("/", port: agent.port) != nil } }

    @Test("give the state of targets, in the format of Prometheus")
    func health() throws {
        let server = try LocalServer()
        let agent = try Agent([
            ("127.0.0.1", "http: { port: \(server.port) }, interval: 1, timeout: 1"),
            ("127.0.0.1", "http: { port: \(server.port), match: 'a \"\\ b' }, interval: 1, timeout: 1, fall: 1"),
        ])
        try #require(agent.waits { try agent.states().allSatisfy { $0 != nil } }, "\(agent.said)")
        let metrics = try #require(try metrics(agent), "\(agent.said)")
        func labels(_ service: String, _ target: String) -> String {
            "service=\"\(service)\",datacenter=\"oslo\",address=\"127.0.0.1\",target=\"\(target)\""
        }
        let (good, bad) = (
            labels("service-0", "http://127.0.0.1:\(server.port)/"),
            labels("service-1", "http://127.0.0.1:\(server.port)/ match=a%20\\\"\\\\%20b")
        )
        #expect(metrics.values["geopipe_health_up{\(good)}"] == 1, "\(metrics.values)")
        #expect(metrics.values["geopipe_health_up{\(bad)}"] == 0)
        #expect(metrics.values["geopipe_health_checks_total{\(good),result=\"success\"}"] ?? 0 >= 1)
        #expect(metrics.values["geopipe_health_checks_total{\(bad),result=\"failure\"}"] ?? 0 >= 1)
        #expect(metrics.values["geopipe_health_checks_total{\(bad),result=\"success\"}"] == 0)
        #expect(
            metrics.values["geopipe_health_check_duration_seconds{\(good)}"] ?? 0 > 0)
        for name in ["geopipe_health_report_timestamp_seconds", "process_start_time_seconds"] {
            #expect(abs((metrics.values[name] ?? 0) - Double(time(nil))) < 3_600, "\(name)")
        }
        #expect(metrics.values["process_resident_memory_bytes"] ?? 0 > 1e6)
        #expect(metrics.values["geopipe_agent_build_info{version=\"\(geopipeVersion)\"}"] == 1)
        #expect(metrics.values["geopipe_agent_config_last_reload_successful"] == 1)
        #expect(metrics.types["geopipe_health_checks_total"] == "counter")
        #expect(metrics.types["geopipe_health_up"] == "gauge")
        try agent.configure("nonsense")
        #expect(try agent.waits { try self.metrics(agent)?.values["geopipe_agent_config_last_reload_successful"] == 0 })
    }

    @Test("give the build times of the databases in use, the oldest of several")
    func databaseBuilds() throws {
        let agent = try Agent([])
        try #require(isServing(agent), "\(agent.said)")
        let folder = "\(agent.state.path)/coprocesses"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // Running processes: this one and its parent.
        for (process, built) in [(getpid(), 1_767_225_600), (getppid(), 1_735_689_600)] {
            let text = """
                process\t\(process)
                birth\t
                started\t1
                questions\t0
                loaded\t1
                configuration\tgeopipe.yaml
                version\t0
                database\t\(built)\t/data/City.mmdb
                database\t\t/data/"ASN".mmdb
                end

                """
            try text.write(toFile: "\(folder)/\(process)", atomically: true, encoding: .utf8)
        }
        let name = "geopipe_database_build_timestamp_seconds"
        #expect(
            try agent.waits {
                try self.metrics(agent)?.values["\(name){database=\"/data/City.mmdb\"}"] == 1_735_689_600
            })
        let metrics = try #require(try metrics(agent))
        #expect(metrics.values["geopipe_coprocesses"] == 2, "they exist at once, before any report")
        #expect(metrics.values["geopipe_image_loaded_timestamp_seconds{of=\"oldest\"}"] == 1)
        #expect(metrics.types[name] == "gauge")
        #expect(metrics.values.keys.count { $0.hasPrefix(name) } == 1)
    }

    @Test("are served to GET and HEAD only, and nothing else is")
    func requests() throws {
        let agent = try Agent([])
        try #require(isServing(agent), "\(agent.said)")
        #expect(WebAnswer("/", port: agent.port)?.body.contains("/metrics") == true)
        let head = try #require(WebAnswer("/metrics", by: "HEAD", port: agent.port))
        #expect(head.status == 200 && head.body.isEmpty && head.head.contains("Content-Length: "))
        for path in ["/metric", "/metrics/", "/etc/passwd", "/../metrics", "*"] {
            #expect(WebAnswer(path, port: agent.port)?.status == 404, "\(path)")
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            #expect(WebAnswer("/metrics", by: method, port: agent.port)?.status == 405, "\(method)")
        }
        #expect(WebAnswer(to: "nonsense\r\n\r\n", port: agent.port)?.status == 400)
    }

    @Test("are served in spite of slow, many and endless clients")
    func hostile() throws {
        let agent = try Agent([])
        try #require(isServing(agent), "\(agent.said)")
        var connections: [CInt] = []
        defer { for connection in connections { close(connection) } }
        for number in 0..<40 {
            guard let connection = connection(to: agent.port) else { continue }
            connections.append(connection)
            let bytes = Array((number % 2 == 0 ? "GET /metrics HTTP/1.1\r\nX: " : "").utf8)
            send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        if let last = connections.last {
            let endless = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            send(last, endless, endless.count, Int32(MSG_NOSIGNAL))
        }
        #expect(isServing(agent), "\(agent.said)")
        #expect(agent.waits { agent.report != nil })
    }

    @Test("may have no port, and health is reported all the same")
    func takenPort() throws {
        let server = try LocalServer()
        let agent = try Agent([("127.0.0.1", "http: { port: \(server.port) }")], isStarted: false)
        try agent.start(metrics: "127.0.0.1:\(server.port)")
        let isComplaining = agent.waits {
            agent.said.contains("cannot serve metrics at 127.0.0.1:\(server.port): address already in use")
        }
        #expect(isComplaining, "\(agent.said)")
        #expect(try agent.waits { try agent.states().first??.isUp == true })
    }

    @Test("add up the reports of coprocesses, and nothing that others write")
    func datagrams() throws {
        let agent = try Agent([])
        try #require(isServing(agent), "\(agent.said)")
        let path = agent.state.path + "/agent.sock"
        let isListening = agent.waits {
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & 0o7777 == 0o660
        }
        try #require(isListening, "\(agent.said)")
        let socket = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        func tell(_ bytes: [UInt8]) {
            let sent = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(socket, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(sent == bytes.count)
        }
        // A coprocess that started before the agent would count only from now on.
        var report = Report(sender: .init(process: 4711, start: wallClock()))
        report.counts = [.init(.answers(service: "web", datacenter: "oslo"), 42)]
        for garbage in [[], Array("nonsense".utf8), [UInt8](repeating: 0xff, count: 60_000)] { tell(garbage) }
        tell(Array("geopipe-hits 1\t1\t2\nhit\nend\n".utf8))
        for datagram in report.datagrams { tell(datagram) }
        let isThere = try agent.waits {
            try metrics(agent)?.values["geopipe_answers_total{service=\"web\",datacenter=\"oslo\"}"] == 42
        }
        #expect(isThere)
        #expect(try metrics(agent)?.values["geopipe_telemetry_ignored_total{what=\"datagrams\"}"] == 4)
    }
}
