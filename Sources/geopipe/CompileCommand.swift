import State
import ArgumentParser
import Compiler
import Configuration
import DNS
import Glibc
import Image
import Journal
import Logging
import Platform

struct CompileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compile",
        abstract: "Compile a configuration, its zones and its databases into an image.",
        discussion: """
            Without -o, puts the image in force: all coprocesses of the configuration use it immediately. \
            If the configuration has errors, exits 1 and puts nothing in force.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Write the image to a file.", valueName: "file"))
    var output: String?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    @OptionGroup(visibility: .private) var logs: LogOptions

    /// The place where the coprocess that started this command expects the image.
    @Option(name: .customLong("for-coprocess"), help: .private)
    var role: CoprocessRole?

    /// The state directory in which it expects the image.
    @Option(help: .private)
    var images: String?

    /// Whether the coprocess cannot answer until there is an image.
    @Flag(help: .private)
    var urgent = false

    func run() throws {
        if let role {
            LoggingSystem.bootstrap { _ in StandardErrorLog(.plain, level: logs.level) }
            return CompileTask.run(
                options.request, role, images: images, isUrgent: urgent, log: Logger(label: "geopipe"))
        }
        let start = nanoseconds()
        let store = output == nil ? options.imageStore() : nil
        guard output != nil || store != nil else {
            printError("\(options.file) has state_directory: none; write the image to a file with -o FILE")
            throw ExitCode.unusable
        }
        // A coprocess may be compiling now: they take turns.
        var lock = store?.lock(timeout: 1_000) ?? -1
        if lock < 0, let store, store.canLock {
            printError("waiting for another compiler, which has the lock \(store.folder)/lock; for 130 s at most")
            lock = store.lock(timeout: 130_000)
        }
        defer { if lock >= 0 { close(lock) } }
        let line = ProgressLine()
        let outcome = Compilation(
            options.request, previous: store?.current().snapshot, previousReport: store?.report()
        ).run(keepsSerials: output == nil, progress: { line.show($0) })
        line.clear()
        let diagnostics = DiagnosticList(outcome.diagnostics).sorted(main: options.file)
        guard let image = outcome.image else {
            print(diagnostics, nil, nil, outcome, since: start)
            throw ExitCode.wrong
        }
        do throws(StateDirectory.Failure) {
            let path: String
            if let store {
                path = try store.publish(image)
                try store.write(outcome.report)
            } else {
                path = output!
                try ImageStore.write(image, toFile: path)
            }
            print(diagnostics, path, image, outcome, since: start)
        } catch {
            printError("\(error)")
            throw ExitCode.unusable
        }
        // A zone that was left out needs repair.
        if diagnostics.contains(where: { !$0.isWarning }) { throw ExitCode.wrong }
    }

    private func print(
        _ diagnostics: [Diagnostic], _ path: String?, _ image: Image?, _ outcome: Compilation.Outcome, since start: Int
    ) {
        let seconds = Double(nanoseconds() - start) / 1e9
        if !json { for diagnostic in diagnostics { printError(diagnostic.description) } }
        if json {
            let object = JSON.object([
                "image": path.map(JSON.text) ?? .null, "id": image.map { .text($0.id) } ?? .null,
                "bytes": image.map { .integer($0.bytes.count) } ?? .null, "seconds": .number(seconds),
                "inputs": .list(outcome.report.inputs.map { .object(["path": .text(absolutePath($0.path))]) }),
                "diagnostics": .list(diagnostics.map(\.json)),
            ])
            Swift.print(object.pretty)
        } else if let path, let image {
            let size = Double(image.bytes.count) / 1e6
            Swift.print("\(path): image \(image.id), \(rounded(size, 1)) MB, \(rounded(seconds, 2)) s")
        }
    }
}

/// Formats a number with this many decimals.
private func rounded(_ number: Double, _ decimals: Int) -> String {
    let scale = decimals == 1 ? 10.0 : 100.0
    return "\((number * scale).rounded() / scale)"
}

extension CoprocessRole: ExpressibleByArgument {}
