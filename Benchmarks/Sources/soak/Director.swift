import Foundation

/// Does to a server and its files, in random order, all that must not disturb its clients.
final class Director {
    private let site: Site
    private let server: NameServer
    private let oracle: Oracle
    private let load: Load
    private let journal: Journal
    private let agent: Agent?
    private var random: Random
    /// The processes that must go on.
    private let coprocesses: [pid_t]
    /// Two copies of the program, which take turns.
    private let programs: [String]
    /// What is in force, or will be when nothing is broken any more.
    private var versions: [Part: Int] = [.configuration: 1, .zone: 1, .networks: 1, .database: 0]
    private var broken: Set<Part> = []
    /// Whether there are copies of the last good files, which are made when something is loaded.
    private var hasCopies = true
    /// The agent was started while something was broken and there were no copies: it checks nothing until that is mended.
    private var isAgentBlind = false
    /// How often each coprocess has said that it has loaded, or that it could not.
    private var loads: [pid_t: Int] = [:]
    private var refusals = 0
    /// Memory and open files of all coprocesses, whenever nothing was going on.
    private var memory: [Double] = []
    private var files: [Int] = []

    init(
        _ site: Site, _ server: NameServer, _ oracle: Oracle, _ load: Load, _ journal: Journal, _ agent: Agent?,
        programs: [String], random: Random
    ) {
        (self.site, self.server, self.oracle, self.load, self.journal) = (site, server, oracle, load, journal)
        (self.agent, self.programs, self.random) = (agent, programs, random)
        coprocesses = server.coprocesses
    }

    /// Goes on until a time, and then until all is in force.
    func direct(until end: UInt64) throws {
        let acts: [(weight: Int, act: () throws -> Void)] = [
            (6, changeFile), (5, breakFile), (3, changeManyFiles), (2, hangUp), (8, drain), (4, undrain), (2, takeOver),
            (1, takeOverBadProgram), (3, corruptSwitches), (2, corruptOtherState), (1, loseState), (2, startAnother),
            (agent == nil ? 0 : 6, failServer), (agent == nil ? 0 : 2, disturbAgent),
        ]
        let lots = acts.flatMap { Array(repeating: $0.act, count: $0.weight) }
        try rest()
        while now() < end {
            for _ in 0..<random.number(6...14) where now() < end {
                load.phase = .disturbance
                try random.one(of: lots)()
                if !random.once(in: 3) { pause(0...1_000) }
            }
            try rest()
        }
    }

    private func pause(_ milliseconds: ClosedRange<Int>) { usleep(UInt32(random.number(milliseconds)) * 1_000) }

    // MARK: Files

    private func change(_ part: Part, _ way: Site.Way) throws {
        let old = versions[part]!
        let new =
            switch part {
            case .database: 1 - old
            case .networks where random.once(in: 5): 0
            default: old % 250 + 1
            }
        versions[part] = new
        broken.remove(part)
        try oracle.change([(part, new)]) { try site.put(part, new, broken.isEmpty ? way : .renamed) }
        oracle.filesChange(isBroken: !broken.isEmpty)
        if isAgentBlind, broken.isEmpty {
            isAgentBlind = false
            oracle.agentIs(away: false)
        }
    }

    private func changeFile() throws {
        let (part, way) = (random.one(of: Part.files), random.one(of: Site.Way.allCases))
        journal.note("change", "\(part) \(way)")
        try whileLoading { try change(part, way) }
    }

    private func changeManyFiles() throws {
        journal.note("change many files")
        for _ in 0..<random.number(2...10) {
            try change(random.one(of: Part.files), random.one(of: Site.Way.allCases))
            pause(0...random.number(1...400))
        }
    }

    /// Breaks a file and mends it again, sometimes with something else in between.
    private func breakFile() throws {
        let part = random.one(of: Part.files)
        let damage = random.one(of: Site.damages(of: part))
        journal.note("break", "\(part) \(damage)")
        oracle.filesChange(isBroken: true)
        broken.insert(part)
        try site.damage(part, max(1, versions[part]!), damage, isInPlace: random.once(in: 2))
        pause(0...1_500)
        if random.once(in: 3) { try random.one(of: [drain, undrain, startAnother, takeOverWhileBroken, hangUp])() }
        guard !random.once(in: 3) else { return }
        try mend(part)
    }

    private func mend(_ part: Part) throws {
        journal.note("mend", "\(part)")
        try change(part, random.once(in: 2) ? .inPlace : .renamed)
    }

