import Foundation
import State
import Support
import Testing

/// Problems in `geopipe status`, and its exit status.
@Suite("Status")
struct StatusTests {
    private let folder: Folder
    private let state: StateDirectory

    init() throws {
        folder = try Folder()
        state = StateDirectory(path: "\(folder.path)/state")
        try folder.write(Self.configuration.utf8, to: "geopipe.yaml")
        try folder.write("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n".utf8, to: "zone")
    }

    private static let configuration = """
        state_directory: state
        datacenters: { oslo: {}, ashburn: {} }
        maps: { m: { default: [oslo, ashburn] } }
        services:
          web: { map: m, check: { tcp: 80 }, answers: { oslo: [192.0.2.1, 192.0.2.2], ashburn: 198.51.100.1 } }
          api: { map: m, answers: { oslo: 192.0.2.9, ashburn: 198.51.100.9 } }
        zones:
          example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web }, api: { service: api } } }
          example.org: { file: zone }

        """

    private func start(_ arguments: String...) throws -> Coprocess {
        let coprocess = try Coprocess(
            (arguments.isEmpty ? ["--config", "geopipe.yaml"] : arguments), in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\nQ\twww.example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        _ = try coprocess.answer()
        _ = try coprocess.answer()
        let isTold = eventually(within: Coprocess.patience) {
            FileManager.default.fileExists(atPath: "\(folder.path)/state/coprocesses/\(coprocess.identifier)")
        }
        try #require(isTold)
        return coprocess
    }

    /// Reports some addresses as down and the others as up, like the agent.
    private func tell(down: String..., age: Int = 0) throws {
        let now = Int(Date().timeIntervalSince1970) - age
        let states = ["192.0.2.1", "192.0.2.2", "198.51.100.1"].map { address in
            (
                "tcp://\(address):80",
                HealthReport.State(isUp: !down.contains(address), since: now, told: now, reason: "no answer")
            )
        }
        try state.tell(HealthReport(time: now, process: 4711, states: Dictionary(uniqueKeysWithValues: states)))
    }

    /// Runs a command on the configuration.
    @discardableResult
    private func run(_ arguments: String...) throws -> (output: String, error: String, code: Int32) {
        let ending = try Program.geopipe.run(arguments + ["--config", "geopipe.yaml"], in: folder)
        return (String(decoding: ending.output, as: UTF8.self), ending.error, ending.status)
    }

    private struct Report {
        var object: [String: Any]
        var code: Int32

        /// The errors and the warnings, as `kind: message`.
        func problems(_ severity: String) -> [String] {
            (object["problems"] as? [[String: Any]] ?? []).filter { $0["severity"] as? String == severity }.map {
                "\($0["kind"] ?? ""): \($0["message"] ?? "")"
            }
        }

        func contains(_ severity: String, _ words: String) -> Bool {
            problems(severity).contains { $0.contains(words) }
        }
    }

    private func report() throws -> Report {
        let status = try run("status", "--json")
        let object = try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: Any]
        return Report(object: try #require(object, "\(status)"), code: status.code)
    }

    @Test("exits 0 without problems")
    func well() throws {
        let coprocess = try start()
        try tell()
        let status = try run("status")
        #expect(status.code == 0 && status.output.hasPrefix("No problems\n"), "\(status)")
        #expect(status.output.contains(#/\n  pid +version +up +questions +image +loaded\n  [0-9]+ /#), "\(status)")
        #expect(status.output.contains(#/\n  web +oslo, ashburn +- +-\n  api +oslo, ashburn +- +-\n/#), "\(status)")
        // With the UTC offset and the age.
        #expect(status.output.contains(#/compiled 20[0-9-]+ [0-9:]{8} [+-][0-9]{2}:[0-9]{2} \([0-9]+ s ago\)/#))
        let keys = try report().object
        for key in ["problems", "datacenters", "services", "coprocesses", "image", "rollout", "databases", "health"] {
            #expect(keys[key] != nil, "\(key)")
        }
        #expect(keys["rollout"] is NSNull)
        let first = (keys["coprocesses"] as? [[String: Any]])?.first ?? [:]
        #expect(first["pid"] as? Int == Int(coprocess.identifier))
        #expect(first["image"] as? String == (keys["image"] as? [String: Any])?["id"] as? String)
        #expect(first["questions"] is Int)
        let datacenter = (keys["datacenters"] as? [[String: Any]])?.first ?? [:]
        #expect(datacenter["name"] as? String == "oslo" && datacenter["state"] as? String == "in_use")
        #expect(datacenter["drains"] is [Any] && datacenter["health"] is [String: Any])
    }

    @Test("exits 1 when no coprocess runs, or the configuration on disk has errors")
    func configuration() throws {
        let none = try run("status")
        #expect(none.code == 1 && none.output.contains("no coprocess runs with geopipe.yaml"), "\(none)")
        let coprocess = try start()
        try tell()
        #expect(try report().code == 0)
        try folder.write(Self.configuration.replacing("zones:", with: "zone:").utf8, to: "geopipe.yaml")
        // Whether it has been compiled or not.
        for _ in 0..<2 {
            let wrong = try run("status")
            #expect(wrong.code == 1 && wrong.output.hasPrefix("Problems\n  error    geopipe.yaml:7:1: "), "\(wrong)")
            #expect(wrong.output.contains(#/\n  web +oslo, ashburn +- +-\n/#), "\(wrong.output)")
            let isTold = try eventually(within: Coprocess.patience) {
                try coprocess.wait(.milliseconds(10))
                return String(decoding: coprocess.standardError, as: UTF8.self).contains("stays in use")
            }
            try #require(isTold)
        }
        #expect(try report().problems("error").count == 1)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("exits 1 when both switch files are corrupt")
    func switches() throws {
        let coprocess = try start()
        try tell()
        for name in ["switches", "switches.copy"] { try folder.write("torn".utf8, to: "state/\(name)") }
        let torn = try report()
        #expect(torn.code == 1 && torn.contains("error", "switches is corrupt: "), "\(torn)")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("gives the same hint as drain when both switch files are corrupt", arguments: [true, false])
    func wayOut(hasHistory: Bool) throws {
        try run("drain", "oslo")
        for name in ["switches", "switches.copy"] { try folder.write("torn".utf8, to: "state/\(name)") }
        if !hasHistory { try folder.write("torn\n".utf8, to: "state/history") }
        let problems = try #require(try report().object["problems"] as? [[String: Any]])
        let hint = try #require(problems.first { $0["kind"] as? String == "switches" }?["hint"] as? String)
        let drain = try run("drain", "ashburn")
        if hasHistory {
            #expect(hint == "the next drain, undrain or force rebuilds both files from the history")
            #expect(drain.error.contains("using the history, in which the switches are: drained: oslo"), "\(drain)")
            return
        }
        let remedy = "remove state/switches and state/switches.copy to begin without any switch"
        #expect(hint.contains("\(remedy), then repeat the drains"), "\(hint)")
        #expect(drain.code == 2 && drain.error.contains(remedy), "\(drain)")
        for name in ["switches", "switches.copy"] { unlink("\(folder.path)/state/\(name)") }
        try run("drain", "ashburn")
        #expect(try !report().problems("error").contains { $0.hasPrefix("switches: ") })
    }

    @Test("shows reported weights, growing shares, and spreading")
    func shares() throws {
        try folder.write(
            Self.configuration.replacing("default: [oslo, ashburn]", with: "default: { list: [oslo], then: spread }")
                .replacing("web: { map: m,", with: "web: { map: m, comes_back: 10m,").utf8, to: "geopipe.yaml")
        let now = Int(Date().timeIntervalSince1970)
        func up(_ weight: Int, back: Int? = nil, fell: Int? = nil) -> HealthReport.State {
            HealthReport.State(
                isUp: true, since: now - 300, told: now, reason: "says up \(weight)%", weight: weight, back: back,
                fell: fell)
        }
        let returning = up(40, back: now - 300, fell: now - 400)
        try state.tell(
            HealthReport(
                time: now, process: 4711,
                states: [
                    "tcp://192.0.2.1:80": returning, "tcp://192.0.2.2:80": returning, "tcp://198.51.100.1:80": up(80),
                ]))
        // Half of the time has passed, and a little more.
        let text = try run("status").output
        let growing = #/\n  oslo +(\d+)% of its share until [0-9: +-]+ \(its addresses say 40%\) for service web\n/#
        let share = try #require(text.firstMatch(of: growing).flatMap { Int($0.1) }, "\(text)")
        #expect(20...40 ~= share)
        #expect(text.contains(#/\n  ashburn +80% of its share \(its addresses say 80%\) for service web\n/#), "\(text)")
        #expect(text.contains(#/\n  web +oslo \(\d+% of its share\), ashburn \(80% of its share\) +- +-\n/#), "\(text)")
        #expect(text.contains("\n  up 40%  tcp://192.0.2.1:80: says up 40%\n"), "\(text)")
        #expect(
            text.contains("\n  clients of unavailable datacenters are spread, where the map says then: spread: web\n"),
            "\(text)")
        let json = try JSONSerialization.jsonObject(with: Data(run("status", "--json").output.utf8)) as? [String: Any]
        let services = try #require(json?["services"] as? [[String: Any]])
        #expect(services.map { $0["spreads"] as? Bool } == [true, true])
        let sites = try #require(services[0]["datacenters"] as? [[String: Any]])
        let shares = sites.map { $0["share"] as? [String: Int] }
        #expect(20...40 ~= shares[0]?["percent"] ?? 0)
        #expect(shares[0]?["reported"] == 40 && shares[0]?["growsUntil"] == now + 300)
        #expect(shares[1] == ["percent": 80, "reported": 80, "told": 80])
        let checks = (json?["health"] as? [String: Any])?["checks"] as? [[String: Any]]
        #expect(checks?.map { $0["weight"] as? Int } == [40, 40, 80])
        // A forced datacenter takes all clients.
        try run("force", "oslo", "up")
        #expect(try !run("status").output.contains(#/oslo \(\d+% of its share/#))
    }

    @Test("exits 1 when a datacenter or a service is down; single addresses are a warning")
    func health() throws {
        let coprocess = try start()
        let never = try report()
        #expect(never.code == 1 && never.contains("error", "health_report: geopipe-agent has never reported"))
        try tell(down: "192.0.2.1")
        let some = try report()
        #expect(some.code == 0)
        #expect(some.problems("warning") == ["addresses: service web has 1 of 2 addresses up in oslo"])
        try tell(down: "198.51.100.1")
        let down = try report()
        #expect(down.code == 1)
        #expect(down.problems("error") == ["datacenter: ashburn is down for service web: 0 of 1 addresses up"])
        let text = try run("status").output
        #expect(text.contains(#/\n  web +oslo +- +ashburn \(0 of 1 up\)\n/#), "\(text)")
        try run("drain", "ashburn")
        let drained = try report()
        #expect(drained.code == 0 && drained.contains("warning", "ashburn is down for service web"), "\(drained)")
        try tell(down: "192.0.2.1", "192.0.2.2", "198.51.100.1")
        let all = try report()
        #expect(
            all.code == 1 && all.contains("error", "service: service web: none of its 3 checked addresses is up"),
            "\(all)")
        try tell(age: 3_600)
        let old = try report()
        #expect(old.code == 1 && old.contains("error", "health_report: no report of geopipe-agent since 20"), "\(old)")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("exits 1 when a zone keeps its content, with each error once")
    func zone() throws {
        let coprocess = try start()
        try tell()
        let bad = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.256\nx A 1\n"
        try folder.write(bad.utf8, to: "zone")
        var last: Report?
        let isKept = try eventually(within: Coprocess.patience) {
            last = try report()
            return last?.contains("error", "zone: zone example.org has errors and keeps its content of 20") == true
        }
        try #require(isKept, "\(String(describing: last))")
        #expect(last?.code == 1)
        let errors = try report().problems("error")
        #expect(errors.count == 3 && errors[1].hasPrefix("zone: zone:4:6: ") && errors[2].hasPrefix("zone: zone:5:5: "))
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("exits 1 when a coprocess answers from an image that is no longer in force")
    func staleImage() throws {
        let coprocess = try start()
        try tell()
        let file = "state/coprocesses/\(coprocess.identifier)"
        kill(coprocess.identifier, SIGSTOP)
        let text = folder.text(of: file)
        try folder.write(text.replacing(#/(?m)^image\t[0-9a-f]+$/#, with: "image\t0123456789abcdef").utf8, to: file)
        // Pretends that it was published a minute ago.
        let images = "\(folder.path)/state/images"
        let key = try #require(try FileManager.default.contentsOfDirectory(atPath: images).first)
        var times = [timespec(tv_sec: time(nil) - 60, tv_nsec: 0), timespec(tv_sec: time(nil) - 60, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, "\(images)/\(key)/current", &times, AT_SYMLINK_NOFOLLOW) == 0)
        let stale = try report()
        #expect(
            stale.code == 1
                && stale.contains(
                    "error",
                    "coprocess: coprocess \(coprocess.identifier) answers from image 0123456789abcdef, not from "
                ), "\(stale)")
        kill(coprocess.identifier, SIGCONT)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("exits 1 when the image in force is damaged, or the status of a coprocess cannot be read")
    func damaged() throws {
        let coprocess = try start()
        try tell()
        kill(coprocess.identifier, SIGSTOP)
        try folder.write("rubbish".utf8, to: "state/coprocesses/\(coprocess.identifier)")
        let unreadable = try report()
        #expect(unreadable.code == 1)
        #expect(
            unreadable.problems("error")
                == ["coprocess: coprocess \(coprocess.identifier) is running, but its status cannot be read"])
        let images = "\(folder.path)/state/images"
        let key = try #require(try FileManager.default.contentsOfDirectory(atPath: images).first)
        let image = try FileManager.default.destinationOfSymbolicLink(atPath: "\(images)/\(key)/current")
        unlink("\(images)/\(key)/\(image)")
        #expect(try report().contains("error", "image: the image in force cannot be used"))
        kill(coprocess.identifier, SIGCONT)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("needs no configuration with backend --image")
    func imageFile() throws {
        try run("compile", "-o", "i")
        try FileManager.default.removeItem(atPath: "\(folder.path)/geopipe.yaml")
        let coprocess = try start("--config", "geopipe.yaml", "--image", "i", "--state", "state")
        let ending = try Program.geopipe.run(
            ["status", "--config", "geopipe.yaml", "--state", "state"], in: folder)
        // No agent checks its addresses.
        let output = String(decoding: ending.output, as: UTF8.self)
        #expect(
            output.contains("\n  oslo     in use\n") && output.contains(#/\n  web +oslo, ashburn +- +-\n/#), "\(output)"
        )
        #expect(!output.contains("cannot read") && !output.contains("no image"), "\(output)")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    /// Whether an unprivileged user can run the built program.
    private static let canBeRunByOthers =
        geteuid() == 0
        && (try? Tool("setpriv").run(["--reuid", "65533", "--clear-groups", Coprocess.binary, "--version"]).status) == 0

    @Test(
        "can be seen by any user, such as that of a monitoring system",
        .enabled(if: canBeRunByOthers, "only root can become another user"))
    func otherUser() throws {
        try run("compile")
        try #require(chmod(folder.path, 0o755) == 0)
        let owner = try Tool("chown").run(["-R", "65534:65534", state.path])
        try #require(owner.status == 0)
        let status = try Tool("setpriv").run([
            "--reuid", "65533", "--clear-groups", Coprocess.binary, "status", "--json", "--config",
            "\(folder.path)/geopipe.yaml", "--state", state.path,
        ])
        #expect(status.status == 1 && status.output.contains("\"compiled\" :"), "\(status)")
        #expect(!status.output.contains("not trusted"), "\(status)")
    }

    @Test("exits 2 when the status is unknown")
    func untellable() throws {
        try folder.write(
            Self.configuration.replacing("state_directory: state", with: "state_directory: none").utf8,
            to: "geopipe.yaml")
        #expect(try run("status").code == 2)
        try folder.write(Self.configuration.utf8, to: "geopipe.yaml")
        try FileManager.default.createDirectory(atPath: state.path, withIntermediateDirectories: true)
        try folder.write("no folder".utf8, to: "state/coprocesses")
        let status = try run("status")
        #expect(status.code == 2 && status.error.contains("cannot read"), "\(status)")
    }

    @Test("prints no control characters from statuses of coprocesses")
    func escapes() throws {
        let coprocess = try start()
        try tell()
        kill(coprocess.identifier, SIGSTOP)
        let file = "state/coprocesses/\(coprocess.identifier)"
        let evil = "\u{1b}[31m\u{9b}2J\u{202e}"
        let text = folder.text(of: file).replacing(#/(?m)^version\t.*$/#, with: "version\t\(evil)")
            .replacing("\nend", with: "\ncomplaint\t\(evil)\nend")
        try folder.write(text.utf8, to: file)
        for arguments in [["status"], ["status", "--json"]] {
            let ending = try Program.geopipe.run(arguments + ["--config", "geopipe.yaml"], in: folder)
            let output = String(decoding: ending.output, as: UTF8.self)
            #expect(output.contains("[31m") && !output.contains { "\u{1b}\u{9b}\u{202e}".contains($0) }, "\(output)")
        }
        try tell(down: "192.0.2.1")
        kill(coprocess.identifier, SIGCONT)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("--watch draws on a terminal until Ctrl-C, and restores it")
    func watch() throws {
        var keyboard: CInt = -1
        var screen: CInt = -1
        try #require(openpty(&keyboard, &screen, nil, nil, nil) == 0)
        let terminal = FileHandle(fileDescriptor: keyboard, closeOnDealloc: true)
        let process = Process()
        process.executableURL = URL(filePath: Coprocess.binary)
        process.arguments = ["status", "--watch", "--config", "geopipe.yaml"]
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.environment = ["TERM": "xterm"]
        process.standardOutput = FileHandle(fileDescriptor: screen, closeOnDealloc: true)
        process.standardInput = FileHandle.nullDevice
        // Threads of tests block most signals, and children inherit that.
        var none = sigset_t()
        var blocked = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &blocked)
        try process.run()
        pthread_sigmask(SIG_SETMASK, &blocked, nil)
        var output = ""
        func read(until words: String) throws {
            while !output.contains(words) {
                let data = terminal.availableData
                try #require(!data.isEmpty, "\(output)")
                output += String(decoding: data, as: UTF8.self)
            }
        }
        try read(until: "none running")
        output = String(output.drop { $0 != "\u{1b}" })
        #expect(output.hasPrefix("\u{1b}[?1049h\u{1b}[?25l"), "\(output.debugDescription)")
        output = ""
        // It redraws periodically.
        try read(until: "none running")
        process.interrupt()
        try read(until: "\u{1b}[?25h\u{1b}[?1049l")
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    }

    @Test("--watch is refused in a pipe")
    func watchInPipe() throws {
        let refused = try run("status", "--watch")
        #expect(refused.code == 2 && refused.output == "")
        #expect(
            refused.error
                == "status --watch needs a terminal; elsewhere run geopipe status repeatedly, or status --json\n")
    }
}
