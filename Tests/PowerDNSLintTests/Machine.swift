import Configuration
import Foundation

@testable import PowerDNSLint

/// A folder with all files that a pdns.conf may name; tests write its path as `~`.
final class Machine {
    let folder: URL
    /// The CPU time from the start of a coprocess to its first answer.
    var startTime: Duration = .milliseconds(300)
    var cores = 2
    /// The pdns that the settings are checked for.
    var server = KnownServer(version: ServerVersion("4.7")!)

    /// Correct settings, one in each line.
    static let good = """
        launch=pipe
        pipe-command=~/geopipe --config ~/geopipe.yaml
        pipe-abi-version=5
        pipe-timeout=5000
        edns-subnet-processing=yes
        zone-cache-refresh-interval=0
        consistent-backends=no
        cache-ttl=0
        negquery-cache-ttl=1
        receiver-threads=2
        distributor-threads=1

        """

    /// Returns the correct settings with each of `lines` in place of the one for the same setting, or else at the end.
    /// A line `-name` removes a setting.
    static func good(with lines: [String]) -> String {
        var settings = good.split(separator: "\n").map(String.init)
        for line in lines {
            let name = line.prefix { $0 != "=" && $0 != "+" }.drop { $0 == "-" }
            let new = line.hasPrefix("-") ? [] : [line]
            if !line.contains("+="), let place = settings.firstIndex(where: { $0.hasPrefix("\(name)=") }) {
                settings.replaceSubrange(place...place, with: new)
            } else {
                settings += new
            }
        }
        return settings.joined(separator: "\n") + "\n"
    }

    /// A configuration in which all datacenters of service `my` have the same record types.
    static let uniform = configuration("192.0.2.10", "198.51.100.10")

    /// Returns a configuration with one service.
    static func configuration(_ oslo: String, _ ashburn: String, rule: String = "oslo", fallback: String = "ashburn")
        -> String
    {
        """
        datacenters: { oslo: {}, ashburn: {} }
        maps:
          browser: { networks: { 192.0.2.0/24: \(rule) }, default: \(fallback) }
        services:
          my: { map: browser, answers: { oslo: \(oslo), ashburn: \(ashburn) } }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com. }
            ns: [ns1.geo.example.com.]
            records: { my: { service: my } }
        """
    }

    /// A configuration in which no answer depends on the client.
    static let motionless = """
        zones:
          static.example.org:
            soa: { primary: ns1.example.org., contact: hostmaster.example.org. }
            ns: [ns1.example.org.]
        """

    /// Returns a configuration with this record.
    static func record(_ record: String) -> String {
        motionless + "\n    records: { old: { \(record) } }"
    }

    init() throws {
        let temporary = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
        folder = temporary.appending(path: "settings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write(Self.uniform, to: "geopipe.yaml")
        try write("#!/bin/sh\n", to: "geopipe")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path("geopipe"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    /// Writes a file, and creates its folders.
    func write(_ text: String, to name: String) throws {
        let file = folder.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.replacing("~", with: folder.path).write(to: file, atomically: true, encoding: .utf8)
    }

    /// Returns the findings about a pdns.conf without the notes, or the error of reading it.
    func findings(_ settings: String) throws -> [String] {
        try write(settings, to: "pdns.conf")
        return try findings(in: "pdns.conf")
    }

    /// - Parameter hasNotes: whether the result includes notes.
    func findings(in file: String, hasNotes: Bool = false) throws -> [String] {
        let deployment = Deployment(
            configuration: try Configuration.load(path("geopipe.yaml")), startTime: startTime, cores: cores
        ) { arguments throws(Deployment.CommandError) in
            guard arguments.first == "--config", arguments.count == 2 else {
                throw Deployment.CommandError(message: "Unexpected argument")
            }
            return arguments[1]
        }
        var diagnostics: [Diagnostic]
        do throws(ConfigurationError) {
            diagnostics = SettingsLint.diagnostics(
                about: try PowerDNSConfiguration(contentsOf: path(file), for: server), serving: deployment)
        } catch {
            diagnostics = error.diagnostics
        }
        if !hasNotes { diagnostics.removeAll { $0.severity == .note } }
        return diagnostics.map { $0.description.replacing(folder.path, with: "~") }
    }
}
