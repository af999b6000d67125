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
    let programs: [String]
    /// The versions in force, or that will be when nothing is broken any more.
    var versions: [Part: Int] = [.configuration: 1, .zone: 1, .networks: 1, .database: 0]
    var broken: Set<Part> = []
    /// Whether coprocesses lack a resource for loading: disk space, descriptors or memory.
    var isInNeed = false
    /// Whether loading is certain to fail.
    var isBroken: Bool { !broken.isEmpty || isInNeed }
    /// Whether there is an image to start from while something is broken.
    var hasImage = true
    /// Whether the agent was started without an image while something was broken: it checks nothing until that is
    /// repaired.
    var isAgentBlind = false
    /// The drains for all clients, with their shares in percent and their ends.
    var drains: [Part: (share: Int, end: UInt64)] = [:]
    /// The places for which each datacenter is drained.
    var places: [Datacenter: Int] = [:]
    /// The number of reloads that each coprocess has logged.
    var loads: [pid_t: Int] = [:]
    /// The number of failed compilations in the logs.
    var failures = 0
    var refusals = 0
    /// The number of killed coprocesses of pdns.
    var kills = 0
    /// Why the current action could not be done; `nil` if it was.
    var obstacle: String?
    private(set) lazy var deck = ActionDeck(actions)
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
        try settle()
        // While nothing else changes, so that the figures can be judged.
        try failDatacenter(.oslo)
        if agent != nil { deck.count(Self.datacenterFails) }
        while now() < end, !Interruption.isThere {
            for _ in 0..<random.number(6...14) where now() < end && !Interruption.isThere {
                load.phase = .disturbance
                // What remains in the deck needs a server without faults.
                guard let kind = deck.draw(&random) else { break }
                obstacle = nil
                try deck.kinds[kind].act()
                deck.count(kind, failure: obstacle)
                if !random.once(in: 3) { pause(0...1_000) }
            }
            try settle()
        }
        if !Interruption.isThere { loadOften() }
    }

    func pause(_ milliseconds: ClosedRange<Int>) { rest(random.number(milliseconds)) }

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

    func rollOut() throws {
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
