import Foundation
import Support
import Testing

@testable import Compiler
@testable import State

@Suite("The agent checks the targets of a rollout")
struct RolloutCheckTests {
    private static let often = "interval: 1, timeout: 1, rise: 1, fall: 1"

    /// An agent whose configuration has no targets, and a rollout of an image with one.
    private let agent: Agent
    private let server: LocalServer
    private let new: String
    private var target: String { "http://127.0.0.1:\(server.port)/" }

    init() throws {
        server = try LocalServer()
        agent = try Agent([], isStarted: false)
        new = try agent.folder.write(
            Agent.yaml([("127.0.0.1", "http: { port: \(server.port) }, \(Self.often)")]).utf8, to: "next.yaml")
    }

    private func write(_ progress: Rollout.Progress) throws {
        let store = ImageStore(of: agent.file, overrides: [], in: agent.state)
        let image = try #require(
            Compilation(CompileRequest(configuration: new), previous: nil, previousReport: nil).run(keepsSerials: false)
                .image)
        if progress == .running { try store.keepCandidate(image, of: "A") }
        try agent.state.changeRollout { known in
            var rollout =
                known
                ?? Rollout(
                    id: "A", owner: "ada", since: 1, images: store.name, old: "", new: image.id, source: new,
                    isConfiguration: true, configuration: agent.file, configurationState: "")
            rollout.progress = progress
            return (rollout, HistoryEntry(time: 1, user: "ada", .rolloutStart, datacenter: "A"))
        }
    }

    private func expect(
        _ words: String, at place: SourceLocation = #_sourceLocation, _ condition: (HealthReport) -> Bool
    ) throws {
        let isSo = agent.waits { agent.report.map(condition) ?? false }
        try #require(isSo, "\(words): \(agent.said)", sourceLocation: place)
    }

    @Test("while it runs, also after a restart of the agent, and no longer")
    func aborted() throws {
        server.status = 503
        try agent.start()
        try expect("nothing to check") { $0.states.isEmpty }
        try write(.running)
        try expect("down") { $0.states[target]?.isUp == false }
        let since = agent.report?.states[target]?.since
        try agent.end(SIGTERM)
        let before = agent.report?.process
        try agent.start()
        try expect("known") { $0.process != before && $0.states[target]?.since == since }
        try write(.aborted)
        try expect("dropped") { $0.states.isEmpty }
    }

    @Test("and keeps their states when a commit puts them into the configuration")
    func committed() throws {
        server.status = 503
        try agent.start()
        try write(.running)
        try expect("down") { $0.states[target]?.isUp == false }
        let since = agent.report?.states[target]?.since
        try agent.configure(String(decoding: Data(contentsOf: URL(filePath: new)), as: UTF8.self))
        try write(.committed)
        let isOver = agent.waits { agent.said.contains("no more checks only for the rollout A") }
        try #require(isOver, "\(agent.said)")
        let time = agent.report?.time ?? 0
        try expect("goes on") { $0.time > time }
        #expect(agent.report?.states[target]?.since == since)
    }
}
