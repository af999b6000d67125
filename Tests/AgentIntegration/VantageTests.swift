import Configuration
import Foundation
import State
import Support
import Testing

@testable import geopipe_agent

/// Real agents that read each other's reports. Each finds an address up if a file is in its own folder.
private final class Fleet {
    let agents: [Agent]

    /// - Parameter count: the number of agents, all of which are vantage points of each other.
    init(_ count: Int) throws {
        agents = try (0..<count).map { _ in try Agent([], isStarted: false) }
        for (number, agent) in agents.enumerated() {
            let token = try agent.folder.write(Array("0123456789abcdef\n".utf8), to: "token")
            guard chmod(token, 0o600) == 0 else { throw Agent.Unavailable(description: "cannot protect \(token)") }
            try see(true, number)
            try agent.configure(configuration())
        }
    }

    func configuration(_ more: String = "") -> String {
        let points = agents.enumerated().map { "{ name: agent-\($0), url: \"http://127.0.0.1:\($1.port)\" }" }
        let check =
            "command: [/bin/sh, -c, 'test -e \"$VIEW\" || { echo not seen; exit 1; }'], interval: 1, rise: 1, fall: 2"
        return Agent.yaml([("192.0.2.1", check)])
            + "health: { token_file: token, interval: 1, timeout: 1, max_age: 3, vantage_points: [\(points.joined(separator: ", "))]\(more) }\n"
    }

    func start(_ number: Int) throws { try agents[number].start(variables: ["VIEW": view(number)]) }

    private func view(_ number: Int) -> String { "\(agents[number].folder.path)/view" }

    /// Sets whether an agent finds the address up.
    func see(_ isSeen: Bool, _ number: Int) throws {
        if isSeen {
            try agents[number].folder.write([], to: "view")
        } else {
            guard unlink(view(number)) == 0 else { throw Agent.Unavailable(description: "cannot remove the view") }
        }
    }

    /// The state that coprocesses of an agent use.
    func state(_ number: Int) throws -> HealthReport.State? { try agents[number].states()[0] }

    func standing(_ number: Int) -> VantageStanding? { (try? agents[number].state.vantageStanding())?.value }

    /// The vote of an agent, as others read it.
    func vote(_ number: Int) throws -> Bool? {
        let answer = WebAnswer(
            to: "GET /vantage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n",
            port: agents[number].port)
        return try answer.flatMap { try VantageReport(reading: $0.body.utf8) }?.votes.values.first?.isUp
    }

    var said: String { agents.map(\.said).joined(separator: "\n") }
}

@Suite("Agents that read each other")
struct VantageTests {
    @Test("outvote a false down, use their own checks when cut off, and say so")
    func quorum() throws {
        let fleet = try Fleet(3)
        for number in 0..<3 { try fleet.start(number) }
        let first = fleet.agents[0]
        let isUp = try first.waits {
            try fleet.state(0)?.isUp == true && fleet.standing(0)?.way == .quorum
                && fleet.standing(0)?.others.allSatisfy { $0.known == 1 } == true
        }
        try #require(isUp, "\(fleet.said)")
        #expect(fleet.standing(0)?.points.map(\.state) == [.own, .fresh, .fresh])

        try fleet.see(false, 0)
        let isOutvoted = try first.waits { try fleet.standing(0)?.overruled == 1 && fleet.vote(0) == false }
        try #require(isOutvoted, "\(fleet.said)")
        #expect(try fleet.state(0)?.isUp == true)
        let reason = "up for 2 of 3 vantage points, down here: exit status 1: not seen"
        #expect(try first.waits { try fleet.state(0)?.reason == reason }, "\(fleet.said)")
        let page = try #require(WebAnswer("/metrics", port: first.port)).body
        #expect(page.contains("\ngeopipe_vantage_overruled 1\n") && page.contains("\ngeopipe_vantage_cut_off 0\n"))
        #expect(page.contains("geopipe_vantage_point_up{name=\"agent-1\"} 1\n"))
        #expect(!page.contains("geopipe_vantage_point_up{name=\"agent-0\"}"))

        for number in 1..<3 { try fleet.agents[number].end(SIGKILL) }
        let isCutOff = try first.waits { try fleet.standing(0)?.way == .cutOff && fleet.state(0)?.isUp == false }
        try #require(isCutOff, "\(fleet.said)")
        // The next round logs it.
        let words = "cut off: has reports of 0 of 2 other vantage points, and uses only its own checks"
        #expect(first.waits { first.said.contains(words) }, "\(fleet.said)")
        #expect(try fleet.state(0)?.reason == "exit status 1: not seen")
        #expect(try #require(WebAnswer("/metrics", port: first.port)).body.contains("\ngeopipe_vantage_cut_off 1\n"))

        try fleet.start(1)
        let isBack = try first.waits { try fleet.standing(0)?.way == .quorum && fleet.state(0)?.isUp == true }
        try #require(isBack, "one of each is a tie, and a tie is up: \(fleet.said)")
        try fleet.see(false, 1)
        #expect(try first.waits { try fleet.state(0)?.isUp == false && fleet.state(1)?.isUp == false }, "\(fleet.said)")
        #expect(try fleet.vote(0) == false)
    }

