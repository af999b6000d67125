import Foundation
import Geography
import Platform
import State
import Support
import Telemetry
import Testing

@testable import geopipe_agent

/// geopipe-agent replay, or geopipe replay, which executes it.
private final class ReplayProcess {
    let process: Process
    private let output: FileHandle
    private(set) var said = ""
    let port: UInt16

    struct NotServed: Error, CustomStringConvertible { var description: String }

    init(_ program: String, _ arguments: [String]) throws {
        let pipe = Pipe()
        process = try Tool(path: program).start(["replay"] + arguments, seconds: 3_600, output: pipe)
        output = pipe.fileHandleForReading
        while !said.contains("Ctrl-C.\n"), case let data = output.availableData, !data.isEmpty {
            said += String(decoding: data, as: UTF8.self)
        }
        guard let url = said.firstMatch(of: /http:\/\/127\.0\.0\.1:([0-9]+)\//), let port = UInt16(url.1) else {
            process.terminate()
            throw NotServed(description: said)
        }
        self.port = port
    }

    /// Ends it like Ctrl-C, or the end of a terminal.
    ///
    /// - Returns: its exit status.
    func end(_ signal: Int32 = SIGINT) throws -> Int32 {
        for child in try children(of: process.processIdentifier) { kill(child, signal) }
        process.waitUntilExit()
        return process.terminationStatus
    }

    deinit { process.terminate() }
}

@Suite("A replay")
struct ReplayProcessTests {
    private static let geopipe = URL(filePath: Agent.program).deletingLastPathComponent().appending(path: "geopipe")
        .path

    private func log(_ folder: Folder) throws -> String {
        let lines = (0..<600).map { second in
            "\(Timestamp.text(milliseconds: 1_795_426_440_000 + 1_000 * second))\t192.0.2.0/24\tNO\t59.9\t10.7\twww.example.com\toslo\tweb\t24\n"
        }
        return try folder.write(Array((["torn li\n"] + lines).joined().utf8), to: "hits.log")
    }

    private func post(_ body: String, _ port: UInt16, _ fields: String = "") -> WebAnswer? {
        WebAnswer(
            to:
                "POST /api/replay HTTP/1.1\r\nHost: localhost\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)",
            port: port)
    }

    @Test(
        "is served at the URL that it prints, follows its controls, and ends at Ctrl-C or with its terminal",
        arguments: [false, true])
    func process(isByGeopipe: Bool) throws {
        let folder = try Folder()
        let replay = try ReplayProcess(
            isByGeopipe ? Self.geopipe : Agent.program, ["--live", "127.0.0.1:0", "--paused", try log(folder)])
        let port = replay.port
        #expect(
            replay.said.contains("hits.log: 2026-11-23T09:34:00.000Z to 2026-11-23T09:43:59.000Z"), "\(replay.said)")
        let state = try #require(WebAnswer("/api/state", port: port))
        let object = try JSON(reading: state.body.utf8)
        #expect(object["mode"]?.string == "replay")
        let first = try #require(object["replay"])
        #expect(first["file"]?.string == "hits.log" && first["paused"]?.bool == true && first["speed"]?.double == 1)
        #expect(first["from"]?.double == 1_795_426_440 && first["to"]?.double == 1_795_427_039)
        let answer = try #require(post("{\"position\":1795426740,\"speed\":2}", port))
        #expect(answer.status == 200, "\(answer.body)")
        let second = try JSON(reading: answer.body.utf8)
        #expect(second["position"]?.double == 1_795_426_740 && second["speed"]?.double == 2)
        let rates = try JSON(reading: try #require(WebAnswer("/api/state", port: port)).body.utf8)["second"]
        #expect(rates?["services"]?.items?.first?["rate"]?.double == 1, "\(rates?.compact ?? "")")
        for (body, fields, status) in [
            ("{\"speed\":0}", "", 400), ("nonsense", "", 400), ("{}", "Origin: http://evil.example\r\n", 403),
            ("{\"paused\":false}", "Origin: http://localhost\r\n", 200),
        ] {
            #expect(post(body, port, fields)?.status == status, "\(body)")
        }
        let explained = try #require(WebAnswer("/api/explain?name=a.example&client=192.0.2.1", port: port))
        #expect(explained.status == 503 && explained.body.contains("geopipe explain"))
        #expect(try replay.end(isByGeopipe ? SIGHUP : SIGINT) == 0)
    }

    @Test("is refused with what to write instead")
    func refused() throws {
        let folder = try Folder()
        let log = try log(folder)
        let server = try LocalServer()
        let precious = try folder.write(Array("precious".utf8), to: "precious")
        let listener = try UnixSocket.bind(SOCK_STREAM, at: "\(folder.path)/taken", in: nil)
        defer { close(listener) }
        try #require(listen(listener, 8) == 0)
        for (arguments, words) in [
            ([], "Missing expected argument '<hits>'"), (["\(folder.path)/none"], "cannot open"),
            ([log, "--speed", "0"], "0.1 to 1000"), ([log, "--live", "none"], "--socket"),
            ([log, "--live", "0.0.0.0:0"], "--live-token-file"),
            ([log, "--live", "127.0.0.1:\(server.port)"], "--live 127.0.0.1:9355"),
            ([log, "--config", "\(folder.path)/none.yaml"], "none.yaml"),
            ([log, "--live", "none", "--socket", precious], "something other than a socket is there"),
            ([log, "--live", "none", "--socket", "\(folder.path)/taken"], "another program listens there"),
        ] {
            let result = try Tool(path: Agent.program).run(["replay"] + arguments)
            #expect(result.status == 2, "\(arguments): \(result.output)")
            #expect(result.output.contains(words), "\(arguments): \(result.output)")
        }
        for (arguments, words) in [
            ([], "--record FILE"), ([log, "--record", log], "--record FILE"),
            ([log, "--for", "1m"], "need --record"),
            (["--record", "\(folder.path)/new", "--speed", "2"], "leave out"),
            (["--record", "\(folder.path)/new", "--state", folder.path], "no geopipe-agent listens on"),
        ] {
            let result = try Tool(path: Self.geopipe).run(["replay"] + arguments)
            #expect(result.status == 2, "\(arguments): \(result.output)")
            #expect(result.output.contains(words), "\(arguments): \(result.output)")
        }
        #expect(try String(contentsOfFile: precious, encoding: .utf8) == "precious")
        // A failure creates no file.
        #expect(access("\(folder.path)/new", F_OK) != 0)
    }

