import Foundation
import Support

/// A pdns_server that serves zones from files, with one backend or the other.
final class Server {
    enum Backend: String {
        /// pdns's own, which reads master files: the oracle.
        case bind
        /// geopipe behind the pipe backend.
        case geopipe
    }

    /// How pdns is set for a comparison.
    enum Settings {
        /// No cache, so that every answer comes from the backend.
        case uncached
        /// Those of examples/pdns.conf.
        case recommended
    }

    struct DidNotStart: Error, CustomStringConvertible {
        let description: String
    }

    let port: UInt16
    private let guardian: Process
    private let process: pid_t

    /// Starts it with the files that are in `folder`.
    ///
    /// - Parameters:
    ///   - zones: the apexes, and the files' names.
    ///   - key: signs all zones, if there is one: a file as `pdnsutil generate-zone-key` prints it.
    init(
        _ backend: Backend, _ zones: [(apex: Name, file: String)], in folder: Folder, settings: Settings = .uncached,
        key: String? = nil
    ) throws {
        guard let port = freePort() else { throw DidNotStart(description: "no port is free") }
        self.port = port
        // The control socket and the keys are here, too.
        let home = folder.unique("\(backend)")
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try Data(try Self.configuration(of: backend, zones, in: folder, home, settings, key != nil).utf8)
            .write(to: URL(filePath: "\(home)/pdns.conf"))
        if let key { try Self.sign(zones.map(\.apex), backend, home, with: key) }
        let log = "\(home)/pdns.log"
        try Data().write(to: URL(filePath: log))
        let output = FileHandle(forWritingAtPath: log)!
        guardian = try Tool("pdns_server").start(
            ["--config-dir=\(home)", "--local-port=\(port)"], seconds: 600, output: output)
        let question = Question(name: zones[0].apex, type: 6)
        let client = DNSClient(port: port)
        guard eventually({ client.ask([question], patience: 0.2)[0]?.code == 0 }),
            let process = try children(of: guardian.processIdentifier).first
        else {
            guardian.terminate()
            guardian.waitUntilExit()
            throw DidNotStart(
                description:
                    "pdns_server with \(backend) does not answer; it says:\n\((try? String(contentsOfFile: log, encoding: .utf8)) ?? "nothing")"
            )
        }
        self.process = process
    }

    deinit {
        kill(process, SIGTERM)
        if !eventually({ !isRunning(process) }) { kill(process, SIGKILL) }
        guardian.waitUntilExit()
    }

    func ask(_ questions: [Question]) -> [Reply?] { DNSClient(port: port).ask(questions) }

    func transfer(_ zone: Name) -> [Record]? { DNSClient(port: port).transfer(zone) }

    // MARK: Configuration

    private static func configuration(
        of backend: Backend, _ zones: [(apex: Name, file: String)], in folder: Folder, _ home: String,
        _ settings: Settings, _ isSigned: Bool
    ) throws -> String {
        var lines = [
            "local-address=127.0.0.1", "socket-dir=\(home)", "daemon=no", "guardian=no", "disable-syslog=yes",
            "loglevel=4", "security-poll-suffix=", "disable-axfr=no", "allow-axfr-ips=127.0.0.1",
            "dname-processing=yes", "udp-truncation-threshold=4096", "edns-subnet-processing=yes",
            // Fewer coprocesses start faster.
            "distributor-threads=1", "receiver-threads=1", "zone-cache-refresh-interval=0", "consistent-backends=no",
        ]
        switch settings {
        case .uncached: lines += ["cache-ttl=0", "query-cache-ttl=0", "negquery-cache-ttl=0"]
        case .recommended:
            let example = try String(contentsOfFile: "\(Project.root)/examples/pdns.conf", encoding: .utf8)
            lines += example.split(separator: "\n").map(String.init).filter { line in
                let key = line.prefix { $0 != "=" }
                return !line.hasPrefix("#") && !["launch", "pipe-command"].contains(key)
                    && !lines.contains { $0.hasPrefix("\(key)=") } && (backend == .geopipe || !key.hasPrefix("pipe-"))
            }
        }
        switch backend {
        case .bind:
            let zones = zones.map { "zone \"\($0.apex)\" { type master; file \"\($0.file)\"; };\n" }
            try Data("options { directory \"\(folder.path)\"; };\n\(zones.joined())".utf8)
                .write(to: URL(filePath: "\(home)/named.conf"))
            lines += ["launch=bind", "bind-config=\(home)/named.conf"]
            if isSigned { lines.append("bind-dnssec-db=\(home)/keys.db") }
        case .geopipe:
            // pdns splits the command at blanks, and nothing else.
            let program = "\(home)/geopipe"
            try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Program.geopipe.path)
            let zones = zones.map { "  \(quoted(Array("\($0.apex)".utf8))): { file: \"../\($0.file)\" }\n" }
            try Data("zones:\n\(zones.joined())".utf8).write(to: URL(filePath: "\(home)/geopipe.yaml"))
            lines += [
                isSigned ? "launch=pipe,gsqlite3" : "launch=pipe", "pipe-abi-version=5", "pipe-timeout=5000",
                "pipe-command=\(program) --config \(home)/geopipe.yaml",
            ]
            if isSigned { lines += ["gsqlite3-database=\(home)/keys.db", "gsqlite3-dnssec=yes"] }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Keys

    /// Of a kind that gives the same signature whenever it signs the same.
    static func generateKey() throws -> String {
        let result = try Tool("pdnsutil").run(["generate-zone-key", "ksk", "ed25519"])
        guard result.status == 0 else { throw DidNotStart(description: result.output) }
        return result.output
    }

    /// Signs with one key and denies with narrow NSEC3, for the pipe backend cannot say which name is next.
    private static func sign(_ zones: [Name], _ backend: Backend, _ home: String, with key: String) throws {
        let pdnsutil = try Tool("pdnsutil")
        func run(_ arguments: [String]) throws {
            let result = try pdnsutil.run(["--config-dir=\(home)"] + arguments)
            guard result.status == 0 else {
                throw DidNotStart(description: "pdnsutil \(arguments.joined(separator: " ")): \(result.output)")
            }
        }
        switch backend {
        case .bind: try run(["create-bind-db", "\(home)/keys.db"])
        case .geopipe:
            let schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
            let result = try Tool("sqlite3").run(["\(home)/keys.db", ".read \(schema)"])
            guard result.status == 0 else { throw DidNotStart(description: result.output) }
        }
        try Data(key.utf8).write(to: URL(filePath: "\(home)/zone.key"))
        for zone in zones {
            if backend == .geopipe {
                let name = zone.labels.isEmpty ? "." : String("\(Name(zone.folded))".dropLast())
                let row = "insert into domains (name, type) values ('\(name)', 'NATIVE')"
                _ = try Tool("sqlite3").run(["\(home)/keys.db", row])
            }
            try run(["import-zone-key", "\(zone)", "\(home)/zone.key", "active", "ksk"])
            try run(["set-nsec3", "\(zone)", "1 0 0 -", "narrow"])
        }
    }
}
