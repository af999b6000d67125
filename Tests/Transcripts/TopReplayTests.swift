import Foundation
import Support
import Testing

/// `geopipe replay --top`, which starts `geopipe-agent replay`.
@Suite("A replay on the terminal")
struct TopReplayTests {
    private let folder: Folder
    private let temporary: String

    init() throws {
        // The path of a socket must be short.
        folder = try Folder()
        temporary = "\(folder.path)/t"
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
    }

    private func start(_ log: String) throws -> TerminalSession {
        try TerminalSession(
            ["replay", "--top", log], environment: ["TERM=xterm-256color", "LANG=C.UTF-8", "TMPDIR=\(temporary)"])
    }

    private var leftOver: [String] { (try? FileManager.default.contentsOfDirectory(atPath: temporary)) ?? ["?"] }

    private func isGone(_ process: pid_t) -> Bool { eventually(within: Coprocess.timeout) { !isRunning(process) } }

    private static let hits = (10..<60).map {
        "2026-11-23T09:34:\($0).000Z\t192.0.2.0/24\tNO\t59.9\t10.7\twww.example.com\toslo\tweb\t24\n"
    }.joined()

    @Test(
        "ends the agent that it has started, however it ends",
        arguments: ["q", "SIGKILL", "SIGHUP"])
    func end(by cause: String) throws {
        let session = try start(try folder.write(Array(Self.hits.utf8), to: "hits.log"))
        #expect(session.shows("oslo"))
        let child = try #require(try children(of: session.identifier).first)
        switch cause {
        case "SIGKILL": kill(session.identifier, SIGKILL)
        case "SIGHUP": kill(session.identifier, SIGHUP)
        default: session.type(cause)
        }
        #expect(session.waitForChange() == (cause == "SIGKILL" ? SIGKILL : 0))
        #expect(isGone(child))
        #expect(eventually(within: Coprocess.timeout) { leftOver.isEmpty }, "\(leftOver)")
    }

    @Test("likewise while the log is read", arguments: ["Ctrl-C", "SIGTERM", "SIGHUP", "SIGKILL"])
    func endWhileReading(by cause: String) throws {
        // Reading a FIFO without a writer blocks forever.
        let log = "\(folder.path)/pipe"
        try #require(mkfifo(log, 0o600) == 0)
        let session = try start(log)
        var child: pid_t?
        #expect(
            eventually(within: Coprocess.timeout) {
                child = try? children(of: session.identifier).first
                // The process is the agent after its exec.
                let name = try? String(contentsOfFile: "/proc/\(child ?? 0)/comm", encoding: .utf8)
                return name?.hasPrefix("geopipe-agent") == true
            })
        switch cause {
        case "SIGKILL": kill(session.identifier, SIGKILL)
        case "SIGHUP": kill(session.identifier, SIGHUP)
        case "SIGTERM": kill(session.identifier, SIGTERM)
        default: session.type("\u{3}")
        }
        #expect(session.waitForChange() == (cause == "SIGKILL" ? SIGKILL : 0))
        #expect(isGone(try #require(child)))
        #expect(eventually(within: Coprocess.timeout) { leftOver.isEmpty }, "\(leftOver)")
    }

    @Test("says why there is nothing to show, and leaves nothing")
    func refused() throws {
        let session = try start("\(folder.path)/none")
        #expect(session.shows("the replay has ended"))
        #expect(session.shows("cannot open"))
        let status = try #require(session.waitForChange())
        #expect(status >> 8 == 2)
        #expect(leftOver.isEmpty)
    }
}
