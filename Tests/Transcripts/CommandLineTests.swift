import Foundation
import Testing

/// Arguments of the command line.
@Suite("The command line")
struct CommandLineTests {
    private static let database = "../../../examples/demo/demo.mmdb"

    private func run(_ arguments: String...) throws -> (ending: Coprocess.Ending, output: String, error: String) {
        let geopipe = try Coprocess(arguments, in: Transcript.folder)
        let ending = try geopipe.finish()
        return (ending, legible(geopipe.output), legible(geopipe.standardError))
    }

    @Test("check says ok for a valid configuration", arguments: ["opera.yaml", "rules.yaml", "records.yaml"])
    func checkGood(file: String) throws {
        let check = try run("check", file)
        #expect(check.ending == Coprocess.Ending(status: 0))
        #expect(check.output.contains(/(^|\n)ok: .*\n$/))
    }

    @Test(
        "check prints the diagnostics of a backend", arguments: ["bad.yaml", "no-database.yaml", "unreadable.yaml"])
    func checkBad(file: String) throws {
        let check = try run("check", file)
        #expect(check.ending == Coprocess.Ending(status: 1))
        let lines = check.output.split(separator: "\n")
        #expect(lines.last?.contains(/^[1-9][0-9]* errors?(, [1-9][0-9]* warnings?)?$/) == true, "\(lines)")
        let errors = lines.dropLast().filter { !$0.contains(": warning: ") }
        #expect(!errors.isEmpty)
        #expect(try run("--config", file).error.split(separator: "\n") == errors)
    }

