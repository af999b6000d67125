import Foundation
import Support
import Testing

@Suite("The log of the agent")
struct LogTests {
    private static let often = "interval: 1, timeout: 1, rise: 1, fall: 1"

    @Test("at level debug has each check with its users and duration, reloads, reports and scrapes")
    func debug() throws {
        let server = try LocalServer()
        let agent = try Agent([("127.0.0.1", "http: { port: \(server.port) }, \(Self.often)")], isStarted: false)
        try agent.start(["--log-level", "debug"])
        #expect(try agent.waits { try agent.states().first??.isUp == true }, "\(agent.said)")
        #expect(agent.waits { WebAnswer("/metrics", port: agent.port)?.status == 200 }, "\(agent.said)")
        let target = "http://127\\.0\\.0\\.1:\(server.port)/"
        let patterns = [
            " debug: check succeeded: 200 OK address=127\\.0\\.0\\.1 datacenter=oslo ms=[0-9.]+ service=service-0 target=\(target)\n",
            " info: loaded \(NSRegularExpression.escapedPattern(for: agent.file)): 1 target to check\n",
            " debug: read the configuration ms=[0-9.]+\n",
            " debug: following the configuration dropped=0 new_or_changed=1 targets=1\n",
            " debug: health report written ms=[0-9.]+ targets=[01]\n",
            " debug: a scraper asks for /metrics peer=.*127\\.0\\.0\\.1",
            "(^|\n)[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{2}:[0-9]{2} info: ",
        ]
        for pattern in patterns {
            let isSaid = try agent.waits { try agent.said.contains(Regex(pattern)) }
            #expect(isSaid, "\(pattern): \(agent.said)")
        }
    }

    @Test("at level debug has rejected scrapers beyond the 16 that are served at a time")
    func refused() throws {
        let agent = try Agent([], isStarted: false)
        try agent.start(["--log-level", "debug"])
        try #require(agent.waits { WebAnswer("/", port: agent.port) != nil }, "\(agent.said)")
        let connections = (0..<17).compactMap { _ in connection(to: agent.port) }
        defer { for connection in connections { close(connection) } }
        #expect(
            agent.waits { agent.said.contains(" debug: rejected a scraper: 16 connections are open already peer=") })
    }

    @Test(
        "has no line below its level",
        arguments: [("notice", [" warning: "], [" info: ", " debug: "]), ("error", [], [" warning: ", " info: "])])
    func levels(level: String, present: [String], absent: [String]) throws {
        let agent = try Agent([("127.0.0.1", "file: /nowhere/file, \(Self.often)")], isStarted: false)
        try agent.start(["--log-level", level])
        #expect(try agent.waits { try agent.states().first??.isUp == false }, "\(agent.said)")
        #expect(try agent.end(SIGTERM) == 0)
        for word in present { #expect(agent.said.contains(word), "\(agent.said)") }
        for word in absent { #expect(!agent.said.contains(word), "\(agent.said)") }
    }

    @Test("in the journal has the priority of each line instead of the time and the level")
    func journal() throws {
        let agent = try Agent([("127.0.0.1", "file: /nowhere/file, \(Self.often)")], isStarted: false)
        var status = stat()
        try #require(stat(agent.log, &status) == 0)
        try agent.start(variables: ["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"])
        #expect(agent.waits { agent.said.contains("\n<4>service service-0, datacenter oslo: 127.0.0.1 is down: ") })
        #expect(agent.said.contains("<6>loaded \(agent.file): 1 target to check\n"), "\(agent.said)")
    }

    @Test(
        "rejects unknown levels, with the known ones, and unknown options",
        arguments: [
            (["--log-level", "loud"], "trace"), (["--log-level", ""], "notice"), (["--log-level"], "Missing value"),
            (["--log-levle", "debug"], "Did you mean '--log-level'?"),
        ])
    func misspelt(arguments: [String], word: String) throws {
        let result = try Tool(path: Agent.program).run(arguments)
        #expect(result.status == 2)
        #expect(result.output.contains(word), "\(result.output)")
    }
}
