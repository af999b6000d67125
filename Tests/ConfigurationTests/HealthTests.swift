import Configuration
import Foundation
import Testing

@Suite("Health checks of a configuration")
struct HealthTests {
    /// Parses the fields of a service.
    private func load(
        _ fields: String, _ answer: String = "[192.0.2.1, \"2001:db8::1\"]", notify: String? = nil
    ) throws -> Configuration {
        let folder = URL.temporaryDirectory.appending(path: "geopipe-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = """
            \(notify.map { "notify: \($0)\n" } ?? "")datacenters: { oslo: {} }
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

    private func check(_ text: String) throws -> HealthCheck? { try load("check: \(text)").services[0].checks.first }

    @Test("have the default intervals, or those that are written")
    func paces() throws {
        let usual = try check("{ tcp: 25 }")
        #expect(usual == HealthCheck(.tcp(port: 25)))
        #expect([usual?.interval, usual?.timeout, usual?.rise, usual?.fall] == [10, 3, 2, 3])
        let other = try check("{ tcp: { port: 25 }, interval: 1m, timeout: 20s, rise: 1, fall: 5 }")
        #expect([other?.interval, other?.timeout, other?.rise, other?.fall] == [60, 20, 1, 5])
        #expect(try check("{ tcp: 25, interval: 1s }")?.timeout == 1, "a time-out is never longer than the interval")
    }

    @Test(
        "have a probe with all of its settings",
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

    @Test("have a method, header fields and a body, which metrics and logs do not show")
    func requests() throws {
        let text =
            "{ http: { method: post, headers: { X-Key: secret }, body: hidden, no_match: 'not well', weight_header: X-Load } }"
        guard case .http(let http)? = try check(text)?.probe else { return #expect(Bool(false)) }
        #expect(
            http.method == .post && http.body == "hidden" && http.headers == [.init(name: "X-Key", value: "secret")])
        #expect(http.noMatch == "not well" && http.weightHeader == "X-Load" && http.match == nil)
        let target = try load("check: \(text)").healthTargets[0].identity
        #expect(
            target
                == "http://192.0.2.1:80/ method=POST header=X-Key body of=web no_match=not%20well weight_header=X-Load")
        let other = try load("check: \(text.replacing("secret", with: "changed"))").healthTargets[0].identity
        #expect(target == other, "the target does not depend on the secret")
    }

    @Test("differ by who sends header fields and bodies, not by their contents")
    func senders() throws {
        let key = "headers: { X-Key: secret }"
        let configuration = try load(
            """
            check:
              - { http: {} }
              - { http: { \(key) } }
              - { http: { headers: { X-Key: other } } }
              - { http: { path: /b, \(key) } }
            """)
        let targets = configuration.healthTargets.filter { $0.address == "192.0.2.1" }.map(\.identity)
        #expect(
            targets == [
                "http://192.0.2.1:80/", "http://192.0.2.1:80/ header=X-Key of=web/2",
                "http://192.0.2.1:80/ header=X-Key of=web/3", "http://192.0.2.1:80/b header=X-Key of=web/2",
            ])
    }

    @Test("name hosts without a final dot", arguments: ["www.example.com.", "www.example.com"])
    func hosts(name: String) throws {
        for port in ["", ":81"] {
            guard case .http(let http)? = try check("{ https: { host: '\(name)\(port)' } }")?.probe else {
                return #expect(Bool(false))
            }
            #expect(http.host == "www.example.com\(port)")
        }
    }

    @Test("may be several, and probe other addresses than the answered ones")
    func several() throws {
        let configuration = try load(
            """
            check:
              - { tcp: 25, address: 10.0.0.1 }
              - { tcp: 26, address: { "2001:DB8:0::1": 10.0.0.2 } }
            comes_back: 10m
            """)
        #expect(configuration.services[0].checks.count == 2)
        #expect(configuration.services[0].comesBack == 600)
        let targets = configuration.healthTargets
        #expect(targets.map(\.identity) == ["tcp://10.0.0.1:25", "tcp://192.0.2.1:26", "tcp://10.0.0.2:26"])
        #expect(targets.map(\.address) == ["10.0.0.1", "192.0.2.1", "10.0.0.2"])
        #expect(
            targets.map { $0.uses.map(\.address) } == [["192.0.2.1", "2001:db8::1"], ["192.0.2.1"], ["2001:db8::1"]])
        #expect(
            targets.allSatisfy {
                $0.comesBack == 600 && $0.uses.allSatisfy { $0.service == "web" && $0.datacenter == "oslo" }
            })
    }

    @Test("have a command for changes")
    func notify() throws {
        let usual = try load("check: { tcp: 25 }", notify: "{ command: [/usr/bin/tell, all] }").notify
        #expect(usual == NotifyCommand(command: ["/usr/bin/tell", "all"]))
        #expect(usual?.every == 60 && usual?.timeout == 30)
        let other = try load("", notify: "{ command: [/usr/bin/tell], every: 5m, timeout: 10s }").notify
        #expect(other?.every == 300 && other?.timeout == 10)
        for (notify, diagnostic) in [
            ("{ every: 5 }", "1:9: notify has no 'command'; add command: …"),
            ("{ command: tell }", "1:20: command of notify must be a list"),
            ("{ command: [tell] }", "1:20: command of notify does not begin with a program's absolute path"),
            ("{ command: [/t], every: 0 }", "1:33: every of notify is 0; write at least 1"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try load("", notify: notify) }
            let first = error?.diagnostics.first?.description ?? ""
            #expect(first.contains("geopipe.yaml:\(diagnostic)"), "\(first)")
        }
    }

    @Test("probe each target once, whichever services use it")
    func once() throws {
        var configuration = try load("check: { tcp: 25 }")
        configuration.services += configuration.services
        configuration.services[1].checks[0].interval = 99
        #expect(configuration.healthTargets.map(\.check.interval) == [10, 10])
        configuration.services[1].checks[0].probe = .tcp(port: 26)
        #expect(configuration.healthTargets.count == 4)
    }

    @Test("warn of settings without effect")
    func warnings() throws {
        #expect(
            try load("quorum: 2").warnings.map(\.message) == [
                "service web has a quorum but no check; all its addresses count as up"
            ])
        #expect(
            try load("check: { tcp: 25 }", "{ CNAME: www.example.net. }").warnings.map(\.message)
                == ["service web has no addresses to check; it counts as up"])
    }

    @Test("skip a datacenter with check: none, which needs an address and a check")
    func unchecked() throws {
        let configuration = try load("check: { tcp: 25 }", "{ A: 192.0.2.1, check: none }")
        #expect(configuration.services[0].unchecked == [0])
        #expect(configuration.services[0].answers[0].map(\.content.text) == ["192.0.2.1"])
        #expect(configuration.healthTargets.isEmpty)
        #expect(
            try load("", "{ A: 192.0.2.1, check: none }").warnings.map(\.message) == [
                "service web has check: none in oslo but no check; all its addresses count as up"
            ])
        for (answer, diagnostic) in [
            ("{ A: 192.0.2.1, check: off }", "check of the answer of service web in oslo is 'off'; write none"),
            ("{ check: none }", "the answer of service web in oslo is empty; write an address"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try load("check: { tcp: 25 }", answer) }
            #expect(error?.diagnostics.first?.message.hasPrefix(diagnostic) == true, "\(error?.diagnostics ?? [])")
        }
    }

    @Test(
        "are refused if they are invalid",
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
                "7:28: path in http of check of service web is 'health'; write one that begins with / and has no spaces"
            ),
            (
                "{ http: { expect: [99] } }",
                "7:31: expect in http of check of service web is '99'; write a status code such as 200, or a range such as 200-299"
            ),
            (
                "{ http: { method: PUT } }",
                "7:30: method in http of check of service web is 'PUT'; write GET, HEAD or POST"
            ),
            (
                "{ http: { body: x } }",
                "7:22: GET in http of check of service web has no body; write method: POST, or remove it"
            ),
            (
                "{ http: { method: HEAD, match: x } }",
                "7:36: the answer to HEAD in http of check of service web has no body for match; write method: GET, or remove it"
            ),
            (
                "{ http: { no_match: '' } }",
                "7:32: no_match in http of check of service web is empty, which every body contains; write a text, or remove it"
            ),
            (
                "{ http: { headers: { 'X Y': z } } }",
                "7:33: 'X Y' in headers in http of check of service web cannot name a header field; write one such as Accept"
            ),
            (
                "{ http: { headers: { Host: z } } }",
                "7:33: Host in headers in http of check of service web has its own key; write host: …"
            ),
            (
                "{ http: { headers: { Content-length: 1 } } }",
                "7:33: Content-length in headers in http of check of service web is set by the agent; remove it"
            ),
            (
                "{ http: { headers: { A: 1, a: 2 } } }",
                "7:39: a in headers in http of check of service web is given twice; keep one"
            ),
            (
                "{ http: { headers: { A: \"1\\r\\nB: 2\" } } }",
                "7:36: A of headers in http of check of service web has line ends or other control characters, or spaces around it; write it on one line"
            ),
            (
                "{ http: { weight_header: 'a b' } }",
                "7:37: weight_header in http of check of service web is 'a b'; write a field's name such as X-Geopipe-Weight"
            ),
            ("[]", "7:12: check of service web is empty; write check: { http: {} }, or remove it"),
            ("[{ tcp: 25 }, { tcp: 0 }]", "7:33: tcp of check 2 of service web is '0'; write a port from 1 to 65535"),
            (
                "{ tcp: 25, address: www }",
                "7:32: address in check of service web is 'www', which is not an address; write one such as 10.0.0.10"
            ),
            (
                "{ tcp: 25, address: { 192.0.2.2: 10.0.0.1 } }",
                "7:34: '192.0.2.2' of address in check of service web is not an address of the service's answers; did you mean '192.0.2.1'?"
            ),
            ("{ http: { verify: false } }", "7:22: unknown key 'verify' in http of check of service web"),
            (
                "{ command: ls }",
                "7:23: command of check of service web must be a list, as it is not split by a shell; write [/usr/bin/program, argument, \"{address}\"]"
            ),
            (
                "{ command: [ls] }",
                "7:23: command of check of service web does not begin with a program's absolute path; write [/usr/bin/program, …]"
            ),
        ])
    func diagnostics(text: String, diagnostic: String) {
        let error = #expect(throws: ConfigurationError.self) { try check(text) }
        let first = error?.diagnostics.first?.description ?? ""
        #expect(first.contains("geopipe.yaml:\(diagnostic)"), "\(first)")
    }
}
