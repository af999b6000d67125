import Foundation
import Support
import Testing

@Suite("SOA serials")
struct SerialTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        try write("zone", "$TTL 300\nns1 A 192.0.2.1\nx A 192.0.2.7\n$INCLUDE more.inc\n")
        try write("more.inc", "y A 192.0.2.9\n")
        try writeConfiguration()
    }

    private func write(_ name: String, _ text: String) throws { try folder.write(text.utf8, to: name) }

    private func writeConfiguration(
        record: String = "192.0.2.80", service: String = "192.0.2.10", state: String = "state"
    ) throws {
        try write(
            "geopipe.yaml",
            """
            state_directory: \(state)
            datacenters: { oslo: {} }
            maps: { m: { default: oslo } }
            services: { web: { map: m, answers: { oslo: \(service) } } }
            zones:
              example.org:
                file: zone
                soa: { primary: ns1.example.org., contact: host.example.org. }
                ns: [ns1.example.org.]
                records: { www: { service: web }, api: { A: \(record) } }
              example.net:
                soa: { primary: ns1.example.org., contact: host.example.org. }
                ns: [ns1.example.org.]
            """)
    }

    /// Sets the modification time of a file, as `cp -p` does.
    private func setTime(of name: String, _ seconds: Double) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: "\(folder.path)/\(name)")
    }

    private func start() throws -> Coprocess {
        let coprocess = try Coprocess(["--config", "geopipe.yaml"], in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        return coprocess
    }

    private func ask(_ coprocess: Coprocess, _ name: String, _ type: String) throws -> [String] {
        try coprocess.send("Q\t\(name)\tIN\t\(type)\t-1\t192.0.2.1\t127.0.0.1\t192.0.2.1/32\n")
        return try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }.filter { $0.hasPrefix("DATA") }
            .compactMap { $0.split(separator: "\t").last.map(String.init) }
    }

    private func serial(_ coprocess: Coprocess, _ zone: String = "example.org") throws -> UInt32 {
        let soa = try #require(try ask(coprocess, zone, "SOA").first)
        return try #require(UInt32(soa.split(separator: " ")[2]))
    }

    /// Waits until `name` has the address.
    private func wait(_ coprocess: Coprocess, _ name: String, _ address: String) throws {
        let isThere = try eventually(within: Coprocess.timeout) {
            try ask(coprocess, "\(name).example.org", "A") == [address]
        }
        try #require(isThere, "\(String(decoding: coprocess.standardError, as: UTF8.self))")
    }

    @Test("are the time of the newest change of a zone's files")
    func newest() throws {
        try setTime(of: "geopipe.yaml", 1_600_000_000)
        try setTime(of: "zone", 1_600_000_020)
        try setTime(of: "more.inc", 1_600_000_010)
        let coprocess = try start()
        #expect(try serial(coprocess) == 1_600_000_020)
        #expect(try serial(coprocess, "example.net") == 1_600_000_000)
    }

    @Test(
        "of files with meaningless times, as in container images, are neither 0 nor 1", arguments: [0.0, 1.0, 86_400.0])
    func image(time: Double) throws {
        let start = UInt32(Date().timeIntervalSince1970)
        for file in ["geopipe.yaml", "zone", "more.inc"] { try setTime(of: file, time) }
        let coprocess = try self.start()
        #expect(try serial(coprocess) >= start - 60)
        #expect(try serial(coprocess, "example.net") >= start - 60)
    }

    @Test("grow with each change of zone file, included file, records and services, regardless of file times")
    func grow() throws {
        for file in ["geopipe.yaml", "zone", "more.inc"] { try setTime(of: file, 1_600_000_000) }
        let coprocesses = [try start(), try start()]
        var last = try serial(coprocesses[0])
        #expect(last == 1_600_000_000)
        func expectLater(_ name: String, _ address: String) throws {
            for coprocess in coprocesses { try wait(coprocess, name, address) }
            let serials = try coprocesses.map { try serial($0) }
            #expect(serials[0] == serials[1])
            #expect(serials[0] > last)
            last = serials[0]
        }
        try write("zone", "$TTL 300\nns1 A 192.0.2.1\nx A 192.0.2.8\n$INCLUDE more.inc\n")
        try setTime(of: "zone", 1_600_000_000)
        try expectLater("x", "192.0.2.8")
        try write("more.inc", "y A 192.0.2.4\n")
        try setTime(of: "more.inc", 1_500_000_000)
        try expectLater("y", "192.0.2.4")
        try writeConfiguration(record: "192.0.2.81")
        try setTime(of: "geopipe.yaml", 1)
        try expectLater("api", "192.0.2.81")
        try writeConfiguration(record: "192.0.2.81", service: "192.0.2.11")
        try setTime(of: "geopipe.yaml", 1_400_000_000)
        try expectLater("www", "192.0.2.11")
        // Restores the first content.
        try writeConfiguration()
        try setTime(of: "geopipe.yaml", 1_600_000_000)
        try expectLater("api", "192.0.2.80")
        let another = try start()
        #expect(try serial(another) == last)
    }

    @Test(
        "never go back when a coprocess restarts, with a state directory or without",
        arguments: ["state", "/proc/none"])
    func restart(state: String) throws {
        try writeConfiguration(state: state)
        var last: UInt32 = 0
        for (round, address) in ["192.0.2.7", "192.0.2.8", "192.0.2.7"].enumerated() {
            try write("zone", "$TTL 300\nns1 A 192.0.2.1\nx A \(address)\n$INCLUDE more.inc\n")
            for file in ["geopipe.yaml", "zone", "more.inc"] { try setTime(of: file, 1_600_000_000 - Double(round)) }
            let coprocess = try start()
            try wait(coprocess, "x", address)
            let now = try serial(coprocess)
            #expect(now > last)
            last = now
        }
    }

    @Test("from a zone file that stay while records change, or go back, cause warnings")
    func own() throws {
        func zone(_ serial: Int, _ address: String) -> String {
            "$TTL 300\n@ SOA ns1 host \(serial) 1 2 3 4\n@ NS ns1\nns1 A 192.0.2.1\nx A \(address)\n"
        }
        try write("zone", zone(2_024_010_101, "192.0.2.7"))
        try write(
            "geopipe.yaml", "state_directory: state\nzones: { example.org: { file: zone } }\n")
        let coprocess = try start()
        _ = try serial(coprocess)
        func warns(_ text: String) throws -> Bool {
            try eventually(within: Coprocess.timeout) {
                try coprocess.wait(.milliseconds(20))
                return String(decoding: coprocess.standardError, as: UTF8.self).contains(text)
            }
        }
        try write("zone", "; a comment\n" + zone(2_024_010_101, "192.0.2.7"))
        #expect(try warns("loaded geopipe.yaml"))
        #expect(!String(decoding: coprocess.standardError, as: UTF8.self).contains("warning"))
        try write("zone", zone(2_024_010_101, "192.0.2.8"))
        #expect(
            try warns(
                "zone:2:3: warning: the records of example.org have changed, but the serial 2024010101 has not"))
        try wait(coprocess, "x", "192.0.2.8")
        coprocess.forgetError()
        try write("zone", zone(2_024_010_102, "192.0.2.9"))
        try wait(coprocess, "x", "192.0.2.9")
        #expect(!String(decoding: coprocess.standardError, as: UTF8.self).contains("warning"))
        try write("zone", zone(2_023_010_101, "192.0.2.9"))
        #expect(try warns("the serial of example.org was 2024010102 and is 2023010101, which is not later"))
    }
}
