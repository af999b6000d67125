import Answering
import ArgumentParser
import Glibc
import Inspection
import Platform

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
        guard let new = sides.new.snapshot else { throw ExitCode.unusable }
        let traffic = try hits.map { try Traffic(logFile: $0) }
        let difference = ImageDifference(from: sides.old.snapshot!, to: new, traffic: traffic)
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
            complain(
                "\(visible(path)) has no hits; it must be a log that geopipe has written (hits in the configuration)")
            throw .unusable
        }
        if ignoredLines > 0 { complain("\(visible(path)): \(ignoredLines) lines are no hits, and are left out") }
    }
}
