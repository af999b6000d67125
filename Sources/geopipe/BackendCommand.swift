import ArgumentParser
import Backend
import CLinux
import Glibc

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
        let options = options
        var failure: ExitCode?
        serve(input: STDIN_FILENO, output: STDOUT_FILENO) {
            // Reading a large database takes several times the memory of what comes out of it.
            defer { malloc_trim(0) }
            do throws(ExitCode) {
                return try options.snapshot(of: plan)
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
    }
}
