import ArgumentParser
import Backend
import CLinux
import Configuration
import Glibc
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
        // Who has stopped reading is found out by write, not by being killed.
        signal(SIGPIPE, SIG_IGN)
        // The same goes for a limit on the size of files, which memory that is shared is under as well.
        signal(SIGXFSZ, SIG_IGN)
        let start = time(nil)
        // Who goes on with a dialogue must not end it, whatever the files are now.
        let plan = inheritance == nil ? try options.plan(sharesZones: true) : nil
        if isatty(STDIN_FILENO) == 1 {
            complain(
                """
                geopipe is waiting for the pipe protocol of pdns on this terminal. Type, with tabs between the fields:
                HELO\t1
                Q\tmy.geo.example.com\tIN\tANY\t-1\t192.0.2.1
                Ctrl-D ends it. 'geopipe --help' tells what else there is.
                """)
        }
        let loader = Loader(options: options)
        let supply = Supply()
        let keeper = Keeper(supply, configuration: options.file, load: loader.load, complain: loader.say)
        let takeover = Takeover(arguments: CommandLine.arguments)
        keeper.followSignals {
            takeover?.begin(check: options.checkArguments, state: options.state(), complain: loader.say)
        }
        serve(
            input: STDIN_FILENO, output: STDOUT_FILENO, supply: supply, takeover: takeover, inheritance: inheritance,
            makeFirst: { keeper.start(plan.map(loader.outcome) ?? loader.load(), since: start) },
            perform: options.perform)
        if !loader.hasSnapshot { throw ExitCode.unusable }
    }
}

/// Reads the configuration and all that belongs to it, and says on stderr what is wrong.
private final class Loader: Sendable {
    private let options: ConfigurationOptions
    private let snapshots = Atomic<Int>(0)

    init(options: ConfigurationOptions) { self.options = options }

    /// Whether it has ever made a snapshot.
    var hasSnapshot: Bool { snapshots.load(ordering: .relaxed) > 0 }

    /// One line, with the process that it is from.
    func say(_ message: String) { complain("geopipe[\(getpid())]: \(message)") }

    func outcome(of plan: SnapshotPlan) -> Keeper.Outcome {
        // Reading a large database takes several times the memory of what comes out of it.
        defer { malloc_trim(0) }
        var outcome = Keeper.Outcome(
            snapshot: nil, files: plan.configuration.files, state: options.state(plan.configuration))
        do throws(ConfigurationError) {
            let snapshot = try Snapshot(plan)
            for warning in snapshot.warnings { complain(warning.description) }
            snapshots.add(1, ordering: .relaxed)
            outcome.snapshot = snapshot
        } catch {
            complain(error.description)
            outcome.complaints = error.complaints.map(\.description)
        }
        return outcome
    }

    /// Reads everything anew.
    func load() -> Keeper.Outcome {
        do throws(ConfigurationError) {
            let outcome = outcome(of: try options.loadedPlan(sharesZones: true))
            say(outcome.snapshot == nil ? "what was loaded before stays in use" : "loaded \(options.file)")
            return outcome
        } catch {
            complain(error.description)
            say("what was loaded before stays in use")
            var outcome = Keeper.Outcome(snapshot: nil, files: error.files, state: nil)
            outcome.complaints = error.complaints.map(\.description)
            return outcome
        }
    }
}
