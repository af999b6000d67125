import Foundation
import State
import Support
import Testing

/// A folder with the configuration in use, `geopipe.yaml`, and the next one, `next.yaml`.
final class RolloutSite {
    let folder: Folder
    let file: String

    init() throws {
        folder = try Folder()
        try folder.write("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n".utf8, to: "zone")
        file = try folder.write(Self.text("192.0.2.1").utf8, to: "geopipe.yaml")
        try folder.write(Self.text("192.0.2.2").utf8, to: "next.yaml")
        // A file that was written just now counts as still being written.
        usleep(50_000)
        let compiled = try Program.geopipe.run(["compile", "--config", file], in: folder)
        try #require(compiled.status == 0, "\(compiled.error)")
    }

    static func text(_ address: String, zone: String = "zone", state: String = "state") -> String {
        """
        datacenters: { oslo: {}, ashburn: {} }
        maps: { all: { default: [oslo, ashburn] } }
        services: { web: { map: all, answers: { oslo: \(address), ashburn: 192.0.2.9 } } }
        safety: { in_use: 1 }
        state_directory: \(state)
        zones: { example.com: { file: \(zone), records: { www: { service: web } } } }

        """
    }
}

/// A suite that runs commands at a site where no coprocess runs unless it starts one.
protocol AtRolloutSite {
    var site: RolloutSite { get }
}

extension AtRolloutSite {
    var folder: Folder { site.folder }
    var file: String { site.file }
    var state: StateDirectory { StateDirectory(path: path("state")) }

    static func text(_ address: String, zone: String = "zone", state: String = "state") -> String {
        RolloutSite.text(address, zone: zone, state: state)
    }

    /// Runs a command, and returns its output.
    ///
    /// - Parameter config: the configuration; by default `geopipe.yaml`.
    @discardableResult
    func expect(
        _ status: Int32, _ words: String..., config: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> (output: String, error: String) {
        let ending = try Program.geopipe.run(words + ["--config", config ?? file], in: folder)
        let output = String(decoding: ending.output, as: UTF8.self)
        #expect(ending.status == status, "\(words): \(output)\(ending.error)", sourceLocation: sourceLocation)
        return (output, ending.error)
    }

    /// Runs a command with `--json`, and returns the object that it wrote.
    func json(
        _ status: Int32, _ words: String..., config: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String: Any] {
        let ending = try Program.geopipe.run(words + ["--json", "--config", config ?? file], in: folder)
        #expect(ending.status == status, "\(words): \(ending.error)", sourceLocation: sourceLocation)
        return try #require(
            JSONSerialization.jsonObject(with: Data(ending.output)) as? [String: Any],
            "\(words): \(String(decoding: ending.output, as: UTF8.self))", sourceLocation: sourceLocation)
    }

    func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    func addresses() throws -> String {
        try expect(0, "query", "www.example.com", "A", "192.0.2.200").output
    }

    /// Returns the messages of the problems in `status`.
    func problems(config: String? = nil) throws -> [String] {
        let words = ["status", "--json", "--config", config ?? file]
        let ending = try Program.geopipe.run(words, in: folder)
        let object = try #require(JSONSerialization.jsonObject(with: Data(ending.output)) as? [String: Any])
        return try #require(object["problems"] as? [[String: Any]]).compactMap { $0["message"] as? String }
    }

    /// Starts a coprocess, and returns it after its first answer and status.
    func start(_ arguments: String...) throws -> Coprocess {
        let coprocess = try Coprocess(arguments, in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        let isTold = eventually(within: Coprocess.timeout) {
            FileManager.default.fileExists(atPath: path("state/coprocesses/\(coprocess.identifier)"))
        }
        try #require(isTold)
        return coprocess
    }

    /// Returns the address of `www` that a coprocess answers.
    func answer(of coprocess: Coprocess) throws -> String {
        try coprocess.send("Q\twww.example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        return try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    }
}
