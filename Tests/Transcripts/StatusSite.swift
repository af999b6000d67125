import Foundation
import State
import Support
import Testing

/// A folder with a configuration, of which `geopipe status` reports the state.
struct StatusSite {
    let folder: Folder
    let state: StateDirectory

    init() throws {
        folder = try Folder()
        state = StateDirectory(path: "\(folder.path)/state")
        try folder.write(Self.configuration.utf8, to: "geopipe.yaml")
        try folder.write("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n".utf8, to: "zone")
    }

    static let configuration = """
        state_directory: state
        datacenters: { oslo: {}, ashburn: {} }
        maps: { m: { default: [oslo, ashburn] } }
        services:
          web: { map: m, check: { tcp: 80 }, answers: { oslo: [192.0.2.1, 192.0.2.2], ashburn: 198.51.100.1 } }
          api: { map: m, answers: { oslo: 192.0.2.9, ashburn: 198.51.100.9 } }
        zones:
          example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web }, api: { service: api } } }
          example.org: { file: zone }

        """
}

/// The output of `geopipe status --json`.
struct StatusReport {
    var object: [String: Any]
    var code: Int32

    /// The errors and the warnings, as `kind: message`.
    func problems(_ severity: String) -> [String] {
        (object["problems"] as? [[String: Any]] ?? []).filter { $0["severity"] as? String == severity }.map {
            "\($0["kind"] ?? ""): \($0["message"] ?? "")"
        }
    }

    /// Whether a problem of this severity contains the words.
    func contains(_ severity: String, _ words: String) -> Bool {
        problems(severity).contains { $0.contains(words) }
    }
}

/// A suite that runs `geopipe status` in the folder of its site.
protocol AtStatusSite {
    var site: StatusSite { get }
}

extension AtStatusSite {
    var folder: Folder { site.folder }
    var state: StateDirectory { site.state }
    static var configuration: String { StatusSite.configuration }

    /// Starts a coprocess, and returns it after its first answer and status.
    func start(_ arguments: String...) throws -> Coprocess {
        let coprocess = try Coprocess(
            (arguments.isEmpty ? ["--config", "geopipe.yaml"] : arguments), in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\nQ\twww.example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        _ = try coprocess.answer()
        _ = try coprocess.answer()
        let isTold = eventually(within: Coprocess.timeout) {
            FileManager.default.fileExists(atPath: "\(folder.path)/state/coprocesses/\(coprocess.identifier)")
        }
        try #require(isTold)
        return coprocess
    }

    /// Reports some addresses as down and the others as up, like the agent.
    func tell(down: String..., age: Int = 0) throws {
        let now = Int(Date().timeIntervalSince1970) - age
        let states = ["192.0.2.1", "192.0.2.2", "198.51.100.1"].map { address in
            (
                "tcp://\(address):80",
                HealthReport.State(isUp: !down.contains(address), since: now, reportedAt: now, reason: "no answer")
            )
        }
        try state.tell(HealthReport(time: now, process: 4711, states: Dictionary(uniqueKeysWithValues: states)))
    }

    /// Runs a command on the configuration.
    @discardableResult
    func run(_ arguments: String...) throws -> (output: String, error: String, code: Int32) {
        let ending = try Program.geopipe.run(arguments + ["--config", "geopipe.yaml"], in: folder)
        return (String(decoding: ending.output, as: UTF8.self), ending.error, ending.status)
    }

    /// Runs `geopipe status --json`.
    func report() throws -> StatusReport {
        let status = try run("status", "--json")
        let object = try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: Any]
        return StatusReport(object: try #require(object, "\(status)"), code: status.code)
    }
}
