import Foundation
import Support
import Testing

/// The number of backend queries that pdns makes for one question, which limits its speed in a flood; docs/floods.md
/// has the table.
@Suite("Trips over the pipe")
struct FloodTests {
    /// The maximum number of trips with cold caches of pdns, as one second after the same question.
    struct Kind {
        let name: String
        let type: String
        let status: String
        /// The number of records in the answer.
        let records: Int
        let trips: Int
    }

    private static let configuration = """
        datacenters: { oslo: {}, ashburn: {} }
        maps:
          m: { networks: { 10.1.0.0/16: oslo, 10.2.0.0/16: none }, default: ashburn }
        services:
          www: { map: m, ttl: 60, answers: { oslo: 192.0.2.10, ashburn: 198.51.100.10 } }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 1 }
            ns: [ns1.geo.example.com.]
            records:
              ns1: { A: 192.0.2.53 }
              www: { service: www }
              static: { A: 192.0.2.80 }
              "*.wild": { service: www }
              a.deep: { A: 192.0.2.81 }
              old: { DNAME: new.geo.example.com. }
              a.new: { A: 192.0.2.82 }
        """

    private static let kinds: [Kind] = [
        .init(name: "www.geo.example.com", type: "A", status: "NOERROR", records: 1, trips: 4),
        .init(name: "www.geo.example.com", type: "TYPE1234", status: "NOERROR", records: 0, trips: 4),
        .init(name: "static.geo.example.com", type: "AAAA", status: "NOERROR", records: 0, trips: 4),
        .init(name: "deep.geo.example.com", type: "A", status: "NOERROR", records: 0, trips: 4),
        .init(name: "x.wild.geo.example.com", type: "A", status: "NOERROR", records: 1, trips: 7),
        .init(name: "x.wild.geo.example.com", type: "MX", status: "NOERROR", records: 0, trips: 7),
        // For the name SOA, NS, ANY and DNAME; SOA and DNAME for the zone, and ANY for its wildcard.
        .init(name: "x.geo.example.com", type: "A", status: "NXDOMAIN", records: 0, trips: 7),
        // SOA, NS and DNAME for each label, ANY for the name, its parents, and their wildcards.
        .init(name: "x.y.z.geo.example.com", type: "A", status: "NXDOMAIN", records: 0, trips: 17),
        .init(name: "a.old.geo.example.com", type: "A", status: "NOERROR", records: 3, trips: 20),
        // SOA for each label, and for the root.
        .init(name: "www.example.net", type: "A", status: "REFUSED", records: 0, trips: 4),
    ]

    @Test("have the number in docs/floods.md, and the answers are right", arguments: Self.kinds)
    func trips(kind: Kind) async throws {
        try await serve { server, questions in try expect(kind, at: server, questions, trips: kind.trips) }
    }

    @Test("with consistent-backends=yes are half of that for names that do not exist, and the answers are the same")
    func consistent() async throws {
        try await serve("consistent-backends=yes") { server, questions in
            for kind in Self.kinds {
                // SOA and ANY for the name, SOA and ANY for the zone, ANY for its wildcard.
                let trips = kind.name == "x.geo.example.com" ? 5 : kind.trips + 1
                try expect(kind, at: server, questions, trips: trips)
            }
        }
    }

    @Test("with the zones as pipe-regex are none for other zones, and the answers are the same")
    func regularExpression() async throws {
        try await serve(#"pipe-regex=(^|\.)geo\.example\.com$"#) { server, questions in
            for kind in Self.kinds {
                try expect(kind, at: server, questions, trips: kind.status == "REFUSED" ? 0 : kind.trips)
            }
        }
    }

    private func expect(_ kind: Kind, at server: NameServer, _ questions: () throws -> [String], trips: Int) throws {
        let before = try questions().count
        let reply = try server.dig(kind.name, kind.type, "+norecurse", "+subnet=10.1.0.0/16")
        let asked = try questions().dropFirst(before)
        #expect(reply.status == kind.status, "\(kind)")
        #expect(reply.answer.count == kind.records, "\(kind): \(reply.answer)")
        #expect(asked.count <= trips, "\(kind): \(asked.joined(separator: "\n"))")
    }

