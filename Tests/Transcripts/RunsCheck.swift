import Foundation
import Support
import Testing

/// A suite that runs `geopipe check` on a valid configuration with one change.
protocol RunsCheck {}

extension RunsCheck {
    /// A configuration without diagnostics; each test changes one thing.
    static var valid: String {
        """
        databases: [\(Project.demonstration)]
        datacenters: { oslo: {}, ashburn: {}, singapore: {} }
        regions: { nordics: [SE, FI] }
        maps:
          m:
            countries: { NO: [oslo, ashburn] }
            regions: { nordics: [oslo, ashburn] }
            default: [singapore, oslo, ashburn]
        services:
          w:
            map: m
            ttl: 60
            answers: { oslo: 192.0.2.10, ashburn: 198.51.100.10, singapore: 203.0.113.10 }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com. }
            ns: [ns1.geo.example.com.]
            records:
              ns1: { A: 192.0.2.53 }
              www: { service: w }
        """
    }

    /// Returns the exit status and the output of `geopipe check` on a configuration.
    ///
    /// - Parameter files: more files in its folder.
    func check(
        _ text: String, files: [String: [UInt8]] = [:], _ arguments: String...
    ) throws -> (status: Int32, lines: [String]) {
        let folder = try Folder()
        try folder.write(text.utf8, to: "c.yaml")
        for (name, bytes) in files { try folder.write(bytes, to: name) }
        let ending = try Program.geopipe.run(["check", "c.yaml"] + arguments, in: folder)
        #expect(ending.error == "")
        let output = String(decoding: ending.output, as: UTF8.self).replacing(folder.path + "/", with: "")
        return (ending.status, output.split(separator: "\n").map(String.init))
    }

    /// Returns the diagnostics of the valid configuration with one change, without the last line.
    func findings(_ change: String, _ into: String, at place: SourceLocation = #_sourceLocation) throws
        -> [String]
    {
        let text = Self.valid.replacing(change, with: into, maxReplacements: 1)
        try #require(text != Self.valid, sourceLocation: place)
        let (status, lines) = try check(text)
        let hasErrors = lines.contains { $0.contains(/^c.yaml:[0-9:]* (?!warning|note)/) }
        #expect(status == (hasErrors ? 1 : 0), "\(lines)", sourceLocation: place)
        #expect(lines.last?.hasPrefix("ok: ") == !hasErrors, "\(lines)", sourceLocation: place)
        return lines.dropLast()
    }
}
