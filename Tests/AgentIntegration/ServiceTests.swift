import Configuration
import DNS
import Foundation
import Platform
import Support
import Telemetry
import Testing

@testable import Compiler
@testable import State

@Suite("The agent as a service")
struct ServiceTests {
    private static let often = "interval: 1, timeout: 1, rise: 2, fall: 2"

    private func expect(
        _ agent: Agent, _ words: String, _ condition: () throws -> Bool, at place: SourceLocation = #_sourceLocation
    ) throws {
        let isSo = try agent.waits(for: condition)
        try #require(isSo, "\(words): \(agent.said)", sourceLocation: place)
    }

    @Test("reports when an address goes down, and when it is up again")
    func healing() throws {
        let server = try LocalServer()
        let agent = try Agent([("127.0.0.1", "http: { port: \(server.port) }, \(Self.often)")])
        try expect(agent, "up") { try agent.states().first??.isUp == true }
        server.status = 503
        try expect(agent, "down") { try agent.states().first??.isUp == false }
        let target = "http://127.0.0.1:\(server.port)/"
        // On a busy machine a late response is the reason.
        let reasons = ["503 Service Unavailable", "timed out after 1 s"]
        let sentences = reasons.map { "127.0.0.1 is down: \(target): \($0), 2 times in a row\n" }
        #expect(sentences.contains(where: agent.said.contains), "\(agent.said)")
        server.status = 200
        try expect(agent, "up again") { try agent.states().first??.isUp == true }
        #expect(agent.said.contains("127.0.0.1 is up: \(target): 200 OK\n"), "\(agent.said)")
    }

    @Test("changes nothing when it is killed and starts again, and continues its checks")
    func restart() throws {
        let server = try LocalServer()
        func services(_ times: String) -> [(addresses: String, check: String)] {
            ["up", "down"].map { ("127.0.0.1", "http: { port: \(server.port), path: /\($0) }, interval: 1, \(times)") }
        }
        let agent = try Agent(services("rise: 1, fall: 1"), isStarted: false)
        // The results of an earlier agent.
        let now = time(nil)
        let targets = try Configuration.load(agent.file).healthTargets.map(\.identity)
        let state = HealthReport.State(isUp: false, since: now - 100, reportedAt: now - 10, reason: "earlier")
        let lost = HealthReport.State(isUp: true, since: now - 200_000, reportedAt: now - 100_000, reason: "long ago")
        try agent.state.tell(
            HealthReport(
                time: now - 10, process: 1, states: [targets[0]: lost, targets[1]: state, "tcp://192.0.2.1:1": state]))
        try agent.configure(services("rise: 1000, fall: 1000"))
        try agent.start()
        for _ in 0..<2 {
            let start = agent.report?.time ?? 0
            try expect(agent, "checks") {
                try agent.states().allSatisfy { $0?.reason == "200 OK" } && agent.report!.time > start
            }
            #expect(try agent.states().map { $0?.isUp } == [true, false])
            #expect(try agent.states()[0]!.since >= now, "after a day the state is unknown")
            #expect(try agent.states()[1]!.since == now - 100)
            #expect(agent.report?.states.count == 2, "targets that are not configured are dropped")
            try agent.end(SIGKILL)
            // Nothing removes the socket and the lock.
            #expect(FileManager.default.fileExists(atPath: agent.state.path + "/agent.sock"))
            try agent.start()
        }
        #expect(!agent.said.contains(" is down: "))
    }

    @Test(
        "runs no commands as root from images in another user's state directory",
        .enabled(if: geteuid() == 0, "only root can give a folder away"))
    func foreignState() throws {
        let agent = try Agent([], isStarted: false)
        try #require(mkdir(agent.state.path, 0o755) == 0 || errno == EEXIST)
        try #require(chown(agent.state.path, 65_534, 65_534) == 0)
        let ending = try Tool(path: Agent.program).run(["--config", agent.file, "--metrics", "none", "--live", "none"])
        #expect(ending.status == 2 && ending.output.contains("run geopipe-agent as that user"), "\(ending)")
    }

