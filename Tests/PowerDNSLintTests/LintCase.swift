import Testing

/// Lines that replace, or are added to, those of `Machine.good`, and the expected findings.
struct LintCase: CustomTestStringConvertible, Sendable {
    var lines: [String]
    var findings: [String]
    var configuration = Machine.uniform

    init(_ lines: String..., configuration: String = Machine.uniform, says findings: String...) {
        self.lines = lines
        self.findings = findings.map { "~/pdns.conf\($0)" }
        self.configuration = configuration
    }

    var testDescription: String { lines.joined(separator: "; ") }

    /// Expects the findings on this machine.
    func check(_ machine: Machine) throws {
        try machine.write(configuration, to: "geopipe.yaml")
        #expect(try machine.findings(Machine.good(with: lines)) == findings)
    }
}
