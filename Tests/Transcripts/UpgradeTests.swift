import Foundation
import State
import Support
import Testing

/// Signals of `geopipe upgrade` to processes.
@Suite("Upgrade")
struct UpgradeTests {
    /// A process that any signal ends, with a status file like a coprocess.
    private func impostor(_ site: Site) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: try Tool("sleep").path)
        process.arguments = ["600"]
        // Threads of tests block most signals, and children inherit that.
        var none = sigset_t()
        var blocked = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &blocked)
        defer { pthread_sigmask(SIG_SETMASK, &blocked, nil) }
        try process.run()
        try writeStatus(of: process.processIdentifier, site)
        return process
    }

    /// Writes a status file like that of a coprocess.
    private func writeStatus(of process: pid_t, _ site: Site) throws {
        let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let startTicks = stat.split(separator: ")").last!.split(separator: " ")[19]
        try FileManager.default.createDirectory(
            atPath: site.path("state/coprocesses"), withIntermediateDirectories: true)
        let text = """
            process\t\(process)
            birth\t\(startTicks)
            started\t1
            questions\t0
            loaded\t1
            configuration\tcurrent/geopipe.yaml
            version\t1
            end

            """
        try site.folder.write(text.utf8, to: "state/coprocesses/\(process)")
    }

    @Test("a coprocess that has ended, but that its parent has not waited for yet, needs no upgrade")
    func zombie() throws {
        let site = try Site(isStarted: false)
        var process = pid_t()
        var arguments = [strdup("true"), nil]
        defer { free(arguments[0]) }
        try #require(posix_spawn(&process, try Tool("true").path, nil, nil, &arguments, environ) == 0)
        defer { waitpid(process, nil, 0) }
        #expect(
            try eventually(within: Coprocess.timeout) {
                try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8).contains(") Z ")
            })
        try writeStatus(of: process, site)
        let upgrade = try site.run("upgrade")
        #expect(upgrade.error == "" && upgrade.output.hasPrefix("0 of 1 coprocesses"), "\(upgrade)")
    }

    @Test("a process that is not geopipe gets no signal, regardless of its status file")
    func other() throws {
        let site = try Site(isStarted: false)
        let process = try impostor(site)
        let upgrade = try site.run("upgrade")
        #expect(upgrade.status == 1)
        #expect(
            upgrade.error == "\(process.processIdentifier) is not upgraded: the process is not geopipe\n", "\(upgrade)")
        let json = try site.run("upgrade", "--json")
        #expect(json.status == 1)
        let outcome = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        let failures = try #require(outcome?["failures"] as? [[String: Any]])
        #expect(failures.map { $0["pid"] as? Int } == [Int(process.processIdentifier)])
        #expect(failures.map { $0["reason"] as? String } == ["the process is not geopipe"])
        #expect(process.isRunning)
        process.terminate()
        process.waitUntilExit()
        // SIGTERM ends it: it had no signal before.
        #expect(process.terminationStatus == SIGTERM)
    }

    @Test(
        "a refusal is one JSON object with the reason",
        arguments: [
            (
                ["--config", "current/geopipe.yaml"], 1,
                "no running coprocess has the state directory current/../state"
            ),
            (
                ["--config", "nosuch.yaml"], 2,
                "cannot read nosuch.yaml, so the state directory is unknown; name it with --state DIR"
            ),
            (["--config", "none.yaml"], 2, "none.yaml has state_directory: none; "),
        ])
    func refused(words: [String], status: Int32, reason: String) throws {
        let site = try Site(isStarted: false)
        try site.folder.write("state_directory: none\n".utf8, to: "none.yaml")
        let upgrade = try Program.geopipe.run(["upgrade", "--json"] + words, in: site.folder)
        #expect(upgrade.status == status && upgrade.error.hasPrefix(reason), "\(upgrade)")
        let outcome = try #require(try JSONSerialization.jsonObject(with: Data(upgrade.output)) as? [String: Any])
        #expect(Set(outcome.keys) == ["current", "upgraded", "failures", "notes"])
        #expect((outcome["notes"] as? [String])?.map { $0 + "\n" } == [upgrade.error])
    }

    @Test(
        "root signals only processes of the state directory's owner",
        .enabled(if: geteuid() == 0, "only root can give a folder away"))
    func owner() throws {
        let site = try Site(isStarted: false)
        let process = try impostor(site)
        try #require(chown(site.path("state"), 65_534, 65_534) == 0)
        try #require(chmod(site.folder.path, 0o755) == 0)
        let upgrade = try site.run("upgrade")
        #expect(upgrade.status == 1)
        #expect(
            upgrade.error.contains(
                "\(process.processIdentifier) is not upgraded: the process does not belong to the owner"),
            "\(upgrade)")
        #expect(process.isRunning)
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == SIGTERM)
    }

    @Test(
        "a coprocess that has inherited more rights than the state directory's owner has is seen to run what is installed",
        .enabled(if: geteuid() == 0, "only root can give rights away"))
    func rights() throws {
        let site = try Site(isStarted: false)
        let program = site.path("geopipe")
        // Copied by another process: a file that this one writes cannot be executed while a child of another test has
        // it open.
        try #require(try Tool("cp").run([Coprocess.binary, program]).status == 0)
        try FileManager.default.createDirectory(atPath: site.path("state"), withIntermediateDirectories: true)
        try #require(chown(site.path("state"), 65_534, 65_534) == 0)
        try #require(chmod(site.folder.path, 0o755) == 0)
        let coprocess = try Coprocess(
            [
                "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_bind_service",
                "--ambient-caps=+net_bind_service", program, "--config", "current/geopipe.yaml",
            ], in: URL(filePath: site.folder.path), program: try Tool("setpriv").path)
        try coprocess.send("HELO\t5\n")
        #expect(try coprocess.answer().count == 1)
        let isSeen = try eventually(within: Coprocess.timeout) {
            try site.run("upgrade").output == "1 of 1 coprocesses already run the installed program\n"
        }
        #expect(isSeen)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
