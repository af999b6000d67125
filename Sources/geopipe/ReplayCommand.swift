import ArgumentParser
import CLinux
import Glibc
import Platform
import State

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Replay the hits of a log in a browser, or record current hits.",
        discussion: """
            Runs geopipe-agent replay, which serves the page of the live view until Ctrl-C. With --record it writes the hits \
            that coprocesses report to the agent, until Ctrl-C or for the given time: a sample, in which each line says how \
            many hits it stands for. With --top the terminal shows the log, as geopipe top shows current hits.
            """)

    @Argument(help: "The hits log, or a file that --record wrote; - for standard input.")
    var hits: String?

    @Flag(help: "Show the log on the terminal instead of serving a page.")
    var top = false

    @Option(help: ArgumentHelp("Append current hits to this file.", valueName: "file"))
    var record: String?

    @Option(name: .customLong("for"), help: ArgumentHelp("How long to record, such as 10m.", valueName: "time"))
    var time: Seconds?

    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "The configuration, which says where datacenters are; with --record, where the state is.", valueName: "file"
        ))
    var file: String?

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "With --record, the state directory, instead of the configuration's state_directory.",
            valueName: "folder"))
    var stateDirectory: String?

    @Option(
        help: ArgumentHelp("Where to serve the page; 127.0.0.1:9354 by default.", valueName: "address:port"))
    var live: String?

    @Option(
        name: .customLong("live-token-file"),
        help: ArgumentHelp("A file with the token that the page requires.", valueName: "file"))
    var tokenFile: String?

    @Option(
        name: .customLong("live-host"),
        help: ArgumentHelp("A host name under which browsers reach the page. May be repeated.", valueName: "name"))
    var hosts: [String] = []

    @Option(
        help: ArgumentHelp("The speed: seconds of the log in one second, from 0.1 to 1000.", valueName: "number"))
    var speed: Double?

    @Flag(help: "Begin paused.")
    var paused = false

    func validate() throws {
        guard (hits == nil) != (record == nil) else {
            throw ValidationError("name a hits log to show, or a file to record in with --record FILE")
        }
        if record == nil, time != nil || stateDirectory != nil {
            throw ValidationError("--for and --state need --record")
        }
        if record != nil, top || live != nil || tokenFile != nil || !hosts.isEmpty || speed != nil || paused {
            throw ValidationError("--record shows nothing: leave out --top, --live, --speed and --paused")
        }
        if top, live != nil || tokenFile != nil || !hosts.isEmpty {
            throw ValidationError("--top serves no page: leave out --live, --live-token-file and --live-host")
        }
    }

    func run() throws {
        if let record { return try recordHits(in: record) }
        let arguments = words
        guard let program = Self.agent() else {
            printError(
                "geopipe replay needs geopipe-agent, which is neither beside \(Self.ownFolder ?? "this program") nor in PATH; install it"
            )
            throw ExitCode.unusable
        }
        if top { return try showOnTerminal(program, arguments) }
        var pointers = ([program] + arguments).map { strdup($0) } + [nil]
        execv(program, &pointers)
        printError("cannot run \(visible(program)): \(String(cString: strerror(errno)))")
        throw ExitCode.unusable
    }

    /// The arguments of geopipe-agent.
    private var words: [String] {
        var words = ["replay"]
        if top { words += ["--live", "none"] }
        func add(_ option: String, _ value: String?) { if let value { words += ["--\(option)", value] } }
        add("config", file)
        add("live", live)
        add("live-token-file", tokenFile)
        for host in hosts { add("live-host", host) }
        add("speed", speed.map { "\($0)" })
        if paused { words.append("--paused") }
        // A file name may begin with a hyphen.
        return words + ["--", hits ?? "-"]
    }

    private func showOnTerminal(_ program: String, _ arguments: [String]) throws {
        do throws(Refusal) {
            try checkTerminal()
            let player = try ReplayProcess(program, arguments)
            defer { player.end() }
            if try player.waitUntilReady() { try showTop(at: player.socket) }
        } catch {
            printError(error.message)
            throw error.code
        }
    }

    private static var ownFolder: String? {
        var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = path.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        guard count > 0 else { return nil }
        let whole = String(decoding: path[..<count], as: UTF8.self)
        return whole.lastIndex(of: "/").map { String(whole[..<$0]) }
    }

    /// Returns the path of geopipe-agent: beside this program, or in PATH.
    private static func agent() -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        let folders = [ownFolder].compactMap(\.self) + path.split(separator: ":").map(String.init)
        return folders.map { "\($0)/geopipe-agent" }.first { access($0, X_OK) == 0 }
    }

    private func recordHits(in path: String) throws {
        var options = ConfigurationOptions()
        options.file = file ?? ConfigurationOptions.defaultFile
        options.stateDirectory = stateDirectory
        let known: StateDirectory?
        do throws(Refusal) {
            known = try options.knownState()
        } catch {
            printError(visible(error.message))
            throw error.code
        }
        guard let state = known else {
            printError(
                "\(visible(options.file)) has state_directory: none, so there is no agent to record from; name one with --state"
            )
            throw ExitCode.unusable
        }
        do throws(HitsRecorder.Failure) {
            var recorder = try HitsRecorder(path, agent: state.liveSocket)
            try recorder.record(seconds: time?.value)
        } catch {
            printError(error.description)
            throw ExitCode.unusable
        }
    }
}
