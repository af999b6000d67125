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
        // pdns hands down the pipes of coprocesses that it starts at the same time, and what was handed down to itself.
        // Two that hold each other's pipes would not end with it.
        close_range(3, .max, 0)
        // Who has stopped reading is found out by write, not by being killed.
        signal(SIGPIPE, SIG_IGN)
        // The same goes for a limit on the size of files, which memory that is shared is under as well.
        signal(SIGXFSZ, SIG_IGN)
        let start = time(nil)
        let plan = try options.plan(sharesZones: true)
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
        let keeper = Keeper(supply, load: loader.load)
        keeper.loadOn(SIGHUP)
        serve(input: STDIN_FILENO, output: STDOUT_FILENO, supply: supply) {
            let snapshot = loader.snapshot(of: plan)
            keeper.start(files: plan.configuration.files, since: start)
            return snapshot
        }
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

    func snapshot(of plan: SnapshotPlan) -> Snapshot? {
        // Reading a large database takes several times the memory of what comes out of it.
        defer { malloc_trim(0) }
        do throws(ConfigurationError) {
            let snapshot = try Snapshot(plan)
            for warning in snapshot.warnings { complain(warning.description) }
            snapshots.add(1, ordering: .relaxed)
            return snapshot
        } catch {
            complain(error.description)
            return nil
        }
    }

    /// Reads everything anew.
    func load() -> Keeper.Outcome {
        do throws(ConfigurationError) {
            let plan = try SnapshotPlan(
                Configuration.load(options.file, databases: options.databases, sharesZones: true))
            guard let snapshot = snapshot(of: plan) else {
                return Keeper.Outcome(snapshot: nil, files: plan.configuration.files)
            }
            complain("geopipe[\(getpid())]: loaded \(options.file)")
            return Keeper.Outcome(snapshot: snapshot, files: plan.configuration.files)
        } catch {
            complain(error.description)
            complain("geopipe[\(getpid())]: the last configuration without complaints stays in use")
            return Keeper.Outcome(snapshot: nil, files: error.files)
        }
    }
}
