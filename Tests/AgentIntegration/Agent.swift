import Configuration
import DNS
import Foundation
import Platform
import State
import Support

/// The real agent, built beside the tests, with a configuration and a state directory of its own.
final class Agent {
    /// The time limit on a busy machine; it only decides how soon a hang is reported.
    static let timeout = Duration.seconds(60)

    let folder: Folder
    /// The address of its metrics.
    let port: UInt16
    private(set) var process: Process?
    /// Its log file.
    let log: String
    private let environment: [String: String]

    /// - Parameters:
    ///   - services: for each service its addresses, and the inside of the braces of its check.
    ///   - isStarted: whether to start it.
    init(_ services: [(addresses: String, check: String)], trusting roots: String? = nil, isStarted: Bool = true) throws
    {
        folder = try Folder()
        guard let port = freePort() else { throw Unavailable(description: "no port is free") }
        self.port = port
        log = "\(folder.path)/log"
        environment = roots.map { ["SSL_CERT_FILE": $0] } ?? [:]
        try Data().write(to: URL(filePath: log))
        try configure(services)
        if isStarted { try start() }
    }

    deinit { _ = try? end(SIGKILL) }

    struct Unavailable: Error { var description: String }

    var file: String { "\(folder.path)/geopipe.yaml" }
    var state: StateDirectory { StateDirectory(path: "\(folder.path)/state") }

    static func yaml(_ services: [(addresses: String, check: String)], state: String = "state_directory: state")
        -> String
    {
        let services = services.enumerated().map { number, service in
            """
              service-\(number):
                map: all
                answers: { oslo: [\(service.addresses)] }
                check: { \(service.check) }
            """
        }
        return """
            \(state)
            datacenters: { oslo: {} }
            maps: { all: { default: oslo } }
            services:
            \(services.joined(separator: "\n"))
            zones:
              example.com: { soa: { primary: ns.example.com., contact: a@example.com }, ns: [ns.example.com.] }

            """
    }

    func configure(_ services: [(addresses: String, check: String)]) throws { try configure(Self.yaml(services)) }

    /// Replaces the configuration atomically.
    func configure(_ text: String) throws {
        let new = try folder.write(Array(text.utf8), to: "new.yaml")
        guard rename(new, file) == 0 else { throw Unavailable(description: "cannot write \(file)") }
    }

    /// - Parameter live: the address of the live view; `none` except in tests about it.
    func start(
        _ arguments: [String] = [], metrics: String? = nil, live: String = "none", variables: [String: String] = [:]
    ) throws {
        let output = FileHandle(forWritingAtPath: log)!
        try output.seekToEnd()
        let tool = try Tool("env")
        process = try tool.start(
            environment.merging(variables) { $1 }.map { "\($0.key)=\($0.value)" } + [
                Self.program, "--config", file, "--metrics", metrics ?? "127.0.0.1:\(port)", "--live", live,
            ] + arguments, seconds: 3_600, output: output)
    }

    static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "geopipe-agent").path

    /// Everything that it has logged since the first start.
    var said: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// Its own process id: the started program is timeout(1).
    var identifier: pid_t? {
        guard let process, process.isRunning else { return nil }
        return try? children(of: process.processIdentifier).first
    }

    /// Ends it by a signal.
    ///
    /// - Returns: its exit status, or the signal.
    @discardableResult
    func end(_ signal: Int32) throws -> Int32 {
        guard let process else { return 0 }
        var isSent = false
        let isOver = eventually(within: Self.timeout) {
            // It may not run yet, directly after the start.
            if !isSent, let identifier { isSent = kill(identifier, signal) == 0 }
            return !process.isRunning
        }
        guard isOver else {
            process.terminate()
            throw Unavailable(description: "it does not end: \(said)")
        }
        return process.terminationStatus
    }

    var report: HealthReport? { (try? state.health())?.value }

    /// Its report of all targets, in the order of the configuration; `nil` for unknown ones.
    func states() throws -> [HealthReport.State?] {
        let report = report
        return try Configuration.load(file).healthTargets.map { report?.states[$0.identity] }
    }

    func waits(for condition: () throws -> Bool) rethrows -> Bool { try eventually(within: Self.timeout, condition) }
}
