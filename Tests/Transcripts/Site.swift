import Foundation
import Support
import Testing

/// A folder with a configuration and its files, and a coprocess that serves it.
///
/// All files are in a folder `release`, which is reached through a link `current`.
final class Site {
    /// A file that answers depend on. Each version has a number, which answers reveal.
    enum Part: String, CaseIterable {
        case configuration = "geopipe.yaml"
        case zone = "example.com.zone"
        case included = "more.inc"
        case networks = "office.nets"
        case database = "places.mmdb"

        /// - Parameter version: from 1 to 250.
        func content(_ version: Int) -> [UInt8] {
            switch self {
            case .configuration: Array(Site.configuration(version).utf8)
            case .zone:
                Array(
                    "$TTL 60\n@ SOA ns h \(version) 2 3 4 5\n@ NS ns\nns A 192.0.2.254\n$INCLUDE more.inc\nwww MX \(version) ns\n"
                        .utf8)
            case .included: Array("more A 203.0.113.\(version)\n".utf8)
            case .networks: Array("10.0.0.0/8 \(version % 2 == 1 ? "oslo" : "ashburn")\n".utf8)
            case .database: version % 2 == 1 ? Site.database : Site.databaseWithoutNorway
            }
        }

        /// Invalid content in its place.
        var badContent: [UInt8] {
            switch self {
            case .configuration:
                Array("zones:\n  example.com: { fiel: example.com.zone }\nstate_directory: ../state\n".utf8)
            case .zone: Array("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.256\n".utf8)
            case .included: Array("more A 192.0.2\n".utf8)
            case .networks: Array("10.0.0.0/8 nowhere\n".utf8)
            case .database: Array(Site.database.prefix(Site.database.count / 2))
            }
        }

        /// The position in the diagnostic about it.
        var badPlace: String {
            switch self {
            case .configuration: "geopipe.yaml:2:18: "
            case .zone: "example.com.zone:4:6: "
            case .included: "more.inc:1:8: "
            case .networks: "office.nets:1:12: "
            // A database has no lines, so the position is that of its name in the configuration.
            case .database: "geopipe.yaml:1:13: "
            }
        }
    }

    private static func configuration(_ version: Int) -> String {
        """
        databases: [places.mmdb]
        state_directory: ../state
        datacenters: { oslo: {}, ashburn: {} }
        maps:
          places: { networks_file: office.nets, countries: { NO: oslo }, default: ashburn }
          all: { default: [oslo, ashburn] }
        services:
          web: { map: places, answers: { oslo: 192.0.2.\(version), ashburn: 198.51.100.\(version) } }
          api: { map: all, answers: { oslo: 192.0.2.251, ashburn: 198.51.100.251 } }
          six: { map: all, answers: { oslo: "2001:db8::1", ashburn: "2001:db8::2" } }
        zones:
          example.com:
            file: example.com.zone
            records: { www: { service: web, TXT: '"\(version)"' }, api: { service: api }, six: { service: six } }

        """
    }

    private static let database = Array((try? Data(contentsOf: URL(filePath: Project.demonstration))) ?? Data())
    /// Replaces Norway with a country without a rule. A text of two bytes begins with 0x42.
    private static let databaseWithoutNorway = database.replacing([0x42] + "NO".utf8, with: [0x42] + "NZ".utf8)

    /// Returns a database with a build time, in seconds since 1970.
    static func database(builtAt time: Int) throws -> [UInt8] {
        let key = Array("build_epoch".utf8)
        let start = try #require(database.firstRange(of: key)).upperBound
        // The control bytes of an unsigned 64-bit number with this many bytes.
        let count = Int(database[start] & 0x1f)
        let bytes = (0..<count).reversed().map { UInt8(truncatingIfNeeded: time >> (8 * $0)) }
        return database[..<(start + 2)] + bytes + database[(start + 2 + count)...]
    }

    let folder: Folder
    private(set) var coprocess: Coprocess!

    /// Writes version 1 of all files, and starts a coprocess that serves them.
    ///
    /// - Parameter isStarted: whether it is also started.
    init(isStarted: Bool = true) throws {
        folder = try Folder()
        try FileManager.default.createDirectory(atPath: path("release"), withIntermediateDirectories: true)
        try link("current", to: "release")
        for part in Part.allCases { try write(part, 1) }
        if isStarted { try start() }
    }

    func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    // MARK: Files

    /// Writes a version of a part in place.
    func write(_ part: Part, _ version: Int, in release: String = "release") throws {
        try folder.write(part.content(version), to: "\(release)/\(part.rawValue)")
    }

    /// Replaces a file atomically.
    func replace(_ name: String, with content: [UInt8]) throws {
        try folder.write(content, to: "\(name).new")
        try #require(rename(path("\(name).new"), path(name)) == 0)
    }

