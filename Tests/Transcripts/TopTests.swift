import Foundation
import Support
import Testing

/// `geopipe top`, on a terminal and without one.
@Suite("The live view on a terminal")
struct TopTests {
    private let folder: Folder
    private let socket: String

    init() throws {
        // The path of a socket must be short.
        folder = try Folder()
        socket = "\(folder.path)/live.sock"
    }

    private static let state = #"""
        {"time":1764528000,"mode":"live","version":"1.2.0","host":"ns1","second":{"time":1764528000,
        "rate":{"answered":412,"empty":3,"refused":0},"coprocesses":2,
        "datacenters":[{"name":"oslo","state":"in_use","rate":412,"share":1}],
        "names":[{"name":"www.\u001b[31m.example","rate":7}]},"history":null,"events":[],"replay":null}
        """#

    private static let (enter, leave) = ("\u{1b}[?1049h", "\u{1b}[?1049l")

    private func start(_ arguments: String..., environment: [String]? = nil) throws -> TerminalSession {
        let arguments = ["top", "--state", folder.path] + arguments
        guard let environment else { return try TerminalSession(arguments) }
        return try TerminalSession(arguments, environment: environment)
    }

    /// Expects the terminal to be restored after a picture was shown.
    private func expectRestored(_ session: TerminalSession) throws {
        #expect(session.isAsBefore)
        let last = try #require(session.output.range(of: Self.leave, options: .backwards))
        #expect(!session.output[last.upperBound...].contains(Self.enter))
        #expect(session.output[..<last.lowerBound].contains("\u{1b}[?25l"))
        // The cursor is visible again.
        let cursor = try #require(session.output.range(of: "\u{1b}[?25h", options: .backwards))
        #expect(!session.output[cursor.upperBound...].contains("\u{1b}[?25l"))
    }

    @Test(
        "it leaves the terminal as it was, whatever ends it",
        arguments: ["q", "\u{3}", "SIGTERM", "SIGHUP", "SIGQUIT", "a dead agent, and q"])
    func end(by cause: String) throws {
        let agent = try LiveStandIn(at: socket, state: Self.state)
        let session = try start()
        #expect(session.shows("412/s answered"))
        #expect(session.shows("oslo"))
        #expect(!session.isAsBefore)
        switch cause {
        case "SIGTERM": kill(session.identifier, SIGTERM)
        case "SIGHUP": kill(session.identifier, SIGHUP)
        case "SIGQUIT": kill(session.identifier, SIGQUIT)
        case "a dead agent, and q":
            agent.stop()
            #expect(session.shows("the agent has closed the connection"))
            #expect(session.shows("systemctl start geopipe-agent"))
            session.type("q")
        default: session.type(cause)
        }
        #expect(session.waitForChange() == 0)
        try expectRestored(session)
        #expect(!session.output.contains("\u{1b}[31m."))
        agent.stop()
    }

    @Test("it shows the agent's state at once, and has keys for views, pause and quit")
    func stream() throws {
        let agent = try LiveStandIn(at: socket, state: Self.state)
        let session = try start()
        #expect(session.shows("412/s answered"))
        #expect(eventually(within: Coprocess.timeout) { agent.streamCount == 1 })
        agent.tell("second", #"{"time":1764528001,"rate":{"answered":8765}}"#)
        #expect(session.shows("8765"))
        session.type("5")
        #expect(session.shows("[5 events]"))
        agent.tell("event", #"{"time":1764528001,"kind":"switch","text":"oslo drained by ops"}"#)
        #expect(session.shows("oslo drained by ops"))
        session.type("\u{1b}[A\t")
        #expect(session.shows("[1 overview]", after: session.output.count - 1))
        session.type("p")
        #expect(session.shows("paused: p resumes"))
        session.type("?")
        #expect(session.shows("q, Ctrl-C"))
        session.type("q")
        #expect(session.waitForChange() == 0)
        agent.stop()
    }

    @Test("it redraws at once after a resize")
    func resize() throws {
        let agent = try LiveStandIn(at: socket, state: Self.state)
        let session = try start()
        #expect(session.shows("412/s answered"))
        let before = session.output.count
        session.resize(columns: 120, lines: 30)
        // The keys are in the last line.
        #expect(session.shows("\u{1b}[30;1H", after: before))
        session.resize(columns: 1, lines: 1)
        session.resize(columns: 300, lines: 100)
        #expect(session.shows("\u{1b}[100;1H", after: before))
        session.type("q")
        #expect(session.waitForChange() == 0)
        try expectRestored(session)
        agent.stop()
    }

    @Test("it restores the terminal when suspended, and redraws when continued")
    func suspend() throws {
        let agent = try LiveStandIn(at: socket, state: Self.state)
        let session = try start()
        #expect(session.shows("412/s answered"))
        session.type("\u{1a}")
        let stopped = try #require(session.waitForChange())
        #expect(stopped & 0xff == 0x7f)
        try expectRestored(session)
        let before = session.output.count
        kill(session.identifier, SIGCONT)
        #expect(session.shows("412/s answered", after: before))
        #expect(session.output.dropFirst(before).contains(Self.enter))
        #expect(!session.isAsBefore)
        session.type("q")
        #expect(session.waitForChange() == 0)
        try expectRestored(session)
        agent.stop()
    }

    @Test("without an agent it says what to do, and continues when there is one")
    func absent() throws {
        let session = try start()
        #expect(session.shows("no live traffic from"))
        #expect(session.shows("systemctl start geopipe-agent"))
        let agent = try LiveStandIn(at: socket, state: Self.state)
        #expect(session.shows("412/s answered"))
        session.type("q")
        #expect(session.waitForChange() == 0)
        agent.stop()
    }

    @Test(
        "it says what to write on a terminal that cannot be drawn on",
        arguments: [["TERM=dumb"], []])
    func dumb(environment: [String]) throws {
        let session = try start(environment: environment)
        #expect(session.shows("write geopipe top --once"))
        let status = try #require(session.waitForChange())
        #expect(status >> 8 == 2)
        #expect(!session.output.contains("\u{1b}"))
    }

    @Test("its pictures have no colours with NO_COLOR, and only ASCII where the locale has no UTF-8")
    func plain() throws {
        let agent = try LiveStandIn(at: socket, state: Self.state)
        let session = try start(environment: ["TERM=xterm-256color", "NO_COLOR=1", "LANG=C"])
        #expect(session.shows("412/s answered") && session.shows("oslo"))
        session.type("q")
        #expect(session.waitForChange() == 0)
        #expect(session.output.utf8.allSatisfy { $0 < 0x80 })
        #expect(!session.output.contains(/\u{1b}\[[1-9][0-9;]*m/))
        agent.stop()
    }

    // MARK: Without a terminal

    private func run(_ arguments: String...) throws -> (output: String, error: String, code: Int32) {
        let ending = try Program.geopipe.run(["top", "--state", folder.path] + arguments, in: folder)
        return (String(decoding: ending.output, as: UTF8.self), ending.error, ending.status)
    }

    @Test("--once prints one picture as plain text, and --json the state")
    func once() throws {
        let agent = try LiveStandIn(at: socket, state: Self.state)
        let picture = try run("--once")
        #expect(picture.code == 0 && picture.error == "", "\(picture.error)")
        #expect(picture.output.contains("412/s answered") && picture.output.contains("oslo"))
        #expect(!picture.output.contains("\u{1b}"))
        let lines = picture.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 25 && lines.allSatisfy { $0.count <= 80 })
        let state = try run("--once", "--json")
        #expect(state.code == 0)
        let object = try JSONSerialization.jsonObject(with: Data(state.output.utf8)) as? [String: Any]
        #expect(object?["host"] as? String == "ns1")
        agent.stop()
    }

    @Test("it exits 2 without an agent, and says what to do")
    func errors() throws {
        let absent = try run("--once")
        #expect(absent.code == 2 && absent.output == "")
        #expect(absent.error.contains("\(socket)") && absent.error.contains("systemctl start geopipe-agent"))
        #expect(try run("--json").error.contains("geopipe top --once --json"))
        let pipe = try run()
        #expect(pipe.code == 2 && pipe.error.contains("geopipe top --once"))
        let garbage = try LiveStandIn(at: socket, state: "{\"time\":")
        let unreadable = try run("--once")
        #expect(unreadable.code == 2 && unreadable.error.contains("another version"), "\(unreadable.error)")
        garbage.stop()
        let refusing = try LiveStandIn(at: socket, state: "{\"error\":\"not yet\"}", status: 503)
        let refused = try run("--once", "--json")
        #expect(refused.code == 2 && refused.error.contains("not yet") && refused.output == "")
        refusing.stop()
        let silent = try LiveStandIn(at: socket, state: "", isSilent: true)
        let unanswered = try run("--once")
        #expect(
            unanswered.code == 2 && unanswered.error.contains("is it stopped or overloaded?"), "\(unanswered.error)")
        silent.stop()
    }
}
