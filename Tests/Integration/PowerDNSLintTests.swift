import Foundation
import Support
import Testing

@testable import PowerDNSLint

/// The lint of a pdns.conf, compared with the pdns_server that reads it.
@Suite("The settings of a real pdns_server")
struct PowerDNSLintTests {
    @Test("every setting has the value that the lint reads")
    func values() throws {
        let server = try Server(
            lines: [
                "  loglevel\t = 5  # as text", "server-id=a#b # c", "version-string=\"one two\"", "# carried on \\",
                "default-ttl=1", "default-soa-content=a. \\", "   b. 1 2 3 4 5", "any-to-tcp", "Loglevel=9",
                "only-notify=", "only-notify+=192.0.2.2", "max-cache-entries=1",
                "max-cache-entries=2", "ignore-unknown-settings=Loglevel", "include-dir=~/include",
                "retrieval-threads=4",
                "tcp-idle-timeout=7\\",
            ],
            files: [
                "include/B.conf": "signing-threads=1\nqueue-limit=1001", "include/a.conf": "signing-threads=2\n",
                "include/_.conf": "queue-limit=1000\nretrieval-threads=5\ninclude-dir=~/more\n",
                "include/.c.conf": "signing-threads=3\n", "include/c.CONF": "signing-threads=4\n",
                "more/d.conf": "signing-threads=5\n",
            ])
        let known = KnownServer.found()
        let ours = try PowerDNSConfiguration(contentsOf: server.file, for: known)
        let theirs = try server.settings()
        try #require(theirs.count > 100)
        for (name, value) in theirs where !Server.isOption(name) {
            if let setting = ours[name] {
                #expect(setting.value == value, "\(name)")
            } else if let standard = known.settings[name], !standard.isEmpty {
                #expect(standard == value, "the default of \(name)")
            }
        }
        #expect(ours.settings.keys.allSatisfy { theirs.keys.contains($0) })
        #expect(known.isExact)
        #expect(Set(theirs.keys).subtracting(known.settings.keys) == ["Loglevel"])
        // The table, for machines without pdns. Values that depend on the machine are empty in it.
        let table = KnownSettings.defaults(of: known.version)
        #expect(Set(table.keys) == Set(known.settings.keys))
        for (name, value) in table where !value.isEmpty { #expect(known.settings[name] == value, "\(name)") }
    }

    @Test(
        "pdns does not start where check says so",
        arguments: [
            ["zone-cache-refresh-interval=60"], ["launch="], ["launch=pipe pipe"], ["launch=pipe,pipe:b"],
            ["pipe-command="], ["pipe-command=geopipe --config ~/geopipe.yaml"],
            ["pipe-command=~/geopipe.yaml"], ["pipe-command=~"], ["pipe-command=~/geopipe  --config ~/geopipe.yaml"],
            ["pipe-command=~/geopipe --config ~/geopipe.yaml 2>>/dev/null"],
            ["pipe-command=~/geopipe --config ~/nothing"],
            ["cahce-ttl=1"], ["gmysql-host=localhost"], ["pipe-b-timeout=1"], ["foo+=x"], ["cache-ttl=a"],
            ["pipe-timeout=a"], ["distributor-threads=0"], ["pipe-regex=("], ["module-dir=/tmp"],
            ["include-dir=~/nothing"],
        ])
    func ends(lines: [String]) throws {
        let server = try Server(lines: lines, files: [:])
        let check = try server.check()
        #expect(check.status == 1)
        #expect(check.output.contains(/do(es)? not start/))
        let pdns = try Tool("pdns_server").run(server.options)
        #expect(pdns.status != 0 && pdns.status != 124, "\(pdns.output)")
    }

    @Test("check finds no problem in the settings of the tests")
    func fine() throws {
        let server = try Server(lines: [], files: [:])
        let check = try server.check()
        #expect(check.status == 0)
        #expect(
            check.output.matches(of: /pdns\.conf:.*/).allSatisfy { $0.output.contains(": note: ") }, "\(check.output)")
        #expect(try server.settings()["launch"] == "pipe")
    }
}

/// A pdns_server with settings like those in examples, except for some lines.
private struct Server {
    let backend: Backend
    private let folder: Folder

    var file: String { "\(backend.folder.path)/pdns.conf" }

    /// Removes the folder.
    private final class Folder {
        let backend: Backend
        init(_ backend: Backend) { self.backend = backend }
        deinit { backend.remove() }
    }

    /// - Parameter lines: lines after those of examples/pdns.conf; `~` is the folder with all files.
    init(lines: [String], files: [String: String]) throws {
        // Without the record types for which pdns needs more settings.
        backend = try Backend(
            try String(contentsOf: NameServer.project.appending(path: "examples/geopipe.yaml"), encoding: .utf8)
                .replacing("demo/demo.mmdb", with: "\(NameServer.project.path)/examples/demo/demo.mmdb"))
        folder = Folder(backend)
        var settings = try String(contentsOf: backend.folder.appending(path: "pdns.conf"), encoding: .utf8)
        settings += "\n" + lines.joined(separator: "\n")
        for (name, text) in files.merging(["pdns.conf": settings], uniquingKeysWith: { $1 }) {
            let file = backend.folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.replacing("~", with: backend.folder.path).write(to: file, atomically: true, encoding: .utf8)
        }
    }

    /// On the command line of pdns, where they override the file.
    var options: [String] {
        [
            "--config-dir=\(backend.folder.path)", "--socket-dir=\(backend.folder.path)", "--local-address=127.0.0.1",
            "--local-port=\(freePort()!)", "--daemon=no", "--guardian=no",
            "--disable-syslog=yes",
            "--write-pid=no",
        ]
    }

    static func isOption(_ name: String) -> Bool {
        [
            "config-dir", "socket-dir", "local-address", "local-port", "daemon", "guardian", "disable-syslog",
            "write-pid",
        ].contains(name)
    }

    func check() throws -> (output: String, status: Int32) {
        try Tool(path: backend.folder.appending(path: "geopipe").path).run(
            ["check", backend.folder.appending(path: "geopipe.yaml").path, "--pdns-conf", file])
    }

    /// Starts pdns, and reads all of its settings.
    func settings() throws -> [String: String] {
        let log = backend.folder.appending(path: "pdns.log")
        try Data().write(to: log)
        let pdns = try Tool("pdns_server").start(options, seconds: 60, output: try FileHandle(forWritingTo: log))
        defer {
            pdns.terminate()
            pdns.waitUntilExit()
        }
        var output = ""
        let control = ["--socket-dir=\(backend.folder.path)", "current-config"]
        guard
            try eventually({
                output = try Tool("pdns_control").run(control).output
                return output.contains("launch=")
            })
        else { throw NameServer.DidNotStart(log: try String(contentsOf: log, encoding: .utf8)) }
        let pairs = output.matches(of: /(?:^|\n)(?:# )?([A-Za-z0-9-]+)=(.*)/).map { (String($0.1), String($0.2)) }
        return Dictionary(pairs, uniquingKeysWith: { $1 })
    }
}
