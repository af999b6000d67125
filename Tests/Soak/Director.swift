import Foundation
import struct Support.SeededGenerator

/// Changes and disturbs a server and its files, in random order, in all ways that must not affect clients.
final class Director {
    let site: Site
    let server: NameServer
    let oracle: Oracle
    let load: Load
    let journal: Journal
    let agent: Agent?
    let rollouts: Rollouts
    var random: SeededGenerator
    /// The coprocesses that are asked through pipes, in addition to pdns.
    let pipes: [PipeFeeder]
    /// The time of day of all started programs; `nil` if it cannot be set.
    let clock: TimeOfDay?
    /// The processes that must keep running.
    var coprocesses: [pid_t]
    /// Two copies of the program, which take turns.
    private let programs: [String]
    /// The versions in force, or that will be when nothing is broken any more.
    private(set) var versions: [Part: Int] = [.configuration: 1, .zone: 1, .networks: 1, .database: 0]
    private(set) var broken: Set<Part> = []
    /// Whether coprocesses lack a resource for loading: disk space, descriptors or memory.
    var isInNeed = false
    /// Whether loading is certain to fail.
    var isBroken: Bool { !broken.isEmpty || isInNeed }
    /// Whether there is an image to start from while something is broken.
    private(set) var hasImage = true
    /// Whether the agent was started without an image while something was broken: it checks nothing until that is
    /// repaired.
    private(set) var isAgentBlind = false
    /// The drains for all clients, with their shares in percent and their ends.
    private(set) var drains: [Part: (share: Int, end: UInt64)] = [:]
    /// The places for which each datacenter is drained.
    private var places: [Datacenter: Int] = [:]
    /// The number of reloads that each coprocess has logged.
    private var loads: [pid_t: Int] = [:]
    /// The number of failed compilations in the logs.
    private var failures = 0
    private var refusals = 0
    /// The number of killed coprocesses of pdns.
    var kills = 0
    /// Whether a coprocess was just killed, which pdns logs.
    var isKilling = false

    init(
        _ site: Site, _ server: NameServer, _ oracle: Oracle, _ load: Load, _ journal: Journal, _ agent: Agent?,
        _ pipes: [PipeFeeder], _ clock: TimeOfDay?, programs: [String], random: SeededGenerator
    ) {
        (self.site, self.server, self.oracle, self.load, self.journal) = (site, server, oracle, load, journal)
        var random = random
        (self.agent, self.pipes, self.clock, self.programs) = (agent, pipes, clock, programs)
        rollouts = Rollouts(site, oracle, journal, random: SeededGenerator(seed: random.next())) { words in
            // A broken configuration may lack the state directory.
            try run(programs[0], words + ["--config", site.configuration, "--state", site.state])
        }
        self.random = random
        coprocesses = server.coprocesses
        rollouts.adopt = { [unowned self] version in versions[.configuration] = version }
    }

    /// Runs until a time, and then until everything is in force.
    func direct(until end: UInt64) throws {
        let acts: [(weight: Int, act: () throws -> Void)] = [
            (6, changeFile), (5, breakFile), (3, changeManyFiles), (2, hangUp), (8, drain), (4, undrain),
            (4, drainPlaces), (3, undrainPlaces), (3, force), (2, takeOver),
            (1, takeOverBadProgram), (3, corruptSwitches), (2, corruptOtherState), (1, loseState), (2, startAnother),
            (4, disturbImages), (3, disturbCompiler), (8, rollOut),
            (agent == nil ? 0 : 6, failServer),
            (agent == nil ? 0 : 1, { [self] in try failDatacenter(random.one(of: Datacenter.allCases)) }),
            (agent == nil ? 0 : 2, disturbAgent),
            (3, replaceWhileCompiling), (2, misdate), (2, killCoprocess), (3, killCoprocessOnPipe), (3, stopCoprocess),
            (site.disk == nil ? 0 : 3, fillDisk), (site.disk == nil ? 0 : 1, makeDiskReadOnly),
            (2, exhaustDescriptors), (2, exhaustMemory), (clock == nil ? 0 : 3, stepClock),
        ]
        let lots = acts.flatMap { Array(repeating: $0.act, count: $0.weight) }
        try settle()
        // While nothing else changes, so that the figures can be judged.
        try failDatacenter(.oslo)
        while now() < end, !Interruption.isThere {
            for _ in 0..<random.number(6...14) where now() < end && !Interruption.isThere {
                load.phase = .disturbance
                try random.one(of: lots)()
                if !random.once(in: 3) { pause(0...1_000) }
            }
            try settle()
        }
        if !Interruption.isThere { loadOften() }
    }

