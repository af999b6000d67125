import Foundation
import Support
import Testing

@Suite("The agent notifies people of changes")
struct NotifyTests {
    private static let often = "interval: 1, timeout: 1, rise: 1, fall: 1"

    private func yaml(_ notify: String, _ addresses: String, _ file: String) -> String {
        "notify: \(notify)\n" + Agent.yaml([(addresses, "file: \(file), \(Self.often)")])
    }

    @Test("in one run for all simultaneous changes, as lines of JSON, and not more often than allowed")
    func batches() throws {
        let agent = try Agent([], isStarted: false)
        let (file, output) = (try agent.folder.write([], to: "states"), "\(agent.folder.path)/told")
        // Each run ends with its own line.
        let command = "[/bin/sh, -c, 'cat >> \(output); echo end >> \(output)']"
        try agent.configure(yaml("{ command: \(command), every: 1d }", "192.0.2.1, 192.0.2.2", file))
        func reported() -> [String] {
            ((try? String(contentsOfFile: output, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
        }
        try agent.start()
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [true, true] }, "\(agent.said)")
        // Atomically replaces the other one.
        func say(_ text: String) throws {
            try agent.folder.write(Array(text.utf8), to: "new")
            rename("\(agent.folder.path)/new", file)
        }
        try say("192.0.2.1 down")
        #expect(agent.waits { reported().last == "end" }, "\(agent.said)")
        let lines = reported()
        #expect(lines.count == 2, "\(lines)")
        let line = try #require(lines.first)
        let members = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(members["state"] == "down" && members["service"] == "service-0" && members["datacenter"] == "oslo")
        #expect(members["address"] == "192.0.2.1" && members["reason"] == "the file says down")
        #expect(members["target"] == "file 192.0.2.1 \(file)")
        #expect(members["time"]?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil)
        try say("")
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [true, true] }, "\(agent.said)")
        // It ends without another run: the day is not over.
        #expect(try agent.end(SIGTERM) == 0)
        #expect(reported() == lines)
    }

    @Test("by a command that hangs: it is killed, and checks continue meanwhile")
    func hanging() throws {
        let agent = try Agent([], isStarted: false)
        let (file, child) = (try agent.folder.write([], to: "states"), "\(agent.folder.path)/child")
        let command = "[/bin/sh, -c, 'echo $$ >> \(child); sleep 300']"
        try agent.configure(yaml("{ command: \(command), every: 1, timeout: 2 }", "192.0.2.1", file))
        try agent.start()
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [true] }, "\(agent.said)")
        try agent.folder.write(Array("down".utf8), to: "states")
        #expect(agent.waits { FileManager.default.fileExists(atPath: child) }, "\(agent.said)")
        try agent.folder.write(Array("up".utf8), to: "states")
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [true] }, "\(agent.said)")
        #expect(agent.waits { agent.said.contains("notify: /bin/sh: timed out after 2 s\n") }, "\(agent.said)")
        // The next run has the changes of the meantime.
        #expect(
            agent.waits {
                ((try? String(contentsOfFile: child, encoding: .utf8)) ?? "").split(separator: "\n").count == 2
            }, "\(agent.said)")
    }
}
