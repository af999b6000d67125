import Foundation
import Support
import Testing

/// The number of diagnostics that it prints, JSON, and the output on a terminal.
@Suite("The output of geopipe check")
struct CheckOutputTests: RunsCheck {
    @Test("prints the first hundred diagnostics of a file, and the number of the others")
    func limit() throws {
        let nets = (0..<300_000).map { "10.\($0 >> 16 & 255).\($0 >> 8 & 255).\($0 & 255)/32 olso\n" }.joined()
        let text = Self.valid.replacing("countries:", with: "networks_file: n.nets\n    countries:")
        let (status, lines) = try check(text, files: ["n.nets": Array(nets.utf8.prefix(200_000))])
        let count = nets.utf8.prefix(200_000).count { $0 == 0x0a } + 1
        #expect(status == 1 && lines.count == 102, "\(lines.count)")
        #expect(lines[100].contains(/^n.nets: \.\.\. and [0-9,]+ more errors$/), "\(lines[100])")
        #expect(lines[101] == "\(count) errors")
    }

    @Test("prints the same as a coprocess, which logs the first hundred of a file once")
    func coprocess() throws {
        let folder = try Folder()
        let zone =
            "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
            + (0..<3000).map { "h\($0) MX 1 m\($0)\n" }.joined()
        try folder.write(zone.utf8, to: "z.zone")
        try folder.write("state_directory: none\nzones: { example.org: { file: z.zone } }".utf8, to: "c.yaml")
        let coprocess = try Program.geopipe.run(["--config", "c.yaml"], input: Array("HELO\t1\n".utf8), in: folder)
        let lines = coprocess.error.split(separator: "\n")
        #expect(lines.count == 101 && lines.last == "z.zone: warning: ... and 2,900 more warnings", "\(lines)")
    }

    @Test("prints only JSON with --json")
    func json() throws {
        struct Report: Decodable {
            struct Diagnostic: Decodable {
                var file: String
                var line: Int?
                var column: Int?
                var severity: String
                var message: String
                var hint: String?
            }
            var errors: Int
            var warnings: Int
            var diagnostics: [Diagnostic]
        }
        func report(_ text: String) throws -> (status: Int32, report: Report) {
            let folder = try Folder()
            try folder.write(text.utf8, to: "c.yaml")
            let ending = try Program.geopipe.run(["check", "c.yaml", "--json"], in: folder)
            #expect(ending.error == "")
            return (ending.status, try JSONDecoder().decode(Report.self, from: Data(ending.output)))
        }
        let good = try report(Self.valid)
        #expect(good.status == 0 && good.report.errors == 0 && good.report.diagnostics.isEmpty)
        let bad = try report(
            Self.valid.replacing("NO: [oslo", with: "NO: [olso").replacing("ttl: 60", with: "when_all_down: nothing"))
        #expect(bad.status == 1 && bad.report.errors == 1 && bad.report.warnings == 1)
        let first = try #require(bad.report.diagnostics.first)
        #expect(first.file == "c.yaml" && first.line == 6 && first.column == 23 && first.severity == "error")
        #expect(first.message == "unknown datacenter 'olso'" && first.hint == "did you mean 'oslo'?")
        #expect(bad.report.diagnostics.last?.severity == "warning")
        let missing = try report("")
        #expect(missing.report.diagnostics.first?.line == nil)
    }

    /// Returns the output on a terminal of 60 columns.
    private func shown(_ text: String, environment: [String] = []) throws -> String {
        let folder = try Folder()
        try folder.write(text.utf8, to: "c.yaml")
        let command =
            "stty cols 60; exec env \(environment.joined(separator: " ")) '\(Program.geopipe.path)' check c.yaml"
        let ending = try Program("script").run(["-qec", command, "/dev/null"], in: folder)
        #expect(ending.status == 1)
        return String(decoding: ending.output, as: UTF8.self).replacing("\r\n", with: "\n")
    }

    @Test(
        "shows the line with a caret below the position",
        arguments: [
            ("zones: { a: b }", "     1 | zones: { a: b }", 12),
            ("zones: { \"\u{65e5}\u{672c}\": b }", "     1 | zones: { \"\u{65e5}\u{672c}\": b }", 9),
            ("zones:\n  {\ta: b }", "     2 |   {     a: b }", 11),
            ("zones: { \"a\u{301}\u{1b}b\": b }", "not YAML", nil),
            (
                "zones: { \"a.\": { records: { a: { TXT: \(String(repeating: "x", count: 90)) } }, soa: b } }",
                "     1 | \u{2026}xxxx", nil
            ),
        ])
    func caret(text: String, line: String, column: Int?) throws {
        let output = try shown(text, environment: ["NO_COLOR=1"])
        #expect(!output.contains("\u{1b}"), "\(output)")
        let lines = output.split(separator: "\n").map(String.init)
        guard let column else {
            #expect(lines.contains { $0.contains(line) }, "\(output)")
            #expect(lines.filter { $0.contains(" | ") }.allSatisfy { $0.count <= 60 }, "\(output)")
            return
        }
        let index = try #require(lines.firstIndex(of: line), "\(output)")
        #expect(lines[index + 1] == "       | " + String(repeating: " ", count: column) + "^", "\(output)")
        #expect(lines.last?.contains(/^[0-9]+ errors?$/) == true)
    }

    @Test("is coloured on a terminal, unless NO_COLOR is set, and never in a pipe")
    func colour() throws {
        let text = "zones: { a: b }"
        #expect(try shown(text, environment: ["-u", "NO_COLOR", "TERM=xterm"]).contains("\u{1b}[1;31merror:"))
        #expect(try !shown(text, environment: ["NO_COLOR=1"]).contains("\u{1b}"))
        #expect(try !check(text).lines.contains { $0.contains("\u{1b}") || $0.contains(" | ") })
    }
}
