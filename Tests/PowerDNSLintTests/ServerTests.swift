import Foundation
import Testing

@testable import PowerDNSLint

/// The version of pdns that settings are checked for.
@Suite("Versions of pdns")
struct ServerTests {
    @Test(
        "are parsed as pdns, its source and Debian write them",
        arguments: [
            ("4.7", "4.7"), ("4.9.18", "4.9.18"), ("5.1.5-1", "5.1.5"), ("4.9.4-1+deb13u1", "4.9.4"),
            ("1:4.8.3-4build3", "4.8.3"), ("5.1.0~beta1-1", "5.1.0"), ("5.0.0-alpha1", "5.0.0"),
            ("auth-5.0.6", "5.0.6"),
            ("v4.9.2", "4.9.2"), ("5", nil), ("", nil), ("x4.7", nil), ("4.7.3.2", nil), ("4.", nil), ("newest", nil),
            ("99999.1", nil),
        ])
    func reads(text: String, version: String?) { #expect(ServerVersion(text)?.description == version) }

    @Test("of 5.1 and newer accept record types by name")
    func dialects() throws {
        for (text, isNew) in [
            ("4.7", false), ("5.0.9", false), ("5.1", true), ("5.2", true), ("6.0", true), ("0.0", true),
        ] {
            #expect(try #require(ServerVersion(text)).isSince(major: 5, minor: 1) == isNew)
        }
    }

    /// A folder with a script called pdns_server.
    private final class Installation {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pdns-\(UUID().uuidString)")

        init(_ script: String) throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let program = folder.appending(path: "pdns_server")
            try "#!/bin/sh\n\(script)\n".write(to: program, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        var server: KnownServer? { KnownServer.installed(in: ["/nowhere", "relative", folder.path]) }
    }

    private let banner = "echo 'Nov 30 06:07:01 PowerDNS Authoritative Server 4.9.18 (C) PowerDNS.COM BV' >&2"

    @Test("and their settings come from the installed pdns_server")
    func installed() throws {
        let installation = try Installation(
            """
            case "$*" in
            *--version*) \(banner) ;;
            *--config=default*) printf '# launch\tBackends\n#\n# launch=\n\n# pipe-command=\nbrand-new=7\n# cache-ttl=20\n' ;;
            *) exit 1 ;;
            esac
            """)
        let server = try #require(installation.server)
        #expect(server.version.description == "4.9.18")
        #expect(server.isExact && server.remark == nil)
        #expect(server.settings == ["launch": "", "pipe-command": "", "brand-new": "7", "cache-ttl": "20"])

        let machine = try Machine()
        machine.server = server
        let said = try machine.findings(
            "launch=pipe\npipe-command=~/geopipe --config ~/geopipe.yaml\nbrand-new=8\nfoo=1\n")
        #expect(
            said.filter { !$0.contains("with ") } == [])
        #expect(
            said.contains("~/pdns.conf:4:1: pdns 4.9.18 does not know 'foo' and does not start with it; remove it"))
        #expect(!said.contains { $0.contains("brand-new") })
    }

    @Test("are known even of a pdns_server that lists no settings")
    func listless() throws {
        let server = try #require(try Installation("case \"$*\" in *--version*) \(banner) ;; esac").server)
        #expect(server.version.description == "4.9.18")
        #expect(!server.isExact)
        #expect(server.settings["loglevel-show"] == "no")
    }

    @Test(
        "are unknown if the program is not pdns_server, or does not end",
        arguments: ["exit 0", "echo 4.9.18", "exec cat /dev/zero"])
    func others(script: String) throws {
        #expect(try Installation(script).server == nil)
    }
}