    /// Changes a link atomically.
    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path("\(name).new"), withDestinationPath: target)
        try #require(rename(path("\(name).new"), path(name)) == 0)
    }

    /// Makes a copy of the release, to which `current` does not lead yet.
    func copyRelease(to name: String) throws {
        try FileManager.default.copyItem(atPath: path("release"), toPath: path(name))
    }

    // MARK: The coprocess

    /// Replaces the coprocess with a new one.
    ///
    /// - Parameter core: the only one that it may run on; `nil` for all.
    func start(on core: Int? = nil) throws {
        try launch(on: core)
        try greet()
        // It greets before it loads.
        _ = try records("www")
    }

    /// Starts a coprocess without a greeting.
    @discardableResult
    func launch(on core: Int? = nil, _ arguments: String...) throws -> Coprocess {
        let pinned = core.map { ["taskset", "--cpu-list", "\($0)", Coprocess.binary] } ?? [Coprocess.binary]
        coprocess = try Coprocess(
            pinned.dropFirst() + ["--config", "current/geopipe.yaml"] + arguments, in: URL(filePath: folder.path),
            program: pinned[0])
        return coprocess
    }

    func greet() throws {
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
    }

    /// A record of an answer.
    struct Record {
        var type: String
        var scope: Int
        var content: String
    }

    /// Returns the records at a name of example.com, or `nil` for FAIL.
    func records(_ name: String, from client: String = "203.0.113.0/24") throws -> [Record]? {
        try coprocess.send("Q\t\(name).example.com\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t\(client)\n")
        let answer = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
        guard answer.last == "END" else { return nil }
        return answer.filter { $0.hasPrefix("DATA") }.map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Record(type: fields[5], scope: Int(fields[1]) ?? -1, content: fields[8...].joined(separator: " "))
        }
    }

    /// Returns the contents of the records of a type.
    func contents(_ name: String, _ type: String = "A", from client: String = "203.0.113.0/24") throws -> [String] {
        try (records(name, from: client) ?? []).filter { $0.type == type }.map(\.content)
    }

    /// Returns the version of a part that answers reveal; for the last two parts only whether it is odd.
    func version(of part: Part) throws -> Int? {
        switch part {
        case .configuration: return try contents("www", "TXT").first.flatMap { Int($0.trimming("\"")) }
        case .zone: return try contents("www", "MX").first?.split(separator: " ").first.flatMap { Int($0) }
        case .included: return try contents("more").first?.split(separator: ".").last.flatMap { Int($0) }
        case .networks, .database:
            let address = try contents("www", from: part == .networks ? "10.1.2.0/24" : "129.240.1.0/24").first
            return address.map { $0.hasPrefix("192.0.2.") ? 1 : 0 }
        }
    }

    /// Returns the value of `version(of:)` for a version.
    func told(_ version: Int, of part: Part) -> Int {
        part == .networks || part == .database ? version % 2 : version
    }

    /// Waits until answers come from a version of a part.
    func expect(_ part: Part, _ version: Int, _ comment: Comment? = nil, at place: SourceLocation = #_sourceLocation)
        throws
    {
        var last: Int?
        let isThere = try eventually(within: Coprocess.timeout) {
            last = try self.version(of: part)
            return last == told(version, of: part)
        }
        try #require(
            isThere, "\(part) \(version), not \(String(describing: last)); \(comment?.rawValue ?? "")\n\(error)",
            sourceLocation: place)
    }

    /// The standard error so far.
    var error: String { String(decoding: coprocess.standardError, as: UTF8.self) }

    /// Waits until standard error contains a text.
    func expectError(_ words: String, at place: SourceLocation = #_sourceLocation) throws {
        let isThere = try eventually(within: Coprocess.timeout) {
            try coprocess.wait(.milliseconds(10))
            return error.contains(words)
        }
        try #require(isThere, "no '\(words)' in: \(error)", sourceLocation: place)
    }

    // MARK: Commands

    /// The number of answered questions in the coprocess's status.
    func questions() throws -> Int? {
        let output = try run("status", "--json").output
        let status = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
        let coprocesses = status?["coprocesses"] as? [[String: Any]]
        return coprocesses?.first { $0["pid"] as? Int == Int(coprocess.identifier) }?["questions"] as? Int
    }

    /// Runs `geopipe check` on the configuration.
    func check() throws -> String {
        let ending = try Program.geopipe.run(["check", "current/geopipe.yaml"], in: folder)
        return String(decoding: ending.output, as: UTF8.self)
    }

    /// Runs a geopipe command on the configuration.
    @discardableResult
    func run(_ arguments: String...) throws -> (status: Int32, output: String, error: String) {
        let ending = try Program.geopipe.run(arguments + ["--config", "current/geopipe.yaml"], in: folder)
        return (ending.status, String(decoding: ending.output, as: UTF8.self), ending.error)
    }
}

extension String {
    fileprivate func trimming(_ characters: String) -> String {
        trimmingCharacters(in: CharacterSet(charactersIn: characters))
    }
}
