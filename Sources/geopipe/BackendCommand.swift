import Answering
import ArgumentParser
import CLinux
import Coprocess
import Glibc
import Journal
import Logging
import Platform
import State

struct BackendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backend",
        abstract:
            "Run as a coprocess of pdns_server: read questions from stdin, write answers to stdout (the default).",
        discussion: "pdns starts it as: pipe-command=/usr/local/bin/geopipe --config /etc/geopipe/geopipe.yaml")

    @OptionGroup var options: ConfigurationOptions

    @OptionGroup var logs: LogOptions

    @Option(help: ArgumentHelp("Serve this image instead of that of the configuration.", valueName: "file"))
    var image: String?

    func run() throws {
        let inheritance = Takeover.Handoff.take()
        // pdns passes coprocesses the pipes of others that it starts at the same time, and descriptors that it
        // inherited itself. Two coprocesses that hold each other's pipes would not end with pdns.
        if let inheritance { inheritance.closeOtherFiles() } else { closeFiles(from: 3, to: .max) }
        // A closed pipe or a file size limit must make write fail, not kill the process.
        CrashHandler.install(
            input: STDIN_FILENO, output: STDOUT_FILENO, isTerminal: isatty(STDIN_FILENO) == 1, inheritance)
        var request = options.request
        request.image = image
        let state = image.map { stateDirectory(of: $0) } ?? options.state()
        let supply = ServingMailbox()
        LoggingSystem.bootstrap { _ in StandardErrorLog(.named("geopipe"), level: logs.level) }
        let keeper = Reloader(supply, request, state: state, log: Logger(label: "geopipe"))
        let takeover = Takeover(arguments: processArguments)
        keeper.followSignals { takeover?.begin(state: state) }
        // pdns logs why a coprocess cannot be used only before the dialogue begins.
        if !keeper.prepare(), inheritance == nil { throw ExitCode.unusable }
        StandardError.limitWait(milliseconds: 0)
        if isatty(STDIN_FILENO) == 1 {
            printError(
                """
                geopipe is waiting for the pipe protocol of pdns on this terminal. Type, with tabs between the fields:
                HELO\t1
                Q\tmy.geo.example.com\tIN\tANY\t-1\t192.0.2.1
                Ctrl-D ends it. For other commands, see 'geopipe --help'.
                """)
        }
        let failure = serve(
            input: STDIN_FILENO, output: STDOUT_FILENO, supply: supply, takeover: takeover, inheritance: inheritance,
            makeFirst: { keeper.start() }, finish: { keeper.finish(isEnd: false) }, perform: options.perform)
        keeper.finish(isEnd: true)
        if failure != 0 {
            printError(
                "cannot write answers to stdout: \(String(cString: strerror(failure))); the rest is not answered")
            throw ExitCode.wrong
        }
        if keeper.hasNeverLoaded { throw ExitCode.unusable }
    }

    /// Returns the state directory that an image was made for.
    private func stateDirectory(of image: String) -> StateDirectory? {
        let path = options.stateDirectory ?? (try? Snapshot(path: image))?.manifest.stateDirectory ?? ""
        return path.isEmpty ? nil : StateDirectory(path: path)
    }
}