    func pause(_ milliseconds: ClosedRange<Int>) { rest(random.number(milliseconds)) }

    // MARK: Files

    func change(_ part: Part, _ way: Site.Way) throws {
        let old = versions[part]!
        let new =
            switch part {
            case .database: 1 - old
            case .networks where random.once(in: 5): 0
            default: old % 250 + 1
            }
        versions[part] = new
        broken.remove(part)
        rollouts.filesChange()
        try oracle.change([(part, new)]) { try site.put(part, new, broken.isEmpty ? way : .renamed) }
        oracle.filesChange(isBroken: isBroken)
        if isAgentBlind, !isBroken {
            isAgentBlind = false
            oracle.agentIs(away: false)
            rollouts.mayEnd()
        }
    }

    private func changeFile() throws { try changeFile(waits: true) }

    /// - Parameter waits: whether to wait until all coprocesses have loaded.
    func changeFile(waits: Bool) throws {
        let (part, way) = (random.one(of: Part.files), random.one(of: Site.Way.allCases))
        journal.note("change", "\(part) \(way)")
        guard waits else { return try change(part, way) }
        try whileLoading(.change) { try change(part, way) }
    }

    private func changeManyFiles() throws {
        journal.note("change many files")
        for _ in 0..<random.number(2...10) {
            try change(random.one(of: Part.files), random.one(of: Site.Way.allCases))
            pause(0...random.number(1...400))
        }
    }