    private func hangUp() {
        let count = random.one(of: [1, 1, 50])
        journal.note("SIGHUP", "\(count) times")
        whileLoading {
            for _ in 0..<count {
                for process in coprocesses { kill(process, SIGHUP) }
                if count > 1 { pause(0...10) }
            }
            oracle.filesChange(isBroken: !broken.isEmpty)
        }
    }

    /// Does what makes all coprocesses load, and waits until they have.
    private func whileLoading(_ body: () throws -> Void) rethrows {
        readLog()
        let before = loads
        load.phase = .reload
        defer { load.phase = .disturbance }
        try body()
        let deadline = now() + 10_000_000_000
        while coprocesses.contains(where: { loads[$0] == before[$0] }), now() < deadline {
            usleep(5_000)
            readLog()
        }
    }

    private func readLog() {
        for line in server.said() {
            if line.contains(": loaded ") || line.contains("stays in use"), let open = line.range(of: "geopipe["),
                let process = pid_t(line[open.upperBound...].prefix { $0 != "]" })
            {
                loads[process, default: 0] += 1
            }
            if line.contains("does not take over") { refusals += 1 }
            if line.contains("coprocess") && (line.contains("Unable") || line.contains("Child")) {
                journal.violation("pdns says: \(line)")
            }
        }
    }

    // MARK: Switches

    /// A broken configuration may not say where the state is.
    private func geopipe(_ arguments: [String]) throws -> (output: String, status: Int32) {
        try run(programs[0], arguments + ["--config", site.configuration, "--state", site.state])
    }

    private func drain() throws {
        let datacenter = random.one(of: Datacenter.allCases)
        let service = random.once(in: 2) ? random.one(of: Service.allCases) : nil
        let share = random.once(in: 2) ? 100 : random.number(1...99)
        let seconds = random.once(in: 4) ? random.number(1...4) : nil
        var words = ["drain", "\(datacenter)", "--share", "\(share)%"]
        if let service { words += ["--service", "\(service)"] }
        if let seconds { words += ["--for", "\(seconds)s"] }
        journal.note("drain", words.dropFirst().joined(separator: " "))
        checkShares()
        let part = Part.drain(datacenter, service)
        try oracle.change([(part, share)]) { try command(words) }
        if let seconds { oracle.expect(part, toBe: 0, from: now() + UInt64(seconds) * 1_000_000_000) }
    }

    private func undrain() throws {
        let datacenter = random.one(of: Datacenter.allCases)
        let service = random.once(in: 2) ? random.one(of: Service.allCases) : nil
        let words = ["undrain", "\(datacenter)"] + (service.map { ["--service", "\($0)"] } ?? [])
        journal.note("undrain", words.dropFirst().joined(separator: " "))
        checkShares()
        let ended = service.map { [$0] } ?? [nil] + Service.allCases
        try oracle.change(ended.map { (.drain(datacenter, $0), 0) }) { try command(words) }
    }

    /// Carries a command out, as a user on the shell or through pdnsutil.
    private func command(_ words: [String]) throws {
        if random.once(in: 4), broken.isEmpty {
            try run(
                "/usr/bin/pdnsutil",
                ["--config-dir=\(site.folder)", "backend-cmd", "pipe", words.joined(separator: " ")])
        } else if case let ending = try geopipe(words), ending.status != 0 {
            journal.violation("'geopipe \(words.joined(separator: " "))' fails: \(ending.output)")
        }
    }

    private func checkShares() {
        if let complaint = oracle.shareComplaint() { journal.violation(complaint) }
    }

    // MARK: State

    /// Puts something else in the place of the switches, and the switches back.
    private func corruptSwitches() throws {
        let path = site.state + "/switches"
        guard let good = FileManager.default.contents(atPath: path) else { return }
        let damage = random.one(of: Damage.allCases)
        journal.note("corrupt the switches", "\(damage)")
        try damage.inflict(on: path, good: good, isInPlace: random.once(in: 2))
        pause(0...2_000)
        if random.once(in: 4), broken.isEmpty { try takeOver() }
        journal.note("put the switches back")
        try place(good, at: path, isInPlace: false)
    }