    @Test("leaves a state directory to the agent that holds it")
    func second() throws {
        let agent = try Agent([])
        try expect(agent, "reports") { agent.report != nil }
        let other = try Tool(path: Agent.program).run(["--config", agent.file, "--metrics", "none"])
        #expect(other.status == 1)
        let process = try #require(agent.identifier)
        #expect(
            other.output.contains("\(agent.state.path) has an agent already: process \(process)\n"), "\(other.output)")
    }

    @Test("needs a state directory, and known arguments")
    func unusable() throws {
        let agent = try Agent([], isStarted: false)
        try agent.configure(Agent.yaml([], state: "state_directory: none"))
        let result = try Tool(path: Agent.program).run(["--config", agent.file])
        #expect(result.status == 2 && result.output.contains("has state_directory: none"), "\(result)")
        for arguments in [["--conifg"], ["--metrics", "9353"], ["--metrics", "localhost:x"], ["more"]] {
            #expect(try Tool(path: Agent.program).run(arguments).status == 2, "\(arguments)")
        }
        let version = try Tool(path: Agent.program).run(["--version"])
        #expect(version.output == "\(geopipeVersion)\n" && version.status == 0)
    }

    @Test("continues when a file other than the configuration's own is corrected")
    func otherFile() throws {
        let server = try LocalServer()
        let agent = try Agent([("127.0.0.1", "http: { port: \(server.port) }, \(Self.often)")], isStarted: false)
        let text = try String(contentsOfFile: agent.file, encoding: .utf8)
        let networks = agent.file + ".nets"
        try Data([0xff]).write(to: URL(filePath: networks))
        try agent.configure(text.replacing("default:", with: "networks_file: \(networks), default:"))
        try agent.start()
        try expect(agent, "complains") { agent.said.contains("\(networks):1:1: a byte that is not UTF-8") }
        try Data("# none\n".utf8).write(to: URL(filePath: networks), options: .atomic)
        try expect(agent, "checks") { try agent.states().first??.isUp == true }
    }

    @Test("starts with the targets of the image in force if its configuration is invalid, and takes the next valid one")
    func lastGood() throws {
        let server = try LocalServer()
        let agent = try Agent(
            [
                ("127.0.0.1", "http: { port: \(server.port) }, \(Self.often)"),
                ("127.0.0.2", "file: up, \(Self.often)"),
            ],
            isStarted: false)
        try agent.folder.write("up".utf8, to: "up")
        let request = CompileRequest(configuration: agent.file)
        let compiled = Compilation(request, previous: nil, previousReport: nil).run(keepsSerials: false).image
        let store = ImageStore(of: agent.file, overrides: [], in: agent.state)
        try store.publish(#require(compiled))
        try agent.configure("state_directory: state\nzones: [")
        try agent.start()
        try expect(agent, "checks") { try agent.state.health().value?.states.values.map(\.isUp) == [true, true] }
        #expect(agent.said.contains("using the image in force, of "))
        try agent.configure([("127.0.0.1", "http: { port: \(server.port), path: /status/503 }, \(Self.often)")])
        try expect(agent, "takes the next") { try agent.states().map { $0?.isUp } == [false] }
    }

    @Test("waits for a valid configuration, and keeps the last valid one")
    func configurations() throws {
        let server = try LocalServer()
        let good = [("127.0.0.1", "http: { port: \(server.port) }, \(Self.often)")]
        let bad = Agent.yaml([("127.0.0.1", "http: { prot: 80 }")])
        let agent = try Agent(good, isStarted: false)
        try agent.configure(bad)
        try agent.start()
        try expect(agent, "complains") {
            agent.said.contains("nothing is checked until the configuration is corrected")
        }
        #expect(agent.said.contains("\(agent.file):8:"), "\(agent.said)")
        try agent.configure(good)
        try expect(agent, "checks") { try agent.states().first??.isUp == true }
        try agent.configure(bad)
        try expect(agent, "complains") { agent.said.contains("what was loaded before stays in use") }
        let reportedAt = try #require(agent.report?.states.values.first?.reportedAt)
        try expect(agent, "still checks") {
            agent.report?.states.values.first.map { $0.reportedAt > reportedAt } ?? false
        }
        #expect(agent.said.split(separator: "unknown key").count <= 3, "each is reported once")
        try agent.configure(good + [("127.0.0.1", "http: { port: \(server.port), path: /status/503 }, \(Self.often)")])
        try expect(agent, "checks more") { try agent.states().map { $0?.isUp } == [true, false] }
        let loads = agent.said.split(separator: " loaded ").count
        kill(try #require(agent.identifier), SIGHUP)
        try expect(agent, "obeys") { agent.said.split(separator: " loaded ").count > loads }
    }

    @Test("keeps its state directory while another one is unusable, and takes the next usable one")
    func otherState() throws {
        let services = [("127.0.0.1", "file: /nowhere/file, \(Self.often)")]
        let agent = try Agent(services, isStarted: false)
        let other = try Agent([], isStarted: false)
        try other.start()
        try expect(other, "reports") { other.report != nil }
        // Root cannot use a path that is not a folder, either.
        try agent.folder.write([], to: "file")
        func move(to folder: String) throws {
            try agent.configure(Agent.yaml(services, state: "state_directory: \(folder)"))
        }
        func goesOn(in folder: String) throws {
            let now = time(nil)
            let state = StateDirectory(path: "\(agent.folder.path)/\(folder)")
            try expect(agent, "goes on") {
                try state.health().value?.states.values.first.map { $0.reportedAt > now } ?? false
            }
        }
        // Also from the start.
        try move(to: "file/first")
        try agent.start()
        try expect(agent, "complains") { agent.said.contains("; nothing is checked until that is corrected\n") }
        try move(to: "state")
        try goesOn(in: "state")
        try move(to: "file/state")
        try expect(agent, "complains") {
            agent.said.contains("not a directory; what was loaded before stays in use until that is corrected\n")
        }
        try goesOn(in: "state")
        try move(to: other.state.path)
        try expect(agent, "complains") {
            agent.said.contains("\(other.state.path) has an agent already: process \(other.identifier ?? 0); what was")
        }
        try goesOn(in: "state")
        let loads = agent.said.split(separator: " loaded ").count
        try move(to: "./state/../state")
        try expect(agent, "loads") { agent.said.split(separator: " loaded ").count > loads }
        try goesOn(in: "state")
        try move(to: "new")
        try goesOn(in: "new")
        #expect(!FileManager.default.fileExists(atPath: agent.state.path + "/agent.sock"))
        #expect(try agent.end(SIGTERM) == 0)
    }

    @Test("checks 200 targets")
    func many() throws {
        let server = try LocalServer()
        let agent = try Agent(
            (0..<200).map {
                (
                    "127.0.0.1",
                    "http: { port: \(server.port), path: /status/\($0 % 2 == 0 ? 200 : 500)/\($0) }, \(Self.often)"
                )
            })
        try expect(agent, "all") { try agent.states().map { $0?.isUp } == (0..<200).map { $0 % 2 == 0 } }
    }

    @Test(
        "ends on request, with its commands and its socket, and leaves its last report",
        arguments: [SIGTERM, SIGINT])
    func ending(signal: Int32) throws {
        let folder = try Folder()
        let child = "\(folder.path)/child"
        let agent = try Agent([
            ("127.0.0.1", "command: [/bin/sh, -c, 'sleep 300 & echo $! > \(child); wait'], interval: 300, timeout: 300")
        ])
        try expect(agent, "runs") {
            let text = (try? String(contentsOfFile: child, encoding: .utf8)) ?? ""
            return text.hasSuffix("\n") && FileManager.default.fileExists(atPath: agent.state.path + "/agent.sock")
        }
        #expect(try agent.end(signal) == 0)
        #expect(!FileManager.default.fileExists(atPath: agent.state.path + "/agent.sock"))
        #expect(agent.report != nil)
        let process = try #require(pid_t(String(contentsOfFile: child, encoding: .utf8).dropLast()))
        #expect(eventually { !isRunning(process) })
    }

    @Test("ends while checks run, however they react to SIGTERM, and leaves none of their programs")
    func endingAtWork() throws {
        let server = try LocalServer()
        let folder = try Folder()
        let (deaf, endless) = ("\(folder.path)/deaf", "\(folder.path)/endless")
        let times = "interval: 300, timeout: 300"
        let agent = try Agent([
            (
                "127.0.0.1",
                "command: [/bin/sh, -c, 'trap \"\" TERM; echo $$ > \(deaf); while :; do sleep 1; done'], \(times)"
            ),
            ("127.0.0.1", "command: [/bin/sh, -c, 'echo $$ > \(endless); exec yes'], \(times)"),
            ("127.0.0.1", "http: { port: \(server.port), path: /hang }, \(times)"),
        ])
        func process(_ file: String) -> pid_t? {
            (try? String(contentsOfFile: file, encoding: .utf8)).flatMap { pid_t($0.dropLast()) }
        }
        try expect(agent, "runs") { process(deaf) != nil && process(endless) != nil }
        #expect(try agent.end(SIGTERM) == 0)
        #expect(try agent.states().allSatisfy { $0 == nil }, "\(agent.said)")
        let processes = [process(deaf), process(endless)].compactMap(\.self)
        #expect(eventually { !processes.contains(where: isRunning) })
    }

    @Test("reports no address as down because its check is interrupted at the end")
    func brokenOff() throws {
        let folder = try Folder()
        let running = "\(folder.path)/running"
        let command = "command: [/bin/sh, -c, 'touch \(running); sleep 300'], interval: 300, timeout: 300, fall: 1"
        let agent = try Agent([("127.0.0.1", command)], isStarted: false)
        let target = try #require(Configuration.load(agent.file).healthTargets.first?.identity)
        let now = time(nil)
        let up = HealthReport.State(isUp: true, since: now, reportedAt: now, reason: "earlier")
        try agent.state.tell(HealthReport(time: now, process: 1, states: [target: up]))
        for _ in 0..<5 {
            try? FileManager.default.removeItem(atPath: running)
            try agent.start()
            try expect(agent, "runs") { FileManager.default.fileExists(atPath: running) }
            try #require(agent.end(SIGTERM) == 0)
            #expect(agent.report?.states == [target: up], "\(agent.said)")
        }
        #expect(!agent.said.contains(" is down: "), "\(agent.said)")
    }

    @Test("continues when the state directory is not writable, and writes again when it is")
    func unwritable() throws {
        let agent = try Agent([], isStarted: false)
        // Root cannot write to a path that is not a folder, either.
        try Data().write(to: URL(filePath: agent.state.path))
        try agent.start()
        try expect(agent, "complains") { agent.said.contains("nothing is checked until that is corrected") }
        #expect(agent.said.contains("cannot use \(agent.state.path)/agent.lock: not a directory"), "\(agent.said)")
        try FileManager.default.removeItem(atPath: agent.state.path)
        try expect(agent, "reports") { agent.report != nil }
        // The agent may create the folder again at any time.
        var number = 0
        let isReplaced = eventually {
            number += 1
            rename(agent.state.path, "\(agent.folder.path)/away-\(number)")
            let file = open(agent.state.path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
            return file >= 0 && close(file) == 0
        }
        try #require(isReplaced)
        try expect(agent, "complains") { agent.said.contains("coprocesses use the last health report") }
        try FileManager.default.removeItem(atPath: agent.state.path)
        try expect(agent, "reports again") {
            agent.said.contains("the health can be written again") && agent.report != nil
        }
        try expect(agent, "listens again") { FileManager.default.fileExists(atPath: agent.state.path + "/agent.sock") }
    }
}