    @Test("needs geopipe-agent, and says so if it is not installed")
    func missing() throws {
        let folder = try Folder()
        // /proc/self/exe has the name by which it was started.
        let alone = "\(folder.path)/geopipe"
        if link(Self.geopipe, alone) != 0 { try FileManager.default.copyItem(atPath: Self.geopipe, toPath: alone) }
        let result = try Tool("env").run(["PATH=\(folder.path)", alone, "replay", "hits.log"])
        #expect(result.status == 2)
        #expect(result.output.contains("needs geopipe-agent, which is neither beside \(folder.path) nor in PATH"))
    }

    @Test("records the absence of the agent, and reports it on stderr")
    func away() async throws {
        let folder = try Folder()
        let state = StateDirectory(path: folder.path)
        let view = LiveView(.live, host: "test", start: wallTime())
        func serve() -> Task<Void, Never> {
            Task(executorPreference: DedicatedExecutor.shared) {
                await LiveServer(view).run(atSocket: state.liveSocket, in: nil, consolation: "")
            }
        }
        let first = serve()
        #expect(await inThread { eventually(within: .seconds(600)) { access(state.liveSocket, F_OK) == 0 } })
        let file = "\(folder.path)/recording.json"
        let output = Pipe()
        let process = try Tool(path: Self.geopipe).start(
            ["replay", "--record", file, "--state", folder.path], seconds: 3_600, output: output)
        #expect(await inThread { eventually(within: .seconds(600)) { view.viewerCount == 1 } })
        first.cancel()
        await first.value
        let text: @Sendable () -> String = { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
        #expect(await inThread { eventually(within: .seconds(600)) { text().contains("geopipe-agent stopped") } })
        let second = serve()
        defer { second.cancel() }
        #expect(await inThread { eventually(within: .seconds(600)) { text().contains("geopipe-agent is back after") } })
        for child in try children(of: process.processIdentifier) { kill(child, SIGINT) }
        process.waitUntilExit()
        let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        #expect(said.split(separator: "nothing is recorded until it is back").count == 2, "\(said)")
        #expect(said.split(separator: "geopipe-agent is back after").count == 2, "\(said)")
        #expect(said.contains("0 lines for 0 hits; geopipe-agent was absent for"), "\(said)")
        let lines = text().split(separator: "\n").map { HitsLine(Array($0.utf8)[...]) }
        #expect(lines.count == 2)
        for line in lines {
            guard case .event(let event)? = line else {
                Issue.record("\(text())")
                continue
            }
            #expect(event.kind == .agent)
        }
    }

    @Test("shows recorded hits with their weights and events, after the previous contents of the file")
    func record() async throws {
        let folder = try Folder()
        let view = LiveView(.live, host: "test", start: wallTime())
        let server = LiveServer(view)
        let state = StateDirectory(path: folder.path)
        let serving = Task(executorPreference: DedicatedExecutor.shared) {
            await server.run(atSocket: state.liveSocket, in: nil, consolation: "")
        }
        defer { serving.cancel() }
        #expect(await inThread { eventually(within: .seconds(600)) { access(state.liveSocket, F_OK) == 0 } })
        let file = try folder.write(Array("an old line, torn".utf8), to: "recording.json")
        let program = Self.geopipe
        let process = try Tool(path: program).start(
            ["replay", "--record", file, "--state", folder.path, "--for", "1h"], seconds: 3_600,
            output: FileHandle.nullDevice)
        #expect(await inThread { eventually(within: .seconds(600)) { view.viewerCount == 1 } })
        let time = Int(wallTime() * 1_000)
        view.take([
            SampledHit(
                time: time, network: IPPrefix("192.0.2.0/24")!, country: "NO",
                coordinates: Coordinates(latitude: 59.9, longitude: 10.7), name: "www.example.com", service: "web",
                datacenters: ["oslo"], scope: 24, side: .new, weight: 12)
        ])
        view.advance(to: wallTime())
        view.add(LiveEvent(time: wallTime(), kind: .switch, text: "oslo drained", datacenter: "oslo"))
        let lines: @Sendable () throws -> [String] = {
            try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
        }
        #expect(
            try await inThread { Result { try eventually(within: .seconds(600)) { try lines().count == 3 } } }.get())
        for child in try children(of: process.processIdentifier) { kill(child, SIGINT) }
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let text = try lines()
        #expect(text[0] == "an old line, torn")
        guard case .hit(let hit)? = HitsLine(Array(text[1].utf8)[...]) else {
            Issue.record("\(text)")
            return
        }
        #expect(hit.time == time && hit.weight == 12 && hit.side == .new && hit.datacenters == ["oslo"])
        guard case .event(let event)? = HitsLine(Array(text[2].utf8)[...]) else {
            Issue.record("\(text)")
            return
        }
        #expect(event.text == "oslo drained")
    }
}