    @Test("check --pdns-conf warns of risky settings, and still says ok")
    func checkRiskySettings() throws {
        let check = try run("check", "opera.yaml", "--pdns-conf", "risky.conf")
        #expect(check.ending == Coprocess.Ending(status: 0))
        #expect(
            check.output.split(separator: "\n").map { $0.prefix { $0 != ";" } } == [
                "risky.conf: warning: with consistent-backends=yes, the default, pdns asks geopipe everything twice",
                "risky.conf: warning: with distributor-threads=3, the default, pdns lets questions wait for a coprocess that is still starting, and ends when 5000 wait, which more receiver-threads do not",
                "risky.conf:3:14: warning: /bin/sh is not called geopipe",
                "risky.conf:4:18: warning: with pipe-abi-version=3 pdns passes no commands of pdnsutil on to geopipe",
                "risky.conf:8:20: warning: with negquery-cache-ttl=60 a coprocess that dies makes pdns answer 'no such name' to all clients for 60 s",
                "ok: 1 zone with 3 names, 1 service, 1 map, 3 datacenters, 1 database",
            ])
        #expect(check.output.hasSuffix("1 database; 5 warnings\n"))
    }

    @Test("check --pdns-conf reports settings that will not work, with the line to write")
    func checkWrongSettings() throws {
        let check = try run("check", "opera.yaml", "--pdns-conf", "wrong.conf")
        #expect(check.ending == Coprocess.Ending(status: 1))
        #expect(
            // With several cores there is a note about receivers.
            check.output.split(separator: "\n").map(String.init).filter { !$0.contains(": note: ") } == [
                "wrong.conf:2:14: pdns does not start: /nonexistent/geopipe does not exist; install geopipe there, or write pipe-command=/usr/local/bin/geopipe --config \(Transcript.folder.path)/opera.yaml",
                "wrong.conf:2:35: pdns does not start: geopipe, started without a shell, reports: Unknown option '--conifg'. Did you mean '--config'?; write pipe-command=/nonexistent/geopipe --config \(Transcript.folder.path)/opera.yaml",
                "wrong.conf:4:24: with edns-subnet-processing=no pdns ignores the client subnets of resolvers, and every client seems to be where its resolver is; write edns-subnet-processing=yes",
                "3 errors",
            ])
    }

    @Test(
        "check takes the release of pdns from --pdns-version",
        arguments: [
            (
                "4.7",
                [
                    "4:1: warning: pdns 4.9 and newer do not start with 'master'; write primary=yes, which pdns 4.7 knows, too",
                    "5:1: pdns 4.7 does not start with 'views', which needs pdns 5.0 or later; remove it",
                ]
            ),
            (
                "4.9.4-1+deb13u1",
                [
                    "4:1: pdns 4.9 and newer do not start with 'master'; write primary=yes",
                    "5:1: pdns 4.9.4 does not start with 'views', which needs pdns 5.0 or later; remove it",
                ]
            ),
            (
                "5.0",
                [
                    "4:1: pdns 4.9 and newer do not start with 'master'; write primary=yes",
                    "5:7: with views=yes pdns does not start: views need the zone cache, which the pipe backend cannot fill; write views=no",
                ]
            ),
            ("5.9", [" warning: geopipe knows no pdns 5.9; this is for 5.1, the newest that it knows"]),
        ])
    func releases(version: String, findings: [String]) throws {
        let check = try run("check", "opera.yaml", "--pdns-conf", "releases.conf", "--pdns-version", version)
        #expect(check.ending == Coprocess.Ending(status: 1))
        let lines = check.output.split(separator: "\n")
        for finding in findings { #expect(lines.contains("releases.conf:\(finding)"), "\(check.output)") }
    }

    @Test("check refuses an invalid version of pdns")
    func noRelease() throws {
        let check = try run("check", "opera.yaml", "--pdns-conf", "releases.conf", "--pdns-version", "banana")
        #expect(check.ending == Coprocess.Ending(status: 2))
        #expect(check.error.contains("'banana' is invalid for '--pdns-version <version>'"))
    }

    @Test("check --pdns-conf of a missing file")
    func checkMissingSettings() throws {
        let check = try run("check", "opera.yaml", "--pdns-conf", "nonexistent.conf")
        #expect(check.ending == Coprocess.Ending(status: 1))
        #expect(check.output == "nonexistent.conf: cannot read it: No such file or directory\n1 error\n")
    }

    @Test("--database replaces the configured databases")
    func databaseOption() throws {
        #expect(try run("--config", "no-database.yaml").ending == Coprocess.Ending(status: 2))
        #expect(
            try run("--config", "no-database.yaml", "--database", Self.database).ending == Coprocess.Ending(status: 0))
        #expect(
            try run("check", "no-database.yaml", "--database", Self.database).ending == Coprocess.Ending(status: 0))
    }

    @Test("unknown options are reported on standard error", arguments: ["--conifg", "chekc"])
    func usage(word: String) throws {
        let geopipe = try run(word, "opera.yaml")
        #expect(geopipe.ending == Coprocess.Ending(status: 2))
        #expect(geopipe.output == "")
        #expect(geopipe.error.contains(word))
    }

    @Test(
        "a misspelt command is answered with the nearest one",
        arguments: [("drian", "drain"), ("statsu", "status"), ("explian", "explain"), ("Upgrade", "upgrade")])
    func misspelt(word: String, meant: String) throws {
        let geopipe = try run(word, "oslo")
        #expect(geopipe.ending == Coprocess.Ending(status: 2))
        #expect(geopipe.output == "")
        #expect(geopipe.error == "unknown command '\(word)'; did you mean '\(meant)'?\n")
    }

    @Test(
        "a misspelt step of a rollout is answered with the nearest one, and so is a misspelt command after help",
        arguments: [
            (["rollout", "strat", "x"], "rollout strat", "start"), (["help", "drian"], "drian", "drain"),
            (["help", "rollout", "comit"], "rollout comit", "commit"),
        ])
    func misspeltStep(arguments: [String], words: String, meant: String) throws {
        let geopipe = try Coprocess(arguments, in: Transcript.folder)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 2))
        #expect(legible(geopipe.output) == "")
        #expect(legible(geopipe.standardError) == "unknown command '\(words)'; did you mean '\(meant)'?\n")
    }

    @Test(
        "help describes a command, with the values of its options",
        arguments: [
            (["help"], ["SWITCH SUBCOMMANDS:", "  drain "]), (["--help"], ["WATCH SUBCOMMANDS:", "  status "]),
            (["help", "rollout", "start"], ["USAGE: geopipe rollout start <new>", "--refusals <percent>"]),
            (["rollout", "start", "--help"], ["USAGE: geopipe rollout start <new>"]),
            (["drain", "--help"], ["--share <percent>", "--for <time>", "--reason <text>", "--override <rule>"]),
            (["help", "force"], ["USAGE: geopipe force <datacenter> <up|auto>"]),
            (["help", "check"], ["--pdns-conf <file>", "Exits 1 if there are errors"]),
            (["help", "status"], ["The --database of pipe-command"]),
        ])
    func help(arguments: [String], parts: [String]) throws {
        let geopipe = try Coprocess(arguments, in: Transcript.folder)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
        let output = legible(geopipe.output).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for part in parts {
            let words = part.split(separator: " ").joined(separator: " ")
            #expect(output.contains(words), "\(part) in \(output)")
        }
    }

    @Test("--log-level sets what a coprocess logs, and unknown levels are refused")
    func logLevel() throws {
        let usual = try run("--config", "opera.yaml")
        #expect(usual.ending == Coprocess.Ending(status: 0) && !usual.error.contains("started a compiler"))
        let debug = try run("--config", "opera.yaml", "--log-level", "debug")
        #expect(debug.error.contains(/(^|\n)geopipe\[[0-9]+\]: started a compiler pid=[0-9]+\n/), "\(debug.error)")
        #expect(
            debug.error.contains(/\ncompiled opera.yaml bytes=[0-9]+ image=[0-9a-f]+ ms=[0-9]+\n/), "\(debug.error)")
        #expect(try run("--config", "bad.yaml", "--log-level", "critical").error == "")
        let wrong = try run("--config", "opera.yaml", "--log-level", "loud")
        #expect(wrong.ending == Coprocess.Ending(status: 2) && wrong.output == "")
        #expect(wrong.error.contains("'loud' is invalid for '--log-level <level>'"), "\(wrong.error)")
    }

    @Test("a serial that is not configured is the time of the configuration's last change")
    func serial() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "opera.yaml")
        try FileManager.default.copyItem(at: Transcript.folder.appending(path: "opera.yaml"), to: file)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_234_567_890)], ofItemAtPath: file.path)

        let database = Transcript.folder.appending(path: Self.database).path
        let geopipe = try Coprocess(["--config", file.path, "--database", database], in: folder)
        try geopipe.send("HELO\t1\nQ\tgeo.example.com\tIN\tSOA\t-1\t0.0.0.0\n")
        _ = try geopipe.answer()
        #expect(legible(try geopipe.answer()[0]).contains(" hostmaster.example.com 1234567890 "))
    }
}
