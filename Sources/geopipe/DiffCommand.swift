import Answering
import ArgumentParser
import Compiler
import Configuration
import Glibc
import Image
import Inspection
import Platform
import State

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what would change for clients between two configurations or images.",
        discussion: """
            OLD and NEW are configurations or images; without OLD it is the image in force, without NEW the configuration \
            of --config. --database is used for NEW, in place of its databases: `geopipe diff --database FILE` shows what \
            another database changes. All addresses are compared, while nothing is drained and all is up. \
            Exits 1 with --expect-no-change if anything changes.
            """)

    @Argument(help: ArgumentHelp("OLD and NEW, or NEW alone.", valueName: "file"))
    var files: [String] = []

    @Option(help: ArgumentHelp("A log of hits, to show what part of the traffic moves.", valueName: "file"))
    var hits: String?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @Flag(help: "Print Markdown, for a pull request.")
    var markdown = false

    @Flag(help: "Exit with 1 if anything changes.")
    var expectNoChange = false

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        guard files.count <= 2 else { throw ValidationError("name at most two files: OLD and NEW") }
        guard !(json && markdown) else { throw ValidationError("write one of --json and --markdown") }
    }

    func run() throws {
        let sides = try ComparedSides(files, options)
        let traffic = try hits.map { try Traffic(logFile: $0) }
        let difference = ImageDifference(from: sides.old, to: sides.new, traffic: traffic)
        if json {
            print(difference.json(sides).pretty)
        } else {
            for line in markdown ? difference.markdown(sides) : difference.table(sides) { print(line) }
        }
        if expectNoChange, !difference.isIdentical { throw ExitCode.wrong }
    }
}

extension Traffic {
    /// Reads a log of hits, or says why that cannot be done.
    init(logFile path: String) throws(ExitCode) {
        guard let file = fopen(path, "re") else {
            complain("cannot open \(visible(path)): \(String(cString: strerror(errno)))")
            throw .unusable
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        guard ferror(file) == 0 else {
            complain("cannot read \(visible(path)): \(String(cString: strerror(errno)))")
            throw .unusable
        }
        self.init(log: bytes)
        if count == 0 {
            complain("\(visible(path)) has no hits; it must be a log that geopipe has written (hits in the configuration)")
            throw .unusable
        }
        if ignoredLines > 0 { complain("\(visible(path)): \(ignoredLines) lines are no hits, and are left out") }
    }
}

/// Two images that are compared, and what they are called.
struct ComparedSides {
    let old: Snapshot
    let new: Snapshot
    let oldName: String
    let newName: String

    /// Finds or makes them. What is wrong goes to stderr.
    ///
    /// - Parameter files: OLD and NEW, or NEW alone, or none.
    init(_ files: [String], _ options: ConfigurationOptions) throws(ExitCode) {
        let file = files.last ?? options.file
        newName = file + (options.databases.isEmpty ? "" : " with \(options.databases.joined(separator: ", "))")
        if files.count == 2 {
            oldName = files[0]
            old = try Self.snapshot(files[0], [], nil, options)
        } else if let state = options.state(), let inForce = ImageStore.anyCurrent(of: options.file, in: state) {
            oldName = "what runs"
            old = inForce
        } else if files.isEmpty, !options.databases.isEmpty {
            oldName = options.file
            old = try Self.snapshot(options.file, [], nil, options)
        } else {
            complain("there is no image in force to compare with; name OLD as well: geopipe diff OLD \(visible(file))")
            throw .unusable
        }
        new = try Self.snapshot(file, options.databases, old, options)
    }

    /// - Parameter previous: what has not changed since is taken from there.
    private static func snapshot(
        _ file: String, _ databases: [String], _ previous: Snapshot?, _ options: ConfigurationOptions
    ) throws(ExitCode) -> Snapshot {
        do {
            if Image.isImage(file) {
                guard databases.isEmpty else {
                    complain("\(visible(file)) is an image, which has its places; --database needs a configuration")
                    throw ExitCode.unusable
                }
                return try Snapshot(path: file, owners: options.imageStore()?.owners)
            }
            let request = CompileRequest(configuration: file, databases: databases)
            let outcome = Compilation(request, previous: previous, previousReport: nil).run(keepsSerials: false)
            for diagnostic in outcome.diagnostics { complain(visible(diagnostic.description)) }
            guard let image = outcome.image else { throw ExitCode.unusable }
            return try Snapshot(image)
        } catch let code as ExitCode {
            throw code
        } catch {
            complain("\(error)")
            throw .unusable
        }
    }
}
