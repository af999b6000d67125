import Foundation
import Testing

/// The findings about the program that pdns starts.
@Suite("pipe-command")
struct CommandTests {
    private static let remedy = "write pipe-command=/usr/local/bin/geopipe --config ~/geopipe.yaml"
    private static let sameProgram = "write pipe-command=~/geopipe --config ~/geopipe.yaml"

    @Test(
        "commands",
        arguments: [
            ("", ":2:1: pdns does not start without pipe-command; \(remedy)"),
            (
                "~/nothing/geopipe --config ~/geopipe.yaml",
                ":2:14: pdns does not start: ~/nothing/geopipe does not exist; install geopipe there, or \(remedy)"
            ),
            ("~", ":2:14: pdns does not start: ~ is not a program; install geopipe there, or \(remedy)"),
            (
                "~/geopipe.yaml",
                ":2:14: pdns does not start: ~/geopipe.yaml may not be executed; install geopipe there, or \(remedy)"
            ),
            (
                "/bin/sh ~/geopipe",
                ":2:14: warning: /bin/sh is not called geopipe; if it is not a copy of geopipe, \(remedy)"
            ),
            (
                "geopipe --config ~/geopipe.yaml",
                ":2:14: pdns looks for 'geopipe' neither in PATH nor by a shell, but in the folder where it is started, and does not start; \(remedy)"
            ),
            (
                "unix:/run/geopipe",
                ":2:14: pdns looks for 'unix:/run/geopipe' neither in PATH nor by a shell, but in the folder where it is started, and does not start; \(remedy)"
            ),
            (
                "\"~/geopipe\" --config '~/geopipe.yaml'",
                ":2:14: pdns gives quotation marks no meaning, and arguments end at spaces; \(sameProgram)"
            ),
            (
                "~/geopipe --config \"~/geopipe.yaml\"",
                ":2:{config}: pdns gives quotation marks no meaning, and arguments end at spaces; \(sameProgram)"
            ),
            (
                "~/geopipe --config  ~/geopipe.yaml",
                ":2:{config}: pdns does not start: geopipe refuses the empty argument between two spaces; \(sameProgram)"
            ),
            (
                "~/geopipe --conifg ~/geopipe.yaml 2>>/var/log/geopipe",
                ":2:{words}: pdns does not start: geopipe, started without a shell, reports: Unexpected argument; \(sameProgram)"
            ),
            (
                "~/geopipe --config geopipe.yaml",
                ":2:{config}: pdns does not start: geopipe looks for 'geopipe.yaml' in the folder where pdns is started; write pipe-command=~/geopipe --config geopipe.yaml"
            ),
            (
                "~/geopipe --config ~/nothing.yaml",
                ":2:{config}: pdns does not start: geopipe cannot read ~/nothing.yaml: No such file or directory; \(sameProgram)"
            ),
            (
                "~/geopipe --config ~/other.yaml",
                ":2:{config}: warning: pdns starts geopipe with ~/other.yaml, but ~/geopipe.yaml is being checked; \(sameProgram)"
            ),
            (
                "~/geopipe \\\n  --config ~/nothing.yaml",
                ":3:1: pdns does not start: geopipe refuses the empty argument between two spaces; write pipe-command=~/geopipe --config ~/nothing.yaml"
            ),
            (
                "~/geopipe \\\n--config ~/nothing.yaml",
                ":3:10: pdns does not start: geopipe cannot read ~/nothing.yaml: No such file or directory; \(sameProgram)"
            ),
        ])
    func commands(command: String, expected: String) throws {
        let machine = try Machine()
        try machine.write("", to: "other.yaml")
        let words = "pipe-command=~/geopipe ".replacing("~", with: machine.folder.path).count + 1
        let place = expected.replacing("{words}", with: "\(words)")
            .replacing("{config}", with: "\(words + "--config ".count)")
        #expect(
            try machine.findings(Machine.good(with: ["pipe-command=\(command)"])) == ["~/pdns.conf\(place)"])
    }

    @Test("a link to the configuration counts as the configuration")
    func link() throws {
        let machine = try Machine()
        try FileManager.default.createSymbolicLink(
            atPath: machine.path("link.yaml"), withDestinationPath: "geopipe.yaml")
        #expect(
            try machine.findings(Machine.good(with: ["pipe-command=~/geopipe --config ~/link.yaml"])) == [])
    }

    @Test("a socket")
    func socket() throws {
        let machine = try Machine()
        let descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: machine.path("socket").utf8) }
        let bound = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        #expect(
            try machine.findings(Machine.good(with: ["pipe-command=~/socket"])) == [
                "~/pdns.conf:2:14: warning: pdns never connects again to a socket whose server was restarted, and answers SERVFAIL; \(Self.remedy)"
            ])
    }

    @Test("a coprocess sees only files in the chroot")
    func root() throws {
        let machine = try Machine()
        let settings = Machine.good(with: ["chroot=~", "pipe-command=/geopipe --config /geopipe.yaml"])
        let warning =
            "~/pdns.conf:12:8: warning: coprocesses see only what is in ~; copy the databases and all else that geopipe reads into it, or remove chroot"
        #expect(try machine.findings(settings) == [warning])
        #expect(
            try machine.findings(Machine.good(with: ["chroot=~"])).first
                == "~/pdns.conf:2:14: pdns does not start: ~~/geopipe does not exist; install geopipe there, or \(Self.remedy)"
        )
    }
}
