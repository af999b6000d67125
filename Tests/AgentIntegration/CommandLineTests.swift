import Support
import Testing

/// Arguments of geopipe-agent.
@Suite("The command line of the agent")
struct CommandLineTests {
    private func run(_ arguments: [String]) throws -> Program.Ending {
        try Program("geopipe-agent", in: [String(Agent.program.dropLast("/geopipe-agent".count))])
            .run(arguments, in: try Folder())
    }

    @Test(
        "help describes the agent and its replay",
        arguments: [
            (["--help"], "--metrics <address:port>"), (["help"], "--metrics <address:port>"),
            (["replay", "--help"], "--speed <number>"), (["help", "replay"], "--paused"),
        ])
    func help(arguments: [String], option: String) throws {
        let ending = try run(arguments)
        #expect(ending.status == 0 && ending.error == "")
        #expect(String(decoding: ending.output, as: UTF8.self).contains("  \(option)"))
    }

    @Test("--version prints the version alone", arguments: [["--version"], ["replay", "--version"]])
    func version(arguments: [String]) throws {
        let ending = try run(arguments)
        #expect(ending.status == 0 && ending.error == "")
        #expect(String(decoding: ending.output, as: UTF8.self).contains(/^[0-9]+\.[0-9]+\.[0-9]+\n$/))
    }

    @Test(
        "misspelt options and commands are answered with the nearest ones",
        arguments: [
            (["--metrcis", "none"], "Unknown option '--metrcis'. Did you mean '--metrics'?"),
            (["replay", "--spede", "2", "x"], "Unknown option '--spede'. Did you mean '--speed'?"),
            (["replya", "x"], "unknown command 'replya'; did you mean 'replay'?"),
            (["help", "replya"], "unknown command 'replya'; did you mean 'replay'?"),
        ])
    func misspelt(arguments: [String], says: String) throws {
        let ending = try run(arguments)
        #expect(ending.status == 2 && ending.output.isEmpty)
        #expect(ending.error.contains(says), "\(ending.error)")
    }
}
