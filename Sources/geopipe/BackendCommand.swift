import ArgumentParser
import Backend
import CLinux
import Configuration
import Glibc
import Platform
import Synchronization

struct BackendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backend",
        abstract: "Be the coprocess of a pdns_server: questions on stdin, answers on stdout. The default.",
        discussion: "pdns starts it as: pipe-command=/usr/local/bin/geopipe --config /etc/geopipe/geopipe.yaml")

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let inheritance = Takeover.Inheritance.take()
        // pdns hands down the pipes of coprocesses that it starts at the same time, and what was handed down to itself.
        // Two that hold each other's pipes would not end with it.
        if let inheritance { inheritance.closeOtherFiles() } else { closeFiles(from: 3, to: .max) }
        // Who has stopped reading is found out by write, and so is a limit on the size of files, not by being killed.
        FaultGuard.install(input: STDIN_FILENO, output: STDOUT_FILENO, isTerminal: isatty(STDIN_FILENO) == 1)
        let start = time(nil)
        let loader = Loader(options: options)
        let supply = Supply()
        let keeper = Keeper(supply, configuration: options.file, load: loader.load, complain: loader.say)
        let takeover = Takeover(arguments: processArguments)
        keeper.followSignals {
            takeover?.begin(state: options.state())
        }
        let hasStandIn = inheritance?.hasStandIn == true
        let outcome = hasStandIn ? nil : loader.first()
        // Only before the dialogue begins is there somebody who sees why it does not.
        if outcome == nil, inheritance == nil { throw ExitCode.unusable }
        if isatty(STDIN_FILENO) == 1 {
            complain(
                """
                geopipe is waiting for the pipe protocol of pdns on this terminal. Type, with tabs between the fields:
                HELO\t1
                Q\tmy.geo.example.com\tIN\tANY\t-1\t192.0.2.1
                Ctrl-D ends it. 'geopipe --help' tells what else there is.
                """)
        }
        serve(
            input: STDIN_FILENO, output: STDOUT_FILENO, supply: supply, takeover: takeover, inheritance: inheritance,
            makeFirst: { keeper.start(state: options.state(), since: start) { outcome?() ?? loader.load() } },
            load: { keeper.start(state: options.state(), since: start) { loader.first()?() ?? loader.load() } },
            finish: { keeper.finish(isEnd: false) }, perform: options.perform)
        keeper.finish(isEnd: true)
        if loader.hasOnlyFailed { throw ExitCode.unusable }
    }
}

/// Reads the configuration and all that belongs to it, and says on stderr what is wrong.
private final class Loader: Sendable {
    private let options: ConfigurationOptions
    private let reloadGuard = ReloadGuard()
    private let snapshots = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)

    init(options: ConfigurationOptions) { self.options = options }

    /// Whether it was to make a snapshot, and never has.
    var hasOnlyFailed: Bool { snapshots.load(ordering: .relaxed) == 0 && failures.load(ordering: .relaxed) > 0 }

    /// One line, with the process that it is from.
    func say(_ message: String) { complain("geopipe[\(getpid())]: \(message)") }

    /// The first few, since each coprocess says them all.
    private func report(_ complaints: [Complaint]) {
        for line in complaints.brief(command: "geopipe check \(options.file)") { complain(line) }
    }

    /// Finds out whether there is something to load; what it is, comes later. `nil` if there is not.
    func first() -> (() -> Keeper.Outcome)? {
        do throws(ConfigurationError) {
            let plan = try options.loadedPlan(sharesZones: true)
            return { self.outcome(of: plan) }
        } catch {
            report(error.complaints)
            guard let (plan, time) = options.lastGoodPlan() else { return nil }
            say("using the last configuration without complaints, of \(dateAndTime(time))")
            let complaints = error.complaints.map(\.description)
            let files = error.files
            return {
                var outcome = self.outcome(of: plan)
                outcome.files.formUnion(files)
                outcome.complaints = complaints
                outcome.isCurrent = false
                return outcome
            }
        }
    }

    func outcome(of plan: SnapshotPlan) -> Keeper.Outcome {
        // Reading a large database takes several times the memory of what comes out of it.
        defer { malloc_trim(0) }
        var outcome = Keeper.Outcome(
            snapshot: nil, files: plan.configuration.files, state: options.state(plan.configuration))
        do throws(ConfigurationError) {
            let snapshot = try Snapshot(plan)
            report(snapshot.warnings)
            snapshots.add(1, ordering: .relaxed)
            reloadGuard.accept(plan)
            outcome.snapshot = snapshot
        } catch {
            report(error.complaints)
            failures.add(1, ordering: .relaxed)
            outcome.complaints = error.complaints.map(\.description)
        }
        return outcome
    }

    /// Reads everything anew.
    func load() -> Keeper.Outcome {
        do throws(ConfigurationError) {
            let plan = try options.loadedPlan(sharesZones: true)
            if let objection = reloadGuard.objection(to: plan, at: monotonicSeconds()) {
                let error = ConfigurationError(objection.complaints)
                complain(error.description)
                var outcome = Keeper.Outcome(snapshot: nil, files: plan.configuration.files, state: nil)
                outcome.complaints = error.complaints.map(\.description)
                outcome.retryIn = objection.retryIn
                return outcome
            }
            return outcome(of: plan)
        } catch {
            report(error.complaints)
            var outcome = Keeper.Outcome(snapshot: nil, files: error.files, state: nil)
            outcome.complaints = error.complaints.map(\.description)
            return outcome
        }
    }
}

/// Seconds on the monotonic clock.
private func monotonicSeconds() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec
}