    private func corruptOtherState() throws {
        let names =
            ["takeover.lock", "coprocesses", "last-good"] + coprocesses.map { "coprocesses/\($0)" }
            + (agent == nil ? [] : ["health", "health", "health", "agent.sock"])
        let path = "\(site.state)/\(random.one(of: names))"
        let damage = random.one(of: Damage.allCases)
        journal.note("corrupt", "\(path.dropFirst(site.state.count + 1)) \(damage)")
        let good = FileManager.default.contents(atPath: path)
        try damage.inflict(on: path, good: good ?? Data("none".utf8), isInPlace: random.once(in: 2))
        pause(0...2_000)
        if let good, path.hasSuffix("health") { try place(good, at: path, isInPlace: false) } else { remove(path) }
        if path.hasSuffix("last-good") { hasCopies = false }
    }

    /// Takes the state directory away for a while: what was drained stays so.
    private func loseState() throws {
        journal.note("take the state directory away")
        let (path, lost) = (site.state, site.folder + "/lost")
        guard rename(path, lost) == 0 else { throw Failure("cannot move \(path)") }
        pause(0...4_000)
        journal.note("put the state directory back")
        // Somebody may have made a new one, and may be about to write into it.
        let deadline = now() + 10_000_000_000
        while rename(lost, path) != 0 {
            guard now() < deadline else { throw Failure("cannot move \(lost)") }
            remove(path)
        }
        hangUp()
    }

    // MARK: Programs

    /// Installs the other copy of the program, and has the coprocesses go on with it.
    private func takeOver() throws {
        guard broken.isEmpty else { return }
        let next = file(site.program) == file(programs[0]) ? programs[1] : programs[0]
        let isLink = random.once(in: 2)
        journal.note("take over", isLink ? "by a link" : "by a file")
        load.phase = .takeover
        defer { load.phase = .disturbance }
        if isLink {
            try site.link("geopipe", to: next)
        } else {
            try FileManager.default.copyItem(atPath: next, toPath: site.program + ".new")
            guard rename(site.program + ".new", site.program) == 0 else { throw Failure("cannot replace geopipe") }
        }
        let ending = try geopipe(["upgrade"])
        if ending.status != 0 { journal.violation("'geopipe upgrade' fails: \(ending.output)") }
        for process in coprocesses where program(of: process) != file(site.program) {
            journal.violation(
                "\(process) does not run what is installed, after 'geopipe upgrade' said: \(ending.output)")
        }
        // It answers when it has loaded.
        usleep(1_000_000)
        oracle.filesChange(isBroken: false)
    }

