import Foundation
import Support
import Testing

/// Standard streams that are closed, or that take nothing.
@Suite("Standard streams")
struct StandardStreamTests {
    private static let question = "HELO\t1\nQ\tmy.geo.example.com\tIN\tA\t-1\t192.0.2.1\n"

    /// Runs geopipe in a shell with these redirections, with its standard error in a file unless that is closed.
    private func run(
        _ arguments: String, _ redirections: String, in folder: Folder
    ) throws -> (output: String, error: String, status: Int32) {
        try folder.write(Self.question.utf8, to: "question")
        let command =
            "cd '\(Transcript.folder.path)' && '\(Coprocess.binary)' \(arguments) 2>'\(folder.path)/error' \(redirections)"
        let ending = try Program("sh").run(["-c", command], in: folder, seconds: 60)
        return (String(decoding: ending.output, as: UTF8.self), folder.text(of: "error"), ending.status)
    }

    @Test(
        "answers that cannot be written end geopipe with an error",
        arguments: [">/dev/full", ">&-"],
        ["--config opera.yaml --state", "query my.geo.example.com A 192.0.2.1 --config opera.yaml --state"])
    func lostAnswers(redirection: String, command: String) throws {
        let folder = try Folder()
        let ending = try run(
            "\(command) '\(folder.path)/state' <'\(folder.path)/question'", redirection, in: folder)
        #expect(ending.status != 0)
        #expect(
            ending.error.contains("cannot write") && ending.error.contains("to stdout"),
            "\(redirection): \(ending.error)")
    }

    @Test("a closed standard error gets no other file, into which log lines would be written")
    func closedError() throws {
        let folder = try Folder()
        let geopipe = try Coprocess(
            [
                "-c", "exec \"$0\" \"$@\" 2>&-", Coprocess.binary, "--config", "opera.yaml", "--state",
                "\(folder.path)/state",
            ], in: Transcript.folder, program: "/bin/sh")
        try geopipe.send("HELO\t3\n")
        _ = try geopipe.answer()
        let file = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(geopipe.identifier)/fd/2")
        #expect(file == "/dev/null")
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
    }
}