    /// Breaks a file and repairs it, sometimes with another step in between.
    private func breakFile() throws {
        let part = random.one(of: Part.files)
        let damage = random.one(of: Site.damages(of: part))
        journal.note("break", "\(part) \(damage)")
        oracle.filesChange(isBroken: true)
        broken.insert(part)
        rollouts.filesChange()
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

    func hangUp() {
        let count = random.one(of: [1, 1, 50])
        journal.note("SIGHUP", "\(count) times")
        whileLoading(.change) {
            for _ in 0..<count {
                for process in coprocesses { kill(process, SIGHUP) }
                if count > 1 { pause(0...10) }
            }
            oracle.filesChange(isBroken: isBroken)
        }
    }

    /// Causes a reload of all coprocesses, and waits until they have loaded, or a compiler has logged an error.
    private func whileLoading(_ phase: Phase, _ body: () throws -> Void) rethrows {
        readLog()
        let (before, failed) = (loads, failures)
        let phaseBefore = load.phase
        load.phase = phase
        defer { load.phase = phaseBefore }
        try body()
        let deadline = now() + 10_000_000_000
        while coprocesses.contains(where: { loads[$0] == before[$0] }), failures == failed, now() < deadline {
            usleep(5_000)
            readLog()
        }
    }

    func readLog() {
        for line in server.said() {
            if line.contains(": loaded "), let open = line.range(of: "geopipe["),
                let process = pid_t(line[open.upperBound...].prefix { $0 != "]" })
            {
                loads[process, default: 0] += 1
            }
            if line.contains("stays in use") { failures += 1 }
            if line.contains("does not take over") { refusals += 1 }
            if line.contains("coprocess") && (line.contains("Unable") || line.contains("Child")) {
                if !isKilling { journal.violation("pdns says: \(line)") }
            }
        }
    }

    // MARK: Switches

    /// See `Rollouts`.
    func geopipe(_ arguments: [String]) throws -> (output: String, status: Int32) {
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
        let part = Part.drain(datacenter, service)
        var isOverridden = false
        switch breaksSafety(part, share) {
        case true?:
            isOverridden = random.once(in: 2)
            guard isOverridden else { return try refusedDrain(words) }
        case false?: break
        // The result depends on drains that end just now, or on whether the configuration can be read.
        case nil: isOverridden = true
        }
        if isOverridden { words += ["--override", "in_use", "--reason", "soak"] }
        rollouts.mayEnd()
        journal.note("drain", words.dropFirst().joined(separator: " "))
        checkShares()
        try oracle.change([(part, share)]) { try command(words, isDirect: isOverridden) }
        let end = seconds.map { now() + UInt64($0) * 1_000_000_000 }
        drains[part] = (share, end ?? .max)
        if let end { oracle.expect(part, toBe: 0, from: end) }
    }

    /// Returns whether a drain leaves no datacenter in use although one was; `nil` if that is unknown.
    private func breaksSafety(_ part: Part, _ share: Int) -> Bool? {
        guard broken.isEmpty else { return nil }
        let time = now()
        let isClose = drains.values.contains {
            $0.end > time - min(time, 3_000_000_000) && $0.end < time + 3_000_000_000
        }
        guard !isClose else { return nil }
        var after = drains.filter { $0.value.end > time }
        let before = after
        after[part] = (share, .max)
        func count(_ drains: [Part: (share: Int, end: UInt64)], _ service: Service?) -> Int {
            Datacenter.allCases.count { datacenter in
                [.drain(datacenter, nil), .drain(datacenter, service)].allSatisfy { (drains[$0]?.share ?? 0) < 100 }
            }
        }
        let named = Service.allCases.filter { service in
            Datacenter.allCases.contains { after[.drain($0, service)] != nil }
        }
        return ([nil] + named).contains { count(after, $0) == 0 && count(before, $0) > 0 }
    }

    /// Drains the last datacenter in use, which must be refused and change nothing.
    private func refusedDrain(_ words: [String]) throws {
        journal.note("refused drain", words.dropFirst().joined(separator: " "))
        let ending = try geopipe(words)
        if ending.status != 1 || !ending.output.contains("safety rule in_use: 1") {
            journal.violation(
                "'geopipe \(words.joined(separator: " "))' leaves nothing in use, and says: \(ending.output)")
        }
    }

    private func undrain() throws {
        let datacenter = random.one(of: Datacenter.allCases)
        let service = random.once(in: 2) ? random.one(of: Service.allCases) : nil
        let words = ["undrain", "\(datacenter)"] + (service.map { ["--service", "\($0)"] } ?? [])
        journal.note("undrain", words.dropFirst().joined(separator: " "))
        checkShares()
        rollouts.mayEnd()
        let ended = service.map { [$0] } ?? [nil] + Service.allCases
        var changes = ended.map { (Part.drain(datacenter, $0), 0) }
        if service == nil {
            changes.append((.places(datacenter), 0))
            places[datacenter] = 0
        }
        try oracle.change(changes) { try command(words) }
        for service in ended { drains[.drain(datacenter, service)] = nil }
    }

    /// Drains a datacenter for the clients in some places.
    private func drainPlaces() throws {
        let (datacenter, area) = (random.one(of: Datacenter.allCases), random.one(of: Places.allCases))
        try change(area, of: datacenter, to: places[datacenter, default: 0] | area.rawValue, "drain")
    }

    private func undrainPlaces() throws {
        let (datacenter, area) = (random.one(of: Datacenter.allCases), random.one(of: Places.allCases))
        try change(area, of: datacenter, to: places[datacenter, default: 0] & ~area.rawValue, "undrain")
    }

    private func change(_ area: Places, of datacenter: Datacenter, to bits: Int, _ verb: String) throws {
        let words = [verb, "\(datacenter)", "--places", area.words]
        journal.note("\(verb) places", words.dropFirst().joined(separator: " "))
        rollouts.mayEnd()
        try oracle.change([(.places(datacenter), bits)]) { try command(words) }
        places[datacenter] = bits
    }

    /// Forces a datacenter up, or returns it to its checks.
    private func force() throws {
        let datacenter = random.one(of: Datacenter.allCases)
        let isUp = random.once(in: 2)
        let words = ["force", "\(datacenter)", isUp ? "up" : "auto"]
        journal.note("force", words.dropFirst().joined(separator: " "))
        rollouts.mayEnd()
        try oracle.change([(.force(datacenter), isUp ? 1 : 0)]) { try command(words) }
    }

    /// Runs a command, on the shell or through pdnsutil.
    ///
    /// - Parameter isDirect: whether to run it on the shell.
    func command(_ words: [String], isDirect: Bool = false) throws {
        if !isDirect, random.once(in: 4), broken.isEmpty {
            try run(
                "/usr/bin/pdnsutil",
                ["--config-dir=\(site.folder)", "backend-cmd", "pipe", words.joined(separator: " ")])
        } else if case let ending = try geopipe(words), ending.status > 1 {
            // 1: no coprocess follows because it is stopped, or more is drained than the command undrains.
            journal.violation("'geopipe \(words.joined(separator: " "))' fails: \(ending.output)")
        }
    }

    func checkShares() {
        if let complaint = oracle.shareComplaint() { journal.violation(complaint) }
        if let complaint = oracle.rampComplaint() { journal.violation(complaint) }
    }

    // MARK: State

    /// Replaces the switch file with something else, and restores it.
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
            ["takeover.lock", "coprocesses"] + coprocesses.map { "coprocesses/\($0)" }
            + (agent == nil ? [] : ["health", "health", "health", "agent.sock"])
        let path = "\(site.state)/\(random.one(of: names))"
        let damage = random.one(of: Damage.allCases)
        journal.note("corrupt", "\(path.dropFirst(site.state.count + 1)) \(damage)")
        rollouts.mayEnd()
        let good = FileManager.default.contents(atPath: path)
        try damage.inflict(on: path, good: good ?? Data("none".utf8), isInPlace: random.once(in: 2))
        pause(0...2_000)
        if let good, path.hasSuffix("health") { try place(good, at: path, isInPlace: false) } else { remove(path) }
    }

