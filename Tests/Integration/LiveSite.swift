import Foundation
import Support
import Testing

/// A name server with geopipe, the agent with its page, and a browser: one of each for a suite, because each takes time
/// to start.
final class LiveSite: @unchecked Sendable {
    @TaskLocal static var shared: LiveSite?

    static let configuration = """
        databases: ["\(Project.demonstration)"]
        datacenters:
          oslo:      { location: [59.91, 10.75], capacity: 30 }
          ashburn:   { location: [39.04, -77.49], capacity: 50 }
          singapore: { location: [1.35, 103.82], capacity: 20 }
        maps:
          browser:
            countries:  { NO: [oslo, ashburn], US: [ashburn, oslo] }
            continents: { EU: [oslo, ashburn], AS: [singapore, ashburn] }
            default:    [ashburn, oslo]
        services:
          web:
            map: browser
            ttl: 60
            answers: { oslo: 192.0.2.10, ashburn: 198.51.100.10, singapore: 203.0.113.10 }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com. }
            ns: [ns1.geo.example.com.]
            records: { my: { service: web }, "*.wild": { service: web } }
        """

    let server: NameServer
    let browser: Browser
    let folder: URL
    /// The URL of the page.
    let port: UInt16
    private var agent: Process?

    struct DidNotStart: Error, CustomStringConvertible { var description: String }

    fileprivate init(_ server: NameServer) throws {
        self.server = server
        folder = server.backend.folder
        port = try #require(freePort())
        browser = try Browser(in: folder)
        do {
            try startAgent()
        } catch {
            browser.close()
            throw error
        }
    }

    fileprivate func end() {
        browser.close()
        endAgent(SIGTERM)
    }

    var url: String { "http://127.0.0.1:\(port)/" }

    static func program(_ name: String) -> Tool {
        Tool(
            path: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
                .appending(path: name).path)
    }

    private var options: [String] {
        ["--config", "\(folder.path)/geopipe.yaml", "--state", "\(folder.path)/state"]
    }

    func startAgent() throws {
        let log = folder.appending(path: "agent-log")
        if !FileManager.default.fileExists(atPath: log.path) { try Data().write(to: log) }
        let output = try FileHandle(forWritingTo: log)
        try output.seekToEnd()
        let process = try Self.program("geopipe-agent").start(
            options + ["--metrics", "none", "--live", "127.0.0.1:\(port)"], seconds: 1_800, output: output)
        agent = process
        let isServed = eventually(within: .seconds(Browser.timeout)) {
            !process.isRunning || Self.isListening(port)
        }
        guard isServed, process.isRunning else {
            throw DidNotStart(description: (try? String(contentsOf: log, encoding: .utf8)) ?? "")
        }
    }

    /// Ends the agent by a signal.
    func endAgent(_ signal: Int32) {
        guard let process = agent else { return }
        agent = nil
        // The started program is timeout(1).
        for child in (try? children(of: process.processIdentifier)) ?? [] { kill(child, signal) }
        if !eventually({ !process.isRunning }) { process.terminate() }
        process.waitUntilExit()
    }

    private static func isListening(_ port: UInt16) -> Bool {
        let socket = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        return withLoopback(port) { connect(socket, $0, $1) } == 0
    }

    /// Runs a command of geopipe on the site's state.
    func geopipe(_ arguments: [String]) throws {
        let result = try Self.program("geopipe").run(arguments + options)
        try #require(result.status == 0, "\(arguments): \(result.output)")
    }

    /// Queries pdns as clients of some networks; all questions must have an answer.
    func ask(_ names: [[[UInt8]]], from subnets: [String]) throws {
        let questions = names.flatMap { labels in
            subnets.map { DNSClient.Question(labels: labels, .a, from: $0) }
        }
        let answers = try DNSClient(port: server.port).ask(questions, timeout: Browser.timeout)
        for (question, answer) in zip(questions, answers) {
            try #require(answer.code == 0 && !answer.addresses.isEmpty, "\(question): \(answer)")
        }
    }

    func ask(_ name: String, from subnets: [String]) throws {
        try ask([name.split(separator: ".").map { Array($0.utf8) }], from: subnets)
    }

    /// Passes a window that shows the page with a fragment to `body`, and then closes it.
    func withTab<Value>(
        _ fragment: String = "", url: String? = nil, width: Int = 1_280, height: Int = 800, isDark: Bool = false,
        _ body: (Tab) throws -> Value
    ) throws -> Value {
        let tab = try Tab(browser, width: width, height: height, isDark: isDark)
        defer { tab.close() }
        try tab.open((url ?? self.url) + fragment)
        try tab.wait(for: "geopipe.view().connected && geopipe.view().second !== null")
        return try body(tab)
    }
}

/// Provides a suite with a `LiveSite`.
struct Watched: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing tests: @Sendable () async throws -> Void
    ) async throws {
        try await NameServer.run(try Backend(LiveSite.configuration)) { server in
            let site = try await inThread { try LiveSite(server) }
            let result: Result<Void, any Error>
            do {
                result = .success(try await LiveSite.$shared.withValue(site) { try await tests() })
            } catch {
                result = .failure(error)
            }
            try await inThread { site.end() }
            try result.get()
        }
    }
}

extension Trait where Self == Watched {
    static var watched: Self { Self() }
}

/// Runs `body` on its own thread, as a part of this task, so that it may block without delaying other tests.
func inThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(OwnThreads()) { try body() }
}

/// Runs each job on a new thread.
private final class OwnThreads: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
