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
            OLD and NEW are configurations or images. OLD defaults to the image in force, NEW to the file of --config. \
            --database replaces the databases of NEW: `geopipe diff --database FILE` shows what another database changes. \
            Compares all addresses, as if no datacenter were drained or down. \
            Exits 1 if NEW has a zone with errors, and with --expect-no-change if anything changes.
            """)

    @Argument(help: ArgumentHelp("OLD and NEW, or NEW alone.", valueName: "file"))
    var files: [String] = []

    @OptionGroup var trafficOptions: TrafficOptions

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @Flag(help: "Print Markdown, for a pull request.")
    var markdown = false

    @Flag(help: "Print one page of HTML, with the world before and after.")
    var html = false

    @Flag(help: "Exit with 1 if anything changes.")
    var expectNoChange = false

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        guard files.count <= 2 else { throw ValidationError("name at most two files: OLD and NEW") }
        guard [json, markdown, html].count(where: \.self) <= 1 else {
            throw ValidationError("write one of --json, --markdown and --html")
        }
    }

    func run() throws {
        let sides = try ComparedSides(files, options)
        guard let new = sides.new.snapshot else { throw ExitCode.unusable }
        let traffic = try trafficOptions.traffic()
        let difference = ImageDifference(from: sides.old.snapshot!, to: new, traffic: traffic)
        if json {
            print(difference.json(sides).pretty)
        } else if html {
            print(difference.html(sides), terminator: "")
        } else {
            for line in markdown ? difference.markdown(sides) : difference.table(sides) { print(line) }
        }
        if !sides.new.errors.isEmpty || expectNoChange && !difference.isIdentical { throw ExitCode.wrong }
    }
}
