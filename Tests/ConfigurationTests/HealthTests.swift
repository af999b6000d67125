import Configuration
import Foundation
import Testing

@Suite("Health checks of a configuration")
struct HealthTests {
    /// What is made of the fields of a service.
    private func load(_ fields: String, _ answer: String = "[192.0.2.1, \"2001:db8::1\"]") throws -> Configuration {
        let folder = URL.temporaryDirectory.appending(path: "geopipe-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = """
            datacenters: { oslo: {} }
            maps: { m: { default: oslo } }
            services:
              web:
                map: m
                answers: { oslo: \(answer) }
            \(fields.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """
        let file = folder.appending(path: "geopipe.yaml").path
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return try Configuration.load(file)
    }

    private func check(_ text: String) throws -> HealthCheck? { try load("check: \(text)").services[0].check }

    @Test("have the usual paces, and others if that is written")
    func paces() throws {
        let usual = try check("{ tcp: 25 }")
        #expect(usual == HealthCheck(.tcp(port: 25)))
        #expect([usual?.interval, usual?.timeout, usual?.rise, usual?.fall] == [10, 3, 2, 3])
        let other = try check("{ tcp: { port: 25 }, interval: 1m, timeout: 20s, rise: 1, fall: 5 }")
        #expect([other?.interval, other?.timeout, other?.rise, other?.fall] == [60, 20, 1, 5])
        #expect(try check("{ tcp: 25, interval: 1s }")?.timeout == 1, "a time-out is never longer than the interval")
    }

    @Test(
        "say what is asked",
        arguments: [
            ("{ tcp: 25 }", ["tcp://192.0.2.1:25", "tcp://[2001:db8::1]:25"]),
            ("{ http: {} }", ["http://192.0.2.1:80/", "http://[2001:db8::1]:80/"]),
            (
                "{ https: { host: www.example.com, path: '/a?b', expect: [200, 204, 301-302], match: 'all is well', verify: false } }",
                [
                    "https://192.0.2.1:443/a?b host=www.example.com expect=200,204,301-302 match=all%20is%20well verify=false",
                    "https://[2001:db8::1]:443/a?b host=www.example.com expect=200,204,301-302 match=all%20is%20well verify=false",
                ]
            ),
            (
                "{ command: [/bin/check, '{address}', 'a b'] }",
                ["command 192.0.2.1 /bin/check {address} a%20b", "command 2001:db8::1 /bin/check {address} a%20b"]
            ),
            ("{ file: '/run/{address}' }", ["file 192.0.2.1 /run/{address}", "file 2001:db8::1 /run/{address}"]),
        ])
    func targets(text: String, targets: [String]) throws {
        #expect(try load("check: \(text)").healthTargets.map(\.identity) == targets)
    }

    @Test("ask each thing once, whoever wants to know")
    func once() throws {
        var configuration = try load("check: { tcp: 25 }")
        configuration.services += configuration.services
        configuration.services[1].check?.interval = 99
        #expect(configuration.healthTargets.map(\.check.interval) == [10, 10])
        configuration.services[1].check?.probe = .tcp(port: 26)
        #expect(configuration.healthTargets.count == 4)
    }

    @Test("warn of what has no effect")
    func warnings() throws {
        #expect(
            try load("quorum: 2").warnings.map(\.message) == [
                "service web has a quorum but no check; all its addresses count as up"
            ])
        #expect(
            try load("check: { tcp: 25 }", "{ CNAME: www.example.net. }").warnings.map(\.message)
                == ["service web has no addresses that could be checked; it counts as up"])
    }

    @Test("leave out a datacenter with check: none, which needs an address and a check")
    func unchecked() throws {
        let configuration = try load("check: { tcp: 25 }", "{ A: 192.0.2.1, check: none }")
        #expect(configuration.services[0].unchecked == [0])
        #expect(configuration.services[0].answers[0].map(\.content.text) == ["192.0.2.1"])
        #expect(configuration.healthTargets.isEmpty)
        #expect(
            try load("", "{ A: 192.0.2.1, check: none }").warnings.map(\.message) == [
                "service web has check: none in oslo but no check; all its addresses count as up"
            ])
        for (answer, complaint) in [
            ("{ A: 192.0.2.1, check: off }", "check of the answer of service web in oslo is 'off'; write none"),
            ("{ check: none }", "the answer of service web in oslo is empty; write an address"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try load("check: { tcp: 25 }", answer) }
            #expect(error?.complaints.first?.message.hasPrefix(complaint) == true, "\(error?.complaints ?? [])")
        }
    }

    @Test(
        "are refused when they are wrong",
        arguments: [
            ("{ tcp: 0 }", "7:19: tcp of check of service web is '0'; write a port from 1 to 65535"),
            (
                "{ tcp: 25, http: {} }", "7:12: check of service web needs one of http, https, tcp, command, file"
            ),
            (
                "{ tcp: 25, fall: 0 }",
                "7:29: fall in check of service web is '0'; write a whole number from 1 to 1000000"
            ),
            ("{ tcp: 25, interval: 0s }", "7:33: interval in check of service web is 0; write at least 1"),
            (
                "{ tcp: 25, timeout: 20s }",
                "7:32: timeout in check of service web is longer than its interval, 10 s; write at most that"
            ),
            (
                "{ http: { path: health } }",
                "7:28: path in http of check of service web is 'health'; write one that begins with / and has no blanks"
            ),
            (
                "{ http: { expect: [99] } }",
                "7:31: expect in http of check of service web is '99'; write a status code such as 200, or a range such as 200-299"
            ),
            ("{ http: { verify: false } }", "7:22: unknown key 'verify' in http of check of service web"),
            (
                "{ command: ls }",
                "7:23: command of check of service web is no list, and no shell takes it apart; write [/usr/bin/program, argument, \"{address}\"]"
            ),
            (
                "{ command: [ls] }",
                "7:23: command of check of service web does not begin with a program's absolute path; write [/usr/bin/program, …]"
            ),
        ])
    func complaints(text: String, complaint: String) {
        let error = #expect(throws: ConfigurationError.self) { try check(text) }
        let first = error?.complaints.first?.description ?? ""
        #expect(first.contains("geopipe.yaml:\(complaint)"), "\(first)")
    }
}