    private func takeOverBadProgram() throws {
        let path = site.folder + "/bad"
        remove(path)
        let kind = random.one(of: [
            "script that fails", "script that crashes", "torn", "text", "missing", "not executable",
        ])
        switch kind {
        case "script that fails": try place(Data("#!/bin/sh\nexit 1\n".utf8), at: path, isInPlace: true)
        case "script that crashes": try place(Data("#!/bin/sh\nkill -SEGV $$\n".utf8), at: path, isInPlace: true)
        case "torn":
            let whole = try Data(contentsOf: URL(filePath: programs[0]), options: .alwaysMapped)
            try place(whole.prefix(whole.count / 3), at: path, isInPlace: true)
        case "text", "not executable": try place(Data("no program\n".utf8), at: path, isInPlace: true)
        default: break
        }
        if kind != "not executable" { chmod(path, 0o755) }
        journal.note("take over a bad program", kind)
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: try linked())
        try site.link("geopipe", to: path)
        try expectRefusals()
        try site.link("geopipe", to: target)
    }

    /// Makes what pdns starts a link, if it is not; its path.
    private func linked() throws -> String {
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: site.program)) == nil {
            try site.link("geopipe", to: programs[0])
        }
        return site.program
    }

    /// The program is good, and goes on with what was good last: its answers are judged as all others are.
    private func takeOverWhileBroken() throws {
        guard hasCopies else { return }
        journal.note("take over while something is broken")
        for process in coprocesses { kill(process, SIGUSR2) }
        sleep(2)
    }

    private func expectRefusals() throws {
        readLog()
        refusals = 0
        let before = coprocesses.map(program(of:))
        for process in coprocesses { kill(process, SIGUSR2) }
        let deadline = now() + 20_000_000_000
        while refusals < coprocesses.count, now() < deadline {
            usleep(20_000)
            readLog()
        }
        if refusals < coprocesses.count || coprocesses.map(program(of:)) != before {
            journal.violation(
                "a takeover that cannot succeed is refused by \(refusals) of \(coprocesses.count) coprocesses")
        }
    }

    /// Starts another coprocess, which has nothing but what is on disk.
    private func startAnother() throws {
        guard broken.isEmpty || hasCopies else { return }
        journal.note("start another coprocess", broken.isEmpty ? "" : "while something is broken")
        let start = now()
        let question = "Q\tapi.\(Site.zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t198.18.0.0/24\n"
        let ending = try run(
            "/usr/bin/timeout", ["20", programs[0], "--config", site.configuration, "--state", site.state],
            input: "HELO\t5\n" + question)
        let addresses = ending.output.split(separator: "\n").compactMap { line -> [UInt8]? in
            let fields = line.split(separator: "\t")
            guard fields.first == "DATA", fields.contains("A") else { return nil }
            return fields.last?.split(separator: ".").compactMap { UInt8($0) }
        }
        let complaint = oracle.complaint(
            about: Answer(responseCode: 0, records: addresses, scope: 1), to: .list, for: .ipv4(0xc612_0000),
            asked: start,
            answered: now())
        if let complaint { journal.violation("another coprocess says \(ending.output); \(complaint)") }
    }

    // MARK: Health

    private func failServer() throws {
        guard let agent else { return }
        let number = random.number(0...(Part.checkedAddresses - 1))
        let mode = random.once(in: 2) ? CheckedServers.Mode.well : random.one(of: CheckedServers.Mode.allCases)
        journal.note("server", "127.1.0.\(number + 1) \(mode)")
        oracle.change([(.health(number), mode == .well ? 1 : 0)]) { agent.servers.set(number, mode) }
    }

    private func disturbAgent() throws {
        guard let agent else { return }
        let isKilled = random.once(in: 2)
        journal.note(isKilled ? "kill the agent" : "stop the agent")
        oracle.agentIs(away: true)
        if isKilled { agent.kill() } else { agent.pause() }
        pause(0...3_000)
        if random.once(in: 2) { try random.one(of: [drain, undrain, changeFile, failServer])() }
        journal.note("the agent goes on")
        if isKilled { try agent.start() } else { agent.goOn() }
        isAgentBlind = isAgentBlind || isKilled && !broken.isEmpty && !hasCopies
        if !isAgentBlind { oracle.agentIs(away: false) }
    }

    // MARK: Looking

    /// Mends what is broken, waits until all is in force, and looks at the processes.
    private func rest() throws {
        for part in broken.sorted(by: { $0.index < $1.index }) { try mend(part) }
        if !hasCopies { hangUp() }
        checkShares()
        while case let settled = oracle.settled, settled != .max, settled > now() { usleep(50_000) }
        hasCopies = true
        load.phase = .quiet
        usleep(500_000)
        for _ in 0..<25 {
            usleep(100_000)
            readLog()
        }
        look()
    }

    private func look() {
        let running = server.coprocesses
        if running != coprocesses { journal.violation("the coprocesses are \(running), and were \(coprocesses)") }
        for process in running + running.flatMap(children(of:)) where state(of: process) == "Z" {
            journal.violation("\(process) is dead, and nobody takes notice")
        }
        memory.append(running.map(privateMemory(of:)).reduce(0, +))
        files.append(running.map(openFiles(of:)).reduce(0, +))
        let status = try? geopipe(["status"])
        if status?.status != 0 { journal.violation("'geopipe status' has complaints: \(status?.output ?? "")") }
        journal.tell(
            "\(journal.notes.values.reduce(0, +)) acts, \(memory.last!.rounded()) MiB, \(journal.violations) violations"
        )
    }

    /// Says what became of memory and open files, and whether they grow.
    func report() {
        let early = memory.prefix(max(1, memory.count / 4)).max() ?? 0
        let late = memory.suffix(max(1, memory.count / 4)).min() ?? 0
        journal.tell(
            "private memory of all coprocesses: \(early.rounded()) MiB in the first quarter at most, \(late.rounded()) MiB in the last at least"
        )
        journal.tell("open files of all coprocesses: \(files.first ?? 0) at first, \(files.last ?? 0) at last")
        if late > 1.5 * early + 16 { journal.violation("memory grows: \(memory.map { Int($0) })") }
        // One that an agent listens to, or that shares a database, has a file more than at first.
        if let first = files.prefix(max(2, files.count / 4)).max(), let last = files.last, last > first + 2 {
            journal.violation("open files grow: \(files)")
        }
    }
}
