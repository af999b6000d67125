import Foundation
import Platform
import State
import Support
import Testing

/// Health reports in a coprocess.
@Suite("Health")
struct HealthTests {
    private let folder: Folder
    private let state: StateDirectory
    private let coprocess: Coprocess

    init() throws {
        folder = try Folder()
        state = StateDirectory(path: "\(folder.path)/state")
        try folder.write(Self.configuration(port: 80), to: "geopipe.yaml")
        coprocess = try Coprocess(["--config", "geopipe.yaml"], in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        // It watches files once it answers.
        try #require(try addresses() == ["192.0.2.1", "192.0.2.2"])
    }

    private static func configuration(port: Int) -> String.UTF8View {
        """
        state_directory: state
        datacenters: { oslo: {}, ashburn: {} }
        maps: { m: { default: [oslo, ashburn] } }
        services:
          web: { map: m, check: { tcp: \(port) }, answers: { oslo: [192.0.2.1, 192.0.2.2], ashburn: 198.51.100.1 } }
        zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.], records: { www: { service: web } } } }
        """.utf8
    }

    private func addresses() throws -> [String] {
        try coprocess.send("Q\twww.example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        return try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }.filter { $0.hasPrefix("DATA") }
            .compactMap { $0.split(separator: "\t").last.map(String.init) }.sorted()
    }

    private func expect(_ expected: String..., at place: SourceLocation = #_sourceLocation) throws {
        var last: [String] = []
        let isThere = try eventually(within: Coprocess.timeout) {
            last = try addresses()
            return last == expected
        }
        try #require(isThere, "\(last)", sourceLocation: place)
    }

    /// Reports some addresses as down, and the others as up.
    ///
    /// - Parameter age: the age of the report, in seconds.
    private func tell(down: [String], port: Int = 80, age: Int = 0) throws {
        let now = Int(Date().timeIntervalSince1970) - age
        let states = ["192.0.2.1", "192.0.2.2", "198.51.100.1"].map { address in
            (
                "tcp://\(address):\(port)",
                HealthReport.State(isUp: !down.contains(address), since: now, reportedAt: now, reason: "no answer")
            )
        }
        try state.tell(HealthReport(time: now, process: 4711, states: Dictionary(uniqueKeysWithValues: states)))
    }

    private func status() throws -> (text: String, code: Int32) {
        let ending = try Program.geopipe.run(["status", "--config", "geopipe.yaml"], in: folder)
        return (String(decoding: ending.output, as: UTF8.self), ending.status)
    }

    @Test("takes addresses out of answers, and whole datacenters, and brings them back")
    func follows() throws {
        try tell(down: ["192.0.2.1"])
        try expect("192.0.2.2")
        try tell(down: ["192.0.2.1", "192.0.2.2"])
        try expect("198.51.100.1")
        try tell(down: ["192.0.2.1", "192.0.2.2", "198.51.100.1"])
        try expect("192.0.2.1", "192.0.2.2")
        try tell(down: [])
        try tell(down: ["192.0.2.2"])
        try expect("192.0.2.1")
    }

    @Test("stays as it is if the report is corrupt or gone")
    func untrusted() throws {
        try tell(down: ["192.0.2.1"])
        try expect("192.0.2.2")
        let good = try Data(contentsOf: URL(filePath: state.healthFile))
        for bad in [Data(), good.dropLast(3), Data("geopipe health 1\n".utf8), good + good] {
            coprocess.forgetError()
            try bad.write(to: URL(filePath: state.healthFile + ".copy"))
            try bad.write(to: URL(filePath: state.healthFile))
            let isSaid = try eventually(within: Coprocess.timeout) {
                try coprocess.wait(.milliseconds(10))
                return String(decoding: coprocess.standardError, as: UTF8.self)
                    .contains("the health of all addresses stays as it is")
            }
            #expect(isSaid)
            #expect(try addresses() == ["192.0.2.2"])
        }
        // The coprocess may write to the folder at any time.
        try #require(rename(state.path, state.path + ".lost") == 0)
        try coprocess.wait(.milliseconds(1_300))
        #expect(try addresses() == ["192.0.2.2"])
        try tell(down: [])
        try expect("192.0.2.1", "192.0.2.2")
    }

    @Test("comes from the backup copy if the file is corrupt when a coprocess starts")
    func copy() throws {
        try tell(down: ["192.0.2.1"])
        try Data("torn".utf8).write(to: URL(filePath: state.healthFile))
        let another = try Coprocess(["--config", "geopipe.yaml"], in: URL(filePath: folder.path))
        try another.send("HELO\t5\nQ\twww.example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        _ = try another.answer()
        #expect(try another.answer().count == 2)
        #expect(String(decoding: another.standardError, as: UTF8.self).contains("using the backup copy"))
    }

    @Test("does not count after a day, and the status shows its age")
    func age() throws {
        try tell(down: ["192.0.2.1"], age: 3_600)
        try expect("192.0.2.2")
        let old = try status()
        #expect(old.code == 1)
        #expect(old.text.contains("(60 min ago): it is stopped or stuck"), "\(old.text)")
        try tell(down: ["192.0.2.1"], age: 86_398)
        try expect("192.0.2.1", "192.0.2.2")
    }

    @Test("is kept for targets that the report lacks, because agent and coprocess reload at different times")
    func change() throws {
        try tell(down: ["192.0.2.1"])
        try expect("192.0.2.2")
        try tell(down: [], port: 81)
        try coprocess.wait(.milliseconds(500))
        #expect(try addresses() == ["192.0.2.2"])
        try tell(down: ["192.0.2.2"], port: 81)
        try folder.write(Self.configuration(port: 81), to: "geopipe.yaml")
        try expect("192.0.2.1")
    }

    @Test("is shown by the status")
    func shown() throws {
        let never = try status()
        #expect(never.code == 1)
        #expect(never.text.contains("no report of geopipe-agent; all addresses count as up"))
        #expect(never.text.contains("addresses: 3 unknown"))
        try tell(down: ["192.0.2.1", "198.51.100.1"])
        let told = try status()
        #expect(told.code == 1)
        #expect(told.text.contains(/oslo     1 of 2 addresses up for service web/), "\(told.text)")
        #expect(told.text.contains(/ashburn  down for service web, 0 of 1 addresses up/))
        #expect(told.text.contains("addresses: 1 up, 2 down"))
        #expect(told.text.contains(#/down since 20.+ \([0-9]+ s ago\)  tcp://192.0.2.1:80: no answer/#))
        #expect(told.text.contains(/reported 20.+ \([0-9]+ s ago\) by agent 4711\n  addresses/))
        try folder.write("state_directory: state\nzones: 1\n".utf8, to: "geopipe.yaml")
        let broken = try status()
        #expect(broken.text.contains("addresses: 1 up, 2 down"), "\(broken.text)")
        #expect(broken.text.contains("geopipe.yaml:2:8: zones must be a mapping"))
    }
}
