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

    @Option(help: "Questions a second.")
    var rate = 1_000

    @Flag(help: "Say what is done.")
    var verbose = false

    @Flag(help: "Leave the files and logs.")
    var keep = false

    func run() throws {
        // All that it starts comes before what else runs here, if that is allowed: what others do is not to be measured.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -10)
        let folder = "/tmp/geopipe-soak-\(getpid())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let journal = Journal(isVerbose: verbose)
        defer { if !keep, journal.violations == 0 { remove(folder) } }
        journal.tell("seed \(seed), \(rate) questions a second for \(minutes) min, files in \(folder)")

        let programs = ["\(folder)/geopipe-1", "\(folder)/geopipe-2"]
        for program in programs { try FileManager.default.copyItem(atPath: geopipe, toPath: program) }
        let servers = agent == nil ? nil : try CheckedServers(count: Part.checkedAddresses)
        let site = try Site(folder: folder, database: database, checkedPort: servers?.port)
        try site.link("geopipe", to: programs[0])
        // Twice the interval and the time-out, a second until coprocesses look, and another two for a machine that is busy.
        let oracle = try Oracle(databases: site.databaseCopies, bounds: Oracle.Bounds(health: 6_000_000_000))
        let server = try NameServer(site, settings: settings)
        defer { server.stop() }
        let agent = try agent.flatMap { path in try servers.map { try Agent(path, site, $0) } }
        defer { agent?.kill() }

        var random = SeededGenerator(seed: seed)
        let load = Load(
            port: server.port, rate: rate, zone: Site.zone, asksChecked: agent != nil, oracle: oracle, journal: journal,
            seed: random.next())
        load.phase = .disturbance
        load.start()
        let director = Director(site, server, oracle, load, journal, agent, programs: programs, random: random)
        let end = now() + UInt64(minutes * 60e9)
        var failure: (any Error)?
        do { try director.direct(until: end) } catch { failure = error }
        let figures = load.stop()
        if let failure { throw failure }
        director.report()
        report(figures, oracle.delays, oracle.judgedRamps.load(ordering: .relaxed), journal)
        let sides = oracle.judgedSides
        journal.tell(
            "answers that told which side of a rollout a network has: \(sides.answers), \(sides.again) of them for a network that had told before"
        )
        journal.tell(
            "\(server.dropped) of these never reached pdns, which had not taken any for too long; questions were asked up to \(figures.delay / 1_000_000) ms late, as the machine was busy"
        )
        if journal.violations > 0 { throw ExitCode(1) }
    }

    private func report(_ figures: Load.Figures, _ delays: Oracle.Delays, _ judgedRamps: Int, _ journal: Journal) {
        func tenths(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        journal.tell(
            "\n| what goes on | answers | p50 | p99 | p99.9 | longest |\n| --- | --- | --- | --- | --- | --- |")
        for phase in Phase.allCases {
            let latencies = figures.latencies[phase.rawValue]
            let columns = [0.5, 0.99, 0.999, 1].map { "\(tenths(latencies.quantile($0))) ms" }
            journal.tell("| \(phase) | \(latencies.count) | \(columns.joined(separator: " | ")) |")
        }
        let (loading, quiet) = (figures.latencies[Phase.reload.rawValue], figures.latencies[Phase.quiet.rawValue])
        func ratio(_ part: Double) -> String { tenths(loading.quantile(part) / quiet.quantile(part)) }
        if quiet.count > 0 {
            journal.tell(
                "\nwhile loading, and nothing else, as compared with quiet times: p50 \(ratio(0.5)) times, p99 \(ratio(0.99)) times (target: 2), p99.9 \(ratio(0.999)) times, of \(loading.count) and \(quiet.count) answers"
            )
        }
        journal.tell(
            "\nlast answer from before a change: \(tenths(Double(delays.reload) / 1e9)) s after it for files, \(tenths(Double(delays.drain) / 1e9)) s for drains, \(tenths(Double(delays.rollout) / 1e9)) s for rollouts, \(tenths(Double(delays.health) / 1e9)) s for health"
        )
        journal.tell("growing shares judged by their figures: \(judgedRamps)")
        journal.tell(
            "done: " + journal.notes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        journal.tell("\(figures.asked) questions, \(figures.lost) not answered, \(journal.violations) violations")
    }
}