    /// Moves the state directory away for a while: drains must stay.
    private func loseState() throws {
        journal.note("take the state directory away")
        rollouts.mayEnd()
        let (path, lost) = (site.state, site.folder + "/disk/lost")
        guard rename(path, lost) == 0 else { throw Failure("cannot move \(path)") }
        pause(0...4_000)
        journal.note("put the state directory back")
        rollouts.mayEnd()
        // A process may have made a new one, and may be about to write into it.
        let deadline = now() + 10_000_000_000
        while rename(lost, path) != 0 {
            guard now() < deadline else { throw Failure("cannot move \(lost)") }
            remove(path)
        }
        hangUp()
    }

    // MARK: Images

    /// Damages or removes images, the link to the one in force, the report of the last compilation or the lock.
    ///
    /// Files are replaced, and no mapped file is written to: only the owner of an image can do that, and it would
    /// change the mapped image.
    private func disturbImages() throws {
        let folders = site.state + "/images"
        guard let name = try? FileManager.default.contentsOfDirectory(atPath: folders).first else { return }
        let folder = "\(folders)/\(name)"
        let images = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
            $0.hasSuffix(".image")
        }
        guard let newest = images.max() else { return }
        // The image of the new side may be one of them.
        try rollouts.end()
        // Damaged files are repaired at some time, and changes in between wait for that.
        oracle.filesChange(isBroken: true)
        let damage = random.one(of: Damage.allCases)
        var mended: String?
        switch random.number(0...6) {
        case 0, 1:
            journal.note("damage the image in force", "\(damage)")
            try self.damage("\(folder)/\(newest)", damage)
            hasImage = hasImage && images.count > 1
        case 2:
            journal.note("damage all images", "\(damage)")
            for image in images { try self.damage("\(folder)/\(image)", damage) }
            hasImage = false
        case 3:
            journal.note("take all images away")
            remove(folders)
            hasImage = false
        default:
            mended = folder + random.one(of: ["/current", "/report", "/lock"])
            journal.note("damage", "\(mended!.dropFirst(folder.count + 1)) \(damage)")
            try self.damage(mended!, damage)
        }
        pause(0...2_000)
        switch random.number(0...3) {
        case 0: try startAnother()
        case 1: try startAnotherForLong()
        case 2 where !hasImage: try takeOver()
        default: break
        }
        if let mended { remove(mended) }
        hangUp()
    }

    private func damage(_ path: String, _ damage: Damage) throws {
        let good = (try? Data(contentsOf: URL(filePath: path))) ?? Data("none".utf8)
        try damage.inflict(on: path, good: good, isInPlace: false)
    }

    /// Kills or stops the compiler while it works: answers must not change.
    private func disturbCompiler() throws {
        let isKilled = random.once(in: 2)
        journal.note(isKilled ? "kill the compiler" : "stop the compiler")
        oracle.filesChange(isBroken: true)
        let compilers = startCompilers()
        pause(0...400)
        for compiler in compilers { kill(compiler, isKilled ? SIGKILL : SIGSTOP) }
        pause(0...1_500)
        if random.once(in: 2) { try random.one(of: [startAnother, drain, takeOverWhileBroken])() }
        for compiler in compilers where !isKilled { kill(compiler, SIGCONT) }
        if compilers.isEmpty { journal.note("no compiler was found") }
        hangUp()
    }

    /// Causes a reload, and waits up to three seconds for a compiler.
    func startCompilers() -> [pid_t] {
        for process in coprocesses { kill(process, SIGHUP) }
        let deadline = now() + 3_000_000_000
        var compilers: [pid_t] = []
        while compilers.isEmpty, now() < deadline {
            usleep(1_000)
            compilers = (coprocesses + pipes.compactMap(\.process)).flatMap(children(of:)).filter {
                state(of: $0) != "Z"
            }
        }
        return compilers
    }

    /// Repeats drains that may have failed for lack of a resource.
    func makeSure(of words: [String], _ part: Part, _ share: Int) throws {
        try oracle.change([(part, share)]) { try command(words, isDirect: true) }
        drains[part] = (share, .max)
    }

    /// Ends all drains that would end by themselves.
    func undrainTimed() throws {
        for (part, drain) in drains where drain.end != .max {
            guard case .drain(let datacenter, let service) = part else { continue }
            // An undrain of all services ends those of each too.
            let ended = service.map { [$0] } ?? [nil] + Service.allCases
            var changes = ended.map { (Part.drain(datacenter, $0), 0) }
            if service == nil {
                changes.append((.places(datacenter), 0))
                places[datacenter] = 0
            }
            rollouts.mayEnd()
            try oracle.change(changes) {
                try command(
                    ["undrain", "\(datacenter)"] + (service.map { ["--service", "\($0)"] } ?? []), isDirect: true)
            }
            for service in ended { drains[.drain(datacenter, service)] = nil }
        }
    }

    // MARK: Programs

    /// Installs the other copy of the program, and upgrades the coprocesses.
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
        // The new program answers when it has loaded.
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

    /// Makes the program that pdns starts a link, if it is not one, and returns its path.
    private func linked() throws -> String {
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: site.program)) == nil {
            try site.link("geopipe", to: programs[0])
        }
        return site.program
    }

    /// The program is good, and continues with the last good data: its answers are judged like all others.
    private func takeOverWhileBroken() throws {
        guard hasImage else { return }
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

    /// Starts another coprocess, which has only the files on disk.
    func startAnother() throws {
        guard broken.isEmpty || hasImage else { return }
        journal.note("start another coprocess", broken.isEmpty ? "" : "while something is broken")
        let start = now()
        let ending = try askAnother("api", after: 0)
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

    /// Starts another coprocess, which must answer from the files on disk after a while, whatever image it starts
    /// with.
    private func startAnotherForLong() throws {
        guard broken.isEmpty else { return }
        journal.note("start another coprocess", "and ask it later")
        let ending = try askAnother("www", after: 5)
        // The client may get the new side of a rollout.
        let zones = [versions[.zone]!] + (rollouts.zone.map { [$0] } ?? [])
        if !zones.contains(where: { ending.output.contains("\tMX\t60\t1\t\($0)\t") }) {
            journal.violation("another coprocess says \(ending.output) after 5 s; the zone has \(zones)")
        }
    }

    /// Starts another coprocess and asks it one question, some seconds later.
    private func askAnother(_ name: String, after seconds: Int) throws -> (output: String, status: Int32) {
        let question = "Q\t\(name).\(Site.zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t198.18.0.0/24\n"
        let script =
            "(printf 'HELO\\t5\\n'; sleep \(seconds); printf '\(question.replacing("\t", with: "\\t").replacing("\n", with: "\\n"))') | \"$@\""
        return try run(
            "/bin/sh",
            [
                "-c", script, "sh", "/usr/bin/timeout", "20", programs[0], "--config", site.configuration, "--state",
                site.state,
            ])
    }

    // MARK: Health

    private func failServer() throws {
        guard let agent else { return }
        let number = random.number(0...(Part.checkedAddresses - 1))
        let mode = random.once(in: 2) ? CheckedServers.Mode.well : random.one(of: CheckedServers.Mode.allCases)
        rollouts.mayEnd()
        journal.note("server", "127.1.0.\(number + 1) \(mode)")
        oracle.change([(.health(number), mode == .well ? 1 : 0)]) { agent.servers.set(number, mode) }
    }

    /// Makes all servers of a datacenter fail until that is detected, and one of them come back.
    private func failDatacenter(_ datacenter: Datacenter) throws {
        guard let agent else { return }
        journal.note("datacenter fails and comes back", "\(datacenter)")
        rollouts.mayEnd()
        let numbers = [2 * datacenter.rawValue, 2 * datacenter.rawValue + 1]
        oracle.change(numbers.map { (.health($0), 0) }) { for number in numbers { agent.servers.set(number, .fails) } }
        rest(7_000)
        rollouts.mayEnd()
        oracle.change([(.health(numbers[0]), 1)]) { agent.servers.set(numbers[0], .well) }
        rest(19_000)
        checkShares()
    }

    private func disturbAgent() throws {
        guard let agent else { return }
        let isKilled = random.once(in: 2)
        journal.note(isKilled ? "kill the agent" : "stop the agent")
        oracle.agentIs(away: true)
        rollouts.mayEnd()
        if isKilled { agent.kill() } else { agent.pause() }
        pause(0...3_000)
        if random.once(in: 2) { try random.one(of: [drain, undrain, changeFile, failServer])() }
        journal.note("the agent goes on")
        if isKilled { try agent.start() } else { agent.goOn() }
        isAgentBlind = isAgentBlind || isKilled && !broken.isEmpty && !hasImage
        rollouts.mayEnd()
        if !isAgentBlind { oracle.agentIs(away: false) }
    }

    // MARK: Rollouts

    private func rollOut() throws {
        // A rollout starts from the files on disk, and its old side is an image.
        guard broken.isEmpty, hasImage else { return }
        try rollouts.act(versions)
    }

    // MARK: Looking

    /// Repairs everything, waits until it is in force, and checks the processes.
    private func settle() throws {
        for part in broken.sorted(by: { $0.index < $1.index }) { try mend(part) }
        if !hasImage { hangUp() }
        checkShares()
        while case let settled = oracle.settled, settled != .max, settled > now(), !Interruption.isThere {
            usleep(50_000)
        }
        hasImage = true
        if random.once(in: 2) {
            try rollouts.drill(versions)
        } else {
            try rollouts.clarify()
            if random.once(in: 2) { try rollouts.end() }
        }
        while case let settled = oracle.settled, settled != .max, settled > now(), !Interruption.isThere {
            usleep(50_000)
        }
        guard !Interruption.isThere else { return }
        load.phase = .quiet
        usleep(500_000)
        for _ in 0..<25 {
            usleep(100_000)
            readLog()
        }
        for _ in 0..<3 { reload() }
        look()
    }

    /// Measures latencies while everything is compiled and loaded again, and then while nothing happens.
    private func reload() {
        whileLoading(.reload) { for process in coprocesses { kill(process, SIGHUP) } }
        usleep(200_000)
    }

    /// Reloads for five seconds in total. At a thousand questions per second, fifty answers exceed the 99th
    /// percentile, so it does not depend on a few.
    private func loadOften() {
        var loading: UInt64 = 0
        while loading < 5_000_000_000 {
            let start = now()
            reload()
            loading += now() - start - 200_000_000
        }
    }

    private func look() {
        let running = server.coprocesses
        if running != coprocesses { journal.violation("the coprocesses are \(running), and were \(coprocesses)") }
        for process in running + running.flatMap(children(of:)) where state(of: process) == "Z" {
            journal.violation("\(process) is a zombie that its parent has not reaped")
        }
        let problems = (try? geopipe(["status", "--json"])).map { errors(in: $0.output) } ?? ["it does not run"]
        if !problems.isEmpty { journal.violation("'geopipe status' has \(problems.joined(separator: "; "))") }
    }

    /// Returns the problems in `geopipe status --json`, except for servers that are down on purpose, and for
    /// rollouts, which `Rollouts` checks.
    private func errors(in output: String) -> [String] {
        let status = try? JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
        guard let problems = status?["problems"] as? [[String: Any]] else { return ["no problems: \(output)"] }
        return problems.filter {
            $0["severity"] as? String == "error"
                && !["service", "datacenter", "rollout"].contains($0["kind"] as? String)
        }
        .map { "\($0["message"] ?? "")" }
    }
}