    /// Runs `body` with a pdns that has one coprocess, and a log of its questions so far.
    private func serve(_ setting: String = "", _ body: (NameServer, () throws -> [String]) throws -> Void) async throws
    {
        let backend = try Backend(
            Self.configuration, defaults: setting.isEmpty ? [] : [String(setting.prefix { $0 != "=" })],
            script: #"""
                #!/bin/bash
                # pdns hands down the pipes of its other coprocesses, which would not end then.
                for descriptor in {3..99}; do eval "exec $descriptor>&-"; done
                while IFS= read -r line; do
                    printf '%s\n' "$line" >>"$0.questions"
                    printf '%s\n' "$line"
                done | "\#(Program.geopipe.path)" "$@"
                """#)
        let settings = try String(contentsOf: backend.folder.appending(path: "pdns.conf"), encoding: .utf8)
        try backend.write(settings + "\nreceiver-threads=1\ndistributor-threads=1\n\(setting)\n", to: "pdns.conf")
        let file = backend.folder.appending(path: "geopipe.questions")
        try await NameServer.run(backend) { server in
            try body(server) {
                try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
                    .filter { $0.hasPrefix("Q\t") }
            }
        }
    }
}

/// The dnsdist of examples/dnsdist before a pdns with geopipe.
@Suite("dnsdist")
struct DnsdistTests {
    private static let settings = "\(NameServer.project.path)/examples/dnsdist/dnsdist.conf"

    @Test("dnsdist accepts the configuration in examples")
    func configuration() throws {
        let ending = try Tool("dnsdist").run(["--check-config", "-C", Self.settings])
        #expect(ending.status == 0, "\(ending.output)")
    }

    @Test("its cache gives no network the answers or denials of another")
    func networks() async throws {
        let mistakes = try await mistakes { $0 }
        #expect(mistakes == [])
    }

    @Test("without disableZeroScope it would, and these tests would notice")
    func zeroScope() async throws {
        let mistakes = try await mistakes { $0.replacing("disableZeroScope = true", with: "disableZeroScope = false") }
        #expect(!mistakes.isEmpty)
    }

    @Test("a network that exceeds the limit is sent to TCP, and gets its answers there; others do not notice")
    func limits() async throws {
        try await serve({ $0 }) { port in
            let questions = Array(repeating: DNSClient.Question("a.both.geo.example.com", .a), count: 1_000)
            // Truncated answers have no records.
            let asked = try DNSClient(port: port, source: "127.1.200.1").ask(questions)
            #expect(asked.contains { $0.addresses.isEmpty })
            #expect(asked.first?.addresses == ["192.0.2.1"])
            let other = try DNSClient(port: port, source: "127.2.200.1").ask([questions[0]])[0]
            #expect(other.addresses == ["192.0.2.2"])
            let tcp = try Tool("dig").run(
                ["@127.0.0.1", "-p", "\(port)", "-b", "127.1.200.1", "a.both.geo.example.com", "A", "+tcp", "+short"])
            #expect(tcp.output == "192.0.2.1\n")
        }
    }

    /// The place of a client by the second byte of its address in 10.0.0.0/8, or in 127.0.0.0/8 without a subnet.
    private static let places = [1, 2, 3, 4]

    private static let backend = """
        datacenters: { oslo: {}, ashburn: {}, rest: {} }
        maps:
          m:
            networks:
              127.1.0.0/16: oslo
              127.2.0.0/16: ashburn
              127.4.0.0/16: none
              10.1.0.0/16: oslo
              10.2.0.0/16: ashburn
              10.4.0.0/16: none
            default: rest
        services:
          both:
            map: m
            ttl: 60
            answers: { oslo: [192.0.2.1, "2001:db8::1"], ashburn: [192.0.2.2, "2001:db8::2"], rest: [192.0.2.3, "2001:db8::3"] }
          six:
            map: m
            ttl: 60
            answers: { oslo: [192.0.2.1, "2001:db8::1"], ashburn: 192.0.2.2, rest: 192.0.2.3 }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 7 }
            ns: [ns1.geo.example.com.]
            records:
              "*.both": { service: both }
              "*.six": { service: six }
        """

    private func addresses(_ service: String, _ type: DNSClient.RecordType, at place: Int) -> [String] {
        guard place < 4 else { return [] }
        if type == .a { return ["192.0.2.\(place)"] }
        return service == "both" || place == 1 ? ["2001:db8::\(place)"] : []
    }

    /// Lets two clients of different places ask the same in turn, for a new name, and returns the wrong answers.
    private func mistakes(_ change: @escaping (String) -> String) async throws -> [String] {
        var mistakes: [String] = []
        var number = 0
        try await serve(change) { port in
            for service in ["both", "six"] {
                for type in [DNSClient.RecordType.a, .aaaa] {
                    for first in Self.places {
                        for second in Self.places where second != first {
                            for telling in [[true, true], [false, false], [true, false], [false, true]] {
                                number += 1
                                // Each turn has its own networks, far below the limits.
                                for (place, tells) in [(first, telling[0]), (second, telling[1])] + [
                                    (first, telling[0])
                                ] {
                                    let client = DNSClient(
                                        port: port, source: "127.\(tells ? 9 : place).\(number % 250).1")
                                    let subnet = tells ? "10.\(place).\(number % 250).0/24" : nil
                                    let question = DNSClient.Question(
                                        "n\(number).\(service).geo.example.com", type, from: subnet)
                                    let answer = try client.ask([question])[0]
                                    if answer.code != 0 || answer.addresses != addresses(service, type, at: place) {
                                        mistakes.append("\(question), at \(place): \(answer)")
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        return mistakes
    }

    /// Runs `body` with the port of a dnsdist.
    private func serve(_ change: (String) -> String, _ body: (UInt16) throws -> Void) async throws {
        try await NameServer.run(try Backend(Self.backend)) { server in
            let port = try #require(freePort())
            let settings = try String(contentsOfFile: Self.settings, encoding: .utf8)
                .replacing(/local addresses = .*/, with: #"local addresses = { "127.0.0.1:\#(port)" }"#)
                .replacing(/local pdns = .*/, with: #"local pdns = "127.0.0.1:\#(server.port)""#)
                .replacing(/local zones = .*/, with: #"local zones = { "geo.example.com." }"#)
            let file = server.backend.folder.appending(path: "dnsdist.conf")
            try change(settings).write(to: file, atomically: true, encoding: .utf8)
            let log = server.backend.folder.appending(path: "dnsdist.log")
            try Data().write(to: log)
            let process = try Tool("dnsdist").start(
                ["--supervised", "--disable-syslog", "-C", file.path], seconds: 600,
                output: try FileHandle(forWritingTo: log))
            defer {
                process.terminate()
                process.waitUntilExit()
            }
            let question = DNSClient.Question("geo.example.com", .soa)
            guard eventually({ (try? DNSClient(port: port).ask([question], timeout: 0.2)) != nil }) else {
                throw NameServer.DidNotStart(log: try String(contentsOf: log, encoding: .utf8))
            }
            try body(port)
        }
    }
}
