import Foundation
import Support

/// A pdns_server that serves zone files with one of two backends.
final class OracleServer {
    enum Backend: String {
        /// The bind backend of pdns, which is the oracle.
        case bind
        /// geopipe with the pipe backend.
        case geopipe
    }

    /// The cache settings of pdns.
    enum Settings {
        /// Without caches, so that every answer comes from the backend.
        case uncached
        /// The settings of examples/pdns.conf.
        case recommended
    }

    struct DidNotStart: Error, CustomStringConvertible {
        let description: String
    }

    let port: UInt16
    private let guardian: Process
    private let process: pid_t

    /// Starts the server with the files in `folder`.
    ///
    /// - Parameters:
    ///   - zones: the apexes and the file names.
    ///   - key: the key that signs all zones, from `drawKey()`; `nil` to serve unsigned zones.
    init(
        _ backend: Backend, _ zones: [(apex: Name, file: String)], in folder: Folder, settings: Settings = .uncached,
        key: String? = nil
    ) throws {
        guard let port = freePort() else { throw DidNotStart(description: "no port is free") }
        self.port = port
        // The folder also has the control socket and the keys.
        let home = folder.unique("\(backend)")
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try Data(try Self.configuration(of: backend, zones, in: folder, home, settings, key != nil).utf8)
            .write(to: URL(filePath: "\(home)/pdns.conf"))
        if let key { try Self.sign(zones.map(\.apex), backend, home, with: key) }
        let log = "\(home)/pdns.log"
        try Data().write(to: URL(filePath: log))
        let output = FileHandle(forWritingAtPath: log)!
        guardian = try Tool("pdns_server").start(
            ["--config-dir=\(home)", "--local-port=\(port)"], seconds: 3_600, output: output)
        let question = DNSQuestion(name: zones[0].apex, type: 6)
        let client = OracleClient(port: port)
        guard eventually({ client.ask([question], timeout: 0.2)[0]?.code == 0 }),
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

    func ask(_ questions: [DNSQuestion]) -> [DNSReply?] { OracleClient(port: port).ask(questions) }

    func transfer(_ zone: Name) -> [ReceivedRecord]? { OracleClient(port: port).transfer(zone) }

    // MARK: Configuration

    private static func configuration(
        of backend: Backend, _ zones: [(apex: Name, file: String)], in folder: Folder, _ home: String,
        _ settings: Settings, _ isSigned: Bool
    ) throws -> String {
        var lines = [
            "local-address=127.0.0.1", "socket-dir=\(home)", "daemon=no", "guardian=no", "disable-syslog=yes",
            "loglevel=4", "security-poll-suffix=", "disable-axfr=no", "allow-axfr-ips=127.0.0.1",
            "dname-processing=yes", "udp-truncation-threshold=4096", "edns-subnet-processing=yes",
            // A server with fewer coprocesses starts faster.
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
            // pdns splits the command only at blanks.
            let program = "\(home)/geopipe"
            try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Program.geopipe.path)
            let zones = zones.map { "  \(quoted(Array("\($0.apex)".utf8))): { file: \"../\($0.file)\" }\n" }
            try Data("zones:\n\(zones.joined())".utf8).write(to: URL(filePath: "\(home)/geopipe.yaml"))
            lines += [
                isSigned ? "launch=pipe,gsqlite3" : "launch=pipe", "pipe-abi-version=5", "pipe-timeout=5000",
                "pipe-command=\(program) --config \(home)/geopipe.yaml --state \(home)/state",
            ]
            if isSigned { lines += ["gsqlite3-database=\(home)/keys.db", "gsqlite3-dnssec=yes"] }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Keys

    /// Draws an Ed25519 key as a file that pdnsutil imports. Its signatures are deterministic, and any 32 bytes are a
    /// private key.
    static func drawKey() -> String {
        let bytes = Data((0..<32).map { _ in UInt8.random(in: .min ... .max) })
        return """
            Private-key-format: v1.2
            Algorithm: 15 (ED25519)
            PrivateKey: \(bytes.base64EncodedString())

            """
    }

    /// Signs all zones with one key, and denies with narrow NSEC3, because the pipe backend cannot find the next name.
    private static func sign(_ zones: [Name], _ backend: Backend, _ home: String, with key: String) throws {
        func run(_ tool: String, _ arguments: [String]) throws {
            let result = try Tool(tool).run(arguments)
            guard result.status == 0 else {
                throw DidNotStart(description: "\(tool) \(arguments.joined(separator: " ")): \(result.output)")
            }
        }
        func database(_ command: String) throws { try run("sqlite3", ["\(home)/keys.db", command]) }
        func sqlName(of zone: Name) -> String {
            zone.labels.isEmpty ? "." : String("\(Name(zone.folded))".dropLast()).replacing("'", with: "''")
        }

        try database(".read /usr/share/pdns-backend-\(backend.schema)")
        switch backend {
        case .bind:
            // Written directly as pdnsutil does it: pdnsutil cannot always load the bind backend (a symbol is missing
            // in Debian's 5.1.5).
            for name in zones.map(sqlName) {
                try database(
                    """
                    insert into cryptokeys (domain, flags, active, content) values ('\(name)', 257, 1, '\(key)');
                    insert into domainmetadata (domain, kind, content)
                    values ('\(name)', 'NSEC3PARAM', '1 0 0 -'), ('\(name)', 'NSEC3NARROW', '1');
                    """)
            }
        case .geopipe:
            try Data(key.utf8).write(to: URL(filePath: "\(home)/zone.key"))
            for zone in zones {
                try database("insert into domains (name, type) values ('\(sqlName(of: zone))', 'NATIVE')")
                let configuration = "--config-dir=\(home)"
                try run(
                    "pdnsutil",
                    [configuration, "import-zone-key", "\(zone)", "\(home)/zone.key", "active", "ksk"])
                try run("pdnsutil", [configuration, "set-nsec3", "\(zone)", "1 0 0 -", "narrow"])
            }
        }
    }
}

extension OracleServer.Backend {
    /// The schema of the key database, from the Debian package.
    fileprivate var schema: String {
        switch self {
        case .bind: "bind/schema/bind-dnssec.schema.sqlite3.sql"
        case .geopipe: "sqlite3/schema/schema.sqlite3.sql"
        }
    }
}
