import Foundation
import Support
import Testing

/// Commands in the documentation. An HTML comment before a block, which no page shows, marks it to be run: `<!-- run
/// -->`, or `<!-- run: COMMANDS -->` with commands to run first, or `<!-- run beside a coprocess -->`, while a
/// coprocess serves. The blocks of a page run one after another, in a folder that has
///
/// - `examples`, the project's, with a state directory of its own,
/// - `.build/release/geopipe` and `.build/release/geopipe-agent`,
/// - `etc/geopipe/geopipe.yaml`, the example, which replaces `/etc/geopipe/geopipe.yaml`, and
/// - `new.yaml`, the same with a small change.
///
/// Lines of a block that begin with `$` are commands, and the others are their expected output.
@Suite("Commands in the documentation")
struct CommandTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        let manager = FileManager.default
        for path in ["bin", ".build/release", "etc/geopipe", "var/log/geopipe", "run/geopipe"] {
            try manager.createDirectory(atPath: "\(folder.path)/\(path)", withIntermediateDirectories: true)
        }
        try manager.copyItem(atPath: "\(Project.root)/examples", toPath: "\(folder.path)/examples")
        try manager.createSymbolicLink(
            atPath: "\(folder.path)/etc/geopipe/demo", withDestinationPath: "\(folder.path)/examples/demo")
        let agent = URL(filePath: Program.geopipe.path).deletingLastPathComponent().appending(path: "geopipe-agent")
            .path
        for (name, path) in [("geopipe", Program.geopipe.path), ("geopipe-agent", agent)] {
            try manager.createSymbolicLink(
                atPath: "\(folder.path)/.build/release/\(name)", withDestinationPath: path)
        }
        let example = folder.text(of: "examples/geopipe.yaml")
        try #require(example.contains("state_directory: /run/geopipe ") && example.contains("NO: [oslo, ashburn]"))
        let own = example.replacing(
            "state_directory: /run/geopipe ", with: "state_directory: \(folder.path)/run/geopipe ")
        // The same paths in the folder itself, where the new one is.
        let new = own.replacing("NO: [oslo, ashburn]", with: "NO: [singapore, oslo]")
        try manager.createSymbolicLink(
            atPath: "\(folder.path)/demo", withDestinationPath: "\(folder.path)/examples/demo")
        for path in ["examples/geopipe.yaml", "etc/geopipe/geopipe.yaml"] { try folder.write(own.utf8, to: path) }
        try folder.write(new.utf8, to: "new.yaml")
        // The default configuration without --config is the folder's own.
        let configuration = "\(folder.path)/etc/geopipe/geopipe.yaml"
        let program = """
            #!/bin/sh
            case " $* " in *" --config "* | *" schema "* | *" --version "*) exec \(Program.geopipe.path) "$@" ;; esac
            case $1,${2-} in
            check, | check,-*) shift; exec \(Program.geopipe.path) check \(configuration) "$@" ;;
            check,*) exec \(Program.geopipe.path) "$@" ;;
            rollout,*) command=$1 action=$2; shift 2; exec \(Program.geopipe.path) "$command" "$action" --config \(configuration) "$@" ;;
            *) command=$1; shift; exec \(Program.geopipe.path) "$command" --config \(configuration) "$@" ;;
            esac
            """
        for (name, text) in [("geopipe", program), ("sudo", "#!/bin/sh\nexec \"$@\"\n")] {
            let path = try folder.write(text.utf8, to: "bin/\(name)")
            try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
    }

    private static func preparation(_ block: Page.Block) -> String? {
        switch block.mark {
        case "run"?: ""
        case "run beside a coprocess"?: Self.serving
        case let mark? where mark.hasPrefix("run: "): String(mark.dropFirst(5))
        default: nil
        }
    }

    /// Starts a coprocess that serves until the script ends, and waits until it has greeted and written its status.
    private static let serving = """
        rm -f questions answers run/geopipe/coprocesses/*
        mkfifo questions
        geopipe backend <questions >answers &
        exec 3>questions
        printf 'HELO\\t3\\n' >&3
        tries=0
        until grep -q ^OK answers && ! geopipe status | grep -q 'no coprocess'; do
            tries=$((tries + 1))
            test $tries -lt 300
            sleep 0.1
        done
        """

    static let pages = Page.all.filter { $0.blocks.contains { preparation($0) != nil } }

    @Test("run and succeed if they are marked", arguments: pages)
    func run(page: Page) throws {
        for block in page.blocks {
            guard let preparation = Self.preparation(block) else { continue }
            var lines = block.text.split(separator: "\n").map(String.init)
            if lines.contains(where: { $0.hasPrefix("$ ") }) {
                lines = lines.filter { $0.hasPrefix("$ ") }.map { String($0.dropFirst(2)) }
            }
            let script = ([preparation] + lines).joined(separator: "\n")
                .replacing("/usr/share/doc/geopipe", with: Project.root)
                .replacing("/etc/geopipe", with: "\(folder.path)/etc/geopipe")
                .replacing("/var/log/geopipe", with: "\(folder.path)/var/log/geopipe")
                .replacing("/run/geopipe", with: "\(folder.path)/run/geopipe")
            let ending = try Program("sh").run(["-ec", "PATH=$PWD/bin:$PATH\n\(script)"], in: folder)
            let output = String(decoding: ending.output.suffix(2_000), as: UTF8.self)
            #expect(ending.status == 0, "\(block.place): \(ending.error)\n\(output)")
        }
    }

    @Test("are marked in a known way")
    func marks() {
        for block in Page.all.flatMap(\.blocks) {
            #expect(block.isClosed, "\(block.place) has no end")
            #expect(block.language.map { ["yml", "YAML", "shell", "bash"].contains($0) } != true, "\(block.place)")
            guard let mark = block.mark else { continue }
            #expect(mark == "not geopipe's" || Self.preparation(block) != nil, "\(block.place): <!-- \(mark) -->")
        }
        #expect(Self.pages.count > 2)
    }

    /// Returns the commands of geopipe in a page: the words of each line that begins with its name.
    private static func calls(of page: Page) -> [(place: String, words: [String])] {
        let blocks = page.blocks.filter { $0.language == nil || $0.language == "sh" }
        let lines = blocks.flatMap { block in block.text.split(separator: "\n").map { (block.place, String($0)) } }
        // Blocks in items of lists are among the prose.
        let indented = page.prose.filter { $0.text.hasPrefix("     ") }.map { ("\(page.path):\($0.number)", $0.text) }
        return (lines + indented).compactMap { place, line in
            let words = line.split(separator: " ").map(String.init)
                .drop { ["$", "sudo", "runuser", "-u", "pdns", "--"].contains($0) }
            guard let program = words.first, ["geopipe", ".build/release/geopipe"].contains(program) else { return nil }
            let ends = ["#", "|", "&&", ">", "||"]
            return (place, Array(words.dropFirst().prefix { !ends.contains($0) }))
        }
    }

    @Test("of geopipe have existing commands and options")
    func options() throws {
        var helps: [[String]: String] = [:]
        for (place, words) in Page.all.flatMap(Self.calls) {
            // Not the output of geopipe, such as its version.
            guard let command = words.first, command.first?.isLetter == true else { continue }
            let commands = command == "rollout" ? Array(words.prefix(2)) : [command]
            if helps[commands] == nil {
                let ending = try Program.geopipe.run(["help"] + commands, in: folder)
                #expect(ending.status == 0, "\(place): geopipe \(commands.joined(separator: " "))")
                helps[commands] = String(decoding: ending.output, as: UTF8.self)
            }
            for word in words where word.hasPrefix("--") && word.count > 2 {
                let option = word.prefix { $0 != "=" }
                let help = helps[commands] ?? ""
                #expect(
                    help.matches(of: #/--[a-z-]+/#).contains { $0.output == option },
                    "\(place): geopipe \(commands.joined(separator: " ")) has no \(option)")
            }
        }
        #expect(helps.count > 10)
    }

    @Test("of make have existing targets")
    func targets() throws {
        let makefile = try String(contentsOfFile: "\(Project.root)/Makefile", encoding: .utf8)
        let targets = Set(makefile.matches(of: #/(?m)^([a-z0-9-]+):/#).map { String($0.output.1) })
        var count = 0
        for page in Page.all {
            for (number, line) in page.lines.enumerated() {
                for match in line.matches(of: #/(?:^ +|`|sudo |&& )make ([a-z][a-z0-9-]*)/#) {
                    count += 1
                    let target = String(match.output.1)
                    #expect(targets.contains(target), "\(page.path):\(number + 1): make has no \(target)")
                }
            }
        }
        #expect(count > 20)
    }
}
