import ArgumentParser
import CLinux
import Configuration
import Glibc
import Platform

struct Geopipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "geopipe",
        abstract: "Geographic answers for PowerDNS: a pipe backend that sends every client to the right datacenter.",
        version: geopipeVersion,
        subcommands: [
            BackendCommand.self, CompileCommand.self, CheckCommand.self, ExplainCommand.self, QueryCommand.self,
            DrainCommand.self, UndrainCommand.self, ForceCommand.self, HistoryCommand.self, StatusCommand.self,
            DiffCommand.self, PlanCommand.self, RolloutCommand.self, MapCommand.self, TopCommand.self,
            ReplayCommand.self, SchemaCommand.self,
            UpgradeCommand.self,
        ],
        defaultSubcommand: BackendCommand.self)

    /// The valid first words of a command line.
    static var commands: [String] { configuration.subcommands.compactMap { $0._commandName } + ["help"] }
}

extension ExitCode {
    /// The checked object has errors.
    static let wrong = ExitCode(1)
    /// The command cannot run with these arguments or this configuration.
    static let unusable = ExitCode(2)
}

@main
enum Main {
    static func main() {
        // A file size limit must make write fail, not kill the process.
        signal(SIGXFSZ, SIG_IGN)
        let arguments = Array(processArguments.dropFirst())
        // The backend takes no positional arguments, so a first word must be a command.
        if let word = arguments.first, !word.hasPrefix("-"), !Geopipe.commands.contains(word) {
            printError("unknown command '\(visible(word))'\(suggestion(for: word, among: Geopipe.commands))")
            Geopipe.exit(withError: ExitCode.unusable)
        }
        do {
            var command = try Geopipe.parseAsRoot(arguments)
            try command.run()
            endOutput()
        } catch {
            endOutput()
            guard Geopipe.exitCode(for: error) == .validationFailure else { Geopipe.exit(withError: error) }
            printError(Geopipe.fullMessage(for: error))
            Geopipe.exit(withError: ExitCode.unusable)
        }
    }

    /// Ends the program with an error if stdout did not take everything, such as on a full disk. `print` ignores that.
    private static func endOutput() {
        guard flush_output() == 0 else { return }
        let reason = errno
        guard reason != EPIPE else { return }
        printError("cannot write to stdout: \(String(cString: strerror(reason)))")
        Geopipe.exit(withError: ExitCode.unusable)
    }
}
