import Foundation
import Support
import Testing

/// A real pdns_server on the loopback interface, with the project's own pdns.conf and geopipe as its backend.
struct NameServer {
    /// The server that a suite with a trait such as `.served` shares.
    @TaskLocal static var shared: NameServer?

    struct DidNotStart: Error, CustomStringConvertible {
        let log: String
        var description: String { "pdns_server does not answer; it says:\n\(log)" }
    }

    struct Ended: Error, CustomStringConvertible {
        let error: String
        let log: String
        var description: String { "\(error); pdns_server has ended, and says:\n\(log.suffix(4000))" }
    }

    static let project = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    let process: pid_t
    let port: UInt16
    let backend: Backend
    private let logFile: URL

    /// Runs `body` with its own name server, and then removes `backend`.
    ///
    /// - Parameter backend: has a zone geo.example.com.
    static func run(_ backend: Backend, _ body: (NameServer) async throws -> Void) async throws {
        defer { backend.remove() }

        let port = try #require(freePort())
        let log = backend.folder.appending(path: "pdns.log")
        try Data().write(to: log)
        let guardian = try Tool("pdns_server").start(
            [
                "--config-dir=\(backend.folder.path)", "--local-port=\(port)", "--local-address=127.0.0.1",
                "--socket-dir=\(backend.folder.path)", "--daemon=no", "--guardian=no", "--disable-syslog=yes",
            ],
            // A suite shares it, and takes minutes on a busy machine. The limit is for a test run that was killed.
            seconds: 3_600, output: try FileHandle(forWritingTo: log))
        defer { guardian.waitUntilExit() }

        guard
            eventually({ (try? DNSClient(port: port).ask([.init("geo.example.com", .soa)], timeout: 0.2)) != nil }),
            let process = try children(of: guardian.processIdentifier).first
        else {
            guardian.terminate()
            throw DidNotStart(log: try String(contentsOf: log, encoding: .utf8))
        }
        defer {
            kill(process, SIGTERM)
            if !eventually({ !isRunning(process) }) { kill(process, SIGKILL) }
        }
        do {
            try await body(NameServer(process: process, port: port, backend: backend, logFile: log))
        } catch  where !isRunning(process) {
            throw Ended(error: "\(error)", log: try String(contentsOf: log, encoding: .utf8))
        }
    }

    /// Its coprocesses.
    func coprocesses() throws -> [pid_t] {
        try children(of: process)
    }

    /// The number of coprocesses that pdns starts before it answers: one for each backend that it keeps, and before 5.1
    /// one more, to test the start.
    static var launchesAtStart: Int { PowerDNSRelease.started.map { $0 < PowerDNSRelease(5, 1) } == true ? 4 : 3 }

    /// The number of coprocesses that pdns has started, by its log.
    func launches() throws -> Int {
        try log().split(separator: "Backend launched with banner: OK").count - 1
    }

    func log() throws -> String {
        try String(contentsOf: logFile, encoding: .utf8)
    }

    func dig(_ arguments: String...) throws -> Reply {
        let result = try Tool("dig").run(["@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=10"] + arguments)
        try #require(result.status == 0, "\(result.output)")
        return Reply(result.output)
    }
}

/// The files that pdns needs to start geopipe: a folder with the program, its configuration and a pdns.conf, in a path
/// without spaces, at which pdns splits its command.
struct Backend {
    let folder = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID().uuidString)")

    /// - Parameters:
    ///   - configurationFiles: files of pdns in examples; together they are its pdns.conf.
    ///   - defaults: settings in them that keep pdns's default.
    ///   - script: a program to run instead of geopipe.
    init(
        _ configuration: String = Integration.configuration, configurationFiles: [String] = ["pdns.conf"],
        defaults: [String] = [], script: String? = nil
    ) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let program = folder.appending(path: "geopipe")
        if let script {
            try script.write(to: program, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program.path)
        } else {
            let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            try FileManager.default.createSymbolicLink(
                at: program, withDestinationURL: tests.appending(path: "geopipe"))
        }
        try write(configuration, to: "geopipe.yaml")
        let settings = try configurationFiles.map {
            try String(contentsOf: NameServer.project.appending(path: "examples/\($0)"), encoding: .utf8)
        }
        let state = configuration.contains("state_directory:") ? "" : " --state \(folder.path)/state"
        let lines = settings.joined().split(separator: "\n")
            .filter { line in !defaults.contains { line.hasPrefix("\($0)=") } }
            .joined(separator: "\n")
        try write(
            lines.replacing(
                /pipe-command=.*/, with: "pipe-command=\(program.path) --config \(folder.path)/geopipe.yaml\(state)"
            ).replacing("/var/lib/powerdns", with: folder.path), to: "pdns.conf")
    }

    func write(_ text: String, to file: String) throws {
        try text.write(to: folder.appending(path: file), atomically: true, encoding: .utf8)
    }

    func remove() {
        try? FileManager.default.removeItem(at: folder)
    }
}

/// Starts one name server for all tests of a suite.
struct Served: SuiteTrait, TestScoping {
    let makeBackend: @Sendable () throws -> Backend

    func provideScope(
        for test: Test, testCase: Test.Case?, performing tests: @Sendable () async throws -> Void
    ) async throws {
        try await NameServer.run(try makeBackend()) { server in
            try await NameServer.$shared.withValue(server) { try await tests() }
        }
    }
}

extension Trait where Self == Served {
    static var served: Self { Self { try Backend() } }
}

/// The output of dig.
struct Reply {
    /// `NOERROR`, `NXDOMAIN`...; empty for a zone transfer.
    var status = ""
    var answer: [String] = []
    var authority: [String] = []
    var additional: [String] = []
    /// As `ADDRESS/SOURCE PREFIX LENGTH/SCOPE PREFIX LENGTH` (RFC 7871).
    var clientSubnet: String?

    init(_ output: String) {
        var section = "ANSWER"  // a zone transfer has no headings
        for line in output.split(separator: "\n") {
            if let heading = line.wholeMatch(of: /;; (\w+) (?:PSEUDO)?SECTION:/) {
                section = String(heading.1)
            } else if let header = line.firstMatch(of: /status: (\w+)/) {
                status = String(header.1)
            } else if let option = line.firstMatch(of: /CLIENT-SUBNET: (\S+)/) {
                clientSubnet = String(option.1)
            } else if !line.hasPrefix(";") {
                let record = line.split(maxSplits: 4, whereSeparator: \.isWhitespace).joined(separator: " ")
                if section == "ANSWER" { answer.append(record) }
                if section == "AUTHORITY" { authority.append(record) }
                if section == "ADDITIONAL" { additional.append(record) }
            }
        }
    }
}