    @Test("serve their report only to readers with the token, and not without vantage points")
    func access() throws {
        let fleet = try Fleet(1)
        let agent = fleet.agents[0]
        try fleet.start(0)
        func status(_ fields: String, method: String = "GET") -> Int? {
            WebAnswer(to: "\(method) /vantage HTTP/1.1\r\nHost: x\r\n\(fields)\r\n", port: agent.port)?.status
        }
        let right = "Authorization: Bearer 0123456789abcdef\r\n"
        #expect(agent.waits { status(right) == 200 }, "\(agent.said)")
        #expect(status("") == 401)
        #expect(status("Authorization: Bearer 0123456789abcdeg\r\n") == 401)
        #expect(status("Authorization: Bearer 0123456789abcdef0\r\n") == 401)
        #expect(status("Authorization: Basic 0123456789abcdef\r\n") == 401)
        #expect(status(right + "Authorization: Bearer another\r\n") == 401)
        #expect(status(right, method: "POST") == 405)
        // The token may be replaced at any time, and a file that others can read is not accepted.
        try agent.folder.write(Array("another-token-of-16\n".utf8), to: "token")
        #expect(agent.waits { status("Authorization: Bearer another-token-of-16\r\n") == 200 }, "\(agent.said)")
        chmod("\(agent.folder.path)/token", 0o644)
        #expect(agent.waits { status(right) == 503 }, "\(agent.said)")
        #expect(agent.said.contains("vantage points cannot read this agent: "))
        try agent.configure([("192.0.2.1", "file: /none")])
        #expect(agent.waits { status(right) == 404 && fleet.standing(0) == nil }, "\(agent.said)")
    }

    @Test("reject invalid reports, and do not wait long for any")
    func hostile() async throws {
        let vote = #"{"target":"t","up":true,"age":0,"pace":1}"#
        let report = #"{"format":1,"instance":"a","program":"1","votes":[\#(vote)]}"#
        func answer(_ body: String, length: Int? = nil, status: String = "200 OK") -> String {
            "HTTP/1.1 \(status)\r\nContent-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)"
        }
        let reader = VantageReader(roots: nil)
        func read(_ answer: String) async throws -> Result<VantageReport, VantageReport.Unusable> {
            let server = try RawServer(answer)
            let point = VantagePoints.Point(name: "a", address: "127.0.0.1", port: server.port)
            defer { withExtendedLifetime(server) {} }
            return await Task(executorPreference: DedicatedExecutor.shared) {
                await reader.read(point, token: "token", timeout: 2)
            }.value
        }
        #expect(try await read(answer(report)) == .success(try VantageReport(reading: report.utf8)))
        for (answer, reason) in [
            (answer(report, length: 10_000), "timed out after 2 s"), ("", "timed out after 2 s"),
            (answer("no", status: "404 Not Found"), "404 Not Found: that agent has no vantage points"),
            (answer("no", status: "401 Unauthorized"), "401 Unauthorized: its token differs"),
            (answer("no", status: "500 \u{1b}[2J"), ""),
            (answer("", status: "302 Found"), "302 Found"),
            ("220 mail.example.com ESMTP\r\n", "its response is not HTTP"),
            (answer("[\(String(repeating: "[", count: 1_000_000))"), "its report is not JSON"),
            (
                answer("{\"votes\":[[]\(String(repeating: ",[]", count: 2_000_000))]}"),
                "its report is not JSON: at byte"
            ),
            (
                answer("\"\(String(repeating: "x", count: VantageReport.sizeLimit))\""),
                "its report has more than 8 MiB"
            ),
            ("HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 1 << 20))", ""),
        ] {
            let result = try await read(answer)
            guard case .failure(let error) = result else {
                Issue.record("\(answer.prefix(60)) was read")
                continue
            }
            #expect(error.reason.hasPrefix(reason) && error.reason.count < 200, "\(error.reason)")
        }
        let port = try #require(freePort())
        let absent = VantagePoints.Point(name: "a", address: "127.0.0.1", port: port)
        #expect(
            await reader.read(absent, token: "token", timeout: 2)
                == .failure(.init(reason: "connection refused")))
    }
}
