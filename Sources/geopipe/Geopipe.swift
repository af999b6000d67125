import ArgumentParser
import CLinux
import Configuration
import Glibc
import Journal
import Platform

struct Geopipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "geopipe",
        abstract: "Geographic answers for PowerDNS: a pipe backend that sends every client to the right datacenter.",
        version: geopipeVersion,
        groupedSubcommands: [
            CommandGroup(name: "Serve", subcommands: [BackendCommand.self, CompileCommand.self, UpgradeCommand.self]),
            CommandGroup(
                name: "Inspect",
                subcommands: [
                    CheckCommand.self, ExplainCommand.self, QueryCommand.self, MapCommand.self, SchemaCommand.self,
                ]),
            CommandGroup(
                name: "Switch", subcommands: [DrainCommand.self, UndrainCommand.self, ForceCommand.self]),
            CommandGroup(
                name: "Change", subcommands: [DiffCommand.self, PlanCommand.self, RolloutCommand.self]),
            CommandGroup(
                name: "Watch",
                subcommands: [StatusCommand.self, HistoryCommand.self, TopCommand.self, ReplayCommand.self]),
        ],
        defaultSubcommand: BackendCommand.self)
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
        // The default subcommands, backend and rollout status, take no positional arguments.
        if let unknown = Geopipe.unknownCommand(in: arguments) {
            printError(
                "unknown command '\(visible(unknown.command))'\(suggestion(for: unknown.word, among: unknown.known))")
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
