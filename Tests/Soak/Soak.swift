import ArgumentParser
import Foundation
import struct Support.SeededGenerator

@main
struct Soak: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Disturbs geopipe in all ways that it must outlive, and judges every answer meanwhile.",
        discussion: "Exits 1 if any answer is wrong, late or missing.")

    @Option(help: "The geopipe program.")
    var geopipe: String

    @Option(help: "The geopipe-agent program; without, the health of addresses is left out.")
    var agent: String?

    @Option(help: "A database in MaxMind's format with places in the United States.")
    var database: String

    @Option(help: "The settings of pdns: a pdns.conf.")
    var settings: String

    @Option(help: "How long.")
    var minutes = 3.0

    @Option(help: "The same seed does the same things in the same order.")
    var seed = UInt64.random(in: 1...999_999)

    @Option(help: "Questions a second through pdns.")
    var rate = 1_000

    @Option(
        help:
            "Questions a second through pipes to two coprocesses, which no name server has started; 0: no such coprocesses."
    )
    var pipeRate = 100_000

    @Option(help: "Tests/SoakClock, compiled; without, the clock is not set.")
    var clock: String?

    @Flag(help: "Say what is done.")
    var verbose = false

    @Flag(help: "Leave the files and logs.")
    var keep = false

    func run() throws {
        StateDisk.enterOwnNamespace()
        Interruption.follow()
        // Raise the priority of all started programs, if permitted, so that other load on this machine does not
        // affect the measurement.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -10)
        let folder = "/tmp/geopipe-soak-\(getpid())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let journal = Journal(isVerbose: verbose)
        journal.tell(
            "seed \(seed), \(rate) questions a second through pdns and \(pipeRate) through pipes for \(minutes) min, files in \(folder)"
        )
        let programs = ["\(folder)/geopipe-1", "\(folder)/geopipe-2"]
        for program in programs { try FileManager.default.copyItem(atPath: geopipe, toPath: program) }
        let clock = try clock.map { library in
            try TimeOfDay(library: URL(filePath: library).standardizedFileURL.path, file: folder + "/clock")
        }
        let servers = agent == nil ? nil : try CheckedServers(count: Part.checkedAddresses)
        let site = try Site(folder: folder, database: database, checkedPort: servers?.port)
        if site.disk == nil { journal.tell("this user may not mount: the state directory is never full or read-only") }
        if clock == nil { journal.tell("the clock is not set") }
        try site.link("geopipe", to: programs[0])
        // Twice the interval and the time-out, a second until coprocesses check, and two more for a busy machine.
        let oracle = try Oracle(databases: site.databaseCopies, bounds: Oracle.Bounds(health: 6_000_000_000))
        let server = try NameServer(site, settings: settings)
        let agent = try agent.flatMap { path in try servers.map { try Agent(path, site, $0) } }

        var random = SeededGenerator(seed: seed)
        let load = Load(
            port: server.port, rate: rate, zone: Site.zone, asksChecked: agent != nil, oracle: oracle, journal: journal,
            seed: random.next())
        let pipes = (0..<(pipeRate > 0 ? Self.pipes : 0)).map { _ in
            PipeFeeder(
                site, rate: max(1, pipeRate / Self.pipes), asksChecked: agent != nil, oracle: oracle, journal: journal,
                seed: random.next())
        }
        let director = Director(
            site, server, oracle, load, journal, agent, pipes, clock, programs: programs, random: random)
        let length = clockWords(Int(minutes * 60))
        let agentProcess = agent?.running
        let serverProcess = server.process.identifier
        let watch = Watch(
            processes: { group in
                switch group {
                case .coprocesses: children(of: serverProcess)
                case .pipes: pipes.compactMap(\.process)
                case .server: [serverProcess]
                case .agent: [agentProcess?.number].compactMap(\.self)
                }
            },
            progress: { seconds in
                "\(clockWords(seconds)) of \(length): \(load.asked) questions through pdns, \(pipes.map(\.answered).reduce(0, +)) through pipes, \(journal.acts) acts, \(journal.violations) violations"
            })
        let start = now()
        watch.start()
        load.phase = .disturbance
        load.start()
        for pipe in pipes { pipe.start() }
        do {
            try director.direct(until: start + UInt64(minutes * 60e9))
        } catch {
            journal.violation("the run cannot continue: \(error)")
        }
        let seconds = Int((now() - start) / 1_000_000_000)
        let asked = load.stop()
        let piped = pipes.map { $0.stop() }.reduce(PipeFigures(), +)
        watch.stop()
        ProgressLine.clear()
        if Interruption.isThere { journal.tell("\nstopped after \(clockWords(seconds)) of \(length)") }
        let figures = Report(
            seed: seed, seconds: seconds, asked: asked, piped: piped, kills: director.kills,
            actions: director.deck.report,
            oracle: oracle, journal: journal)
        watch.report(journal)
        figures.tell()
        agent?.kill()
        server.stop()
        site.disk?.remove()
        if !keep, journal.violations == 0 { remove(folder) }
        if journal.violations > 0 { throw ExitCode(1) }
    }

    private static let pipes = 2
}

/// Returns a duration as `1:02:03`.
func clockWords(_ seconds: Int) -> String {
    func two(_ number: Int) -> String { "\(number < 10 ? "0" : "")\(number)" }
    return "\(seconds / 3_600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
}
