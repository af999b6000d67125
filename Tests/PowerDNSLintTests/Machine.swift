import Configuration
import Foundation

@testable import PowerDNSLint

/// A folder with all that a pdns.conf may speak of; it stands as `~` in what tests say and expect.
final class Machine {
    let folder: URL
    /// The CPU time that a start takes.
    var startTime: Duration = .milliseconds(300)
    var cores = 2
    /// The pdns that reads the settings.
    var server = KnownServer(version: ServerVersion("4.7")!)

    /// Settings without fault, one a line.
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

    /// The settings without fault, with each of `lines` in the place of the one for the same setting, or behind all. A
    /// line `-name` takes a setting out.
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

    /// All datacenters of service `my` have the same types.
    static let uniform = configuration("192.0.2.10", "198.51.100.10")

    /// A configuration of one service.
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

    /// A configuration of which no answer depends on the client.
    static let motionless = """
        zones:
          static.example.org:
            soa: { primary: ns1.example.org., contact: hostmaster.example.org. }
            ns: [ns1.example.org.]
        """

    /// One with a record of these.
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

    /// Writes a file, and the folders that it is in.
    func write(_ text: String, to name: String) throws {
        let file = folder.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.replacing("~", with: folder.path).write(to: file, atomically: true, encoding: .utf8)
    }

    /// What is said of a pdns.conf but for notes, or why it cannot be read.
    func findings(_ settings: String) throws -> [String] {
        try write(settings, to: "pdns.conf")
        return try findings(in: "pdns.conf")
    }

    /// - Parameter hasNotes: whether notes are among what is said.
    func findings(in file: String, hasNotes: Bool = false) throws -> [String] {
        let deployment = Deployment(
            configuration: try Configuration.load(path("geopipe.yaml")), startTime: startTime, cores: cores
        ) { arguments throws(Deployment.CommandError) in
            guard arguments.first == "--config", arguments.count == 2 else {
                throw Deployment.CommandError(message: "Unexpected argument")
            }
            return arguments[1]
        }
        var complaints: [Complaint]
        do throws(ConfigurationError) {
            complaints = Inspection.complaints(
                about: try PowerDNSConfiguration(contentsOf: path(file), for: server), serving: deployment)
        } catch {
            complaints = error.complaints
        }
        if !hasNotes { complaints.removeAll { $0.severity == .note } }
        return complaints.map { $0.description.replacing(folder.path, with: "~") }
    }
}
