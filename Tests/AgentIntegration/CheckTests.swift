import DNS
import Foundation
import NIOHTTP1
import Platform
import Support
import Testing

@Suite("The agent checks")
struct CheckTests {
    /// Checks all services, and returns the state and the reason of each.
    ///
    /// - Parameter expected: the expected outcomes; a time-out takes one second, everything else as long as a busy
    ///   machine needs.
    private func results(
        _ services: [(addresses: String, check: String)], expecting expected: [String] = [],
        trusting roots: String? = nil
    ) throws -> [String] {
        let checks = services.enumerated().map { number, service in
            let seconds = number < expected.count && expected[number].contains("timed out after 1 s") ? 1 : 120
            return (service.addresses, "\(service.check), interval: \(seconds), timeout: \(seconds), rise: 1, fall: 1")
        }
        let agent = try Agent(checks, trusting: roots)
        let isKnown = try agent.waits { try agent.states().allSatisfy { $0 != nil } }
        try #require(isKnown, "\(agent.said)")
        try #require(agent.end(SIGTERM) == 0)
        return try agent.states().map { "\($0!.isUp ? "up" : "down"): \($0!.reason)" }
    }

    @Test("by HTTP, whose status and text decide, without following redirects")
    func http() throws {
        let server = try LocalServer()
        let expectations = [
            ("path: /", "up: 200 OK"),
            ("path: /status/204", "up: 204 No Content"),
            ("path: /status/302", "up: 302 Found"),
            ("path: /status/302, expect: 200-299", "down: 302 Found"),
            ("path: /status/404", "down: 404 Not Found"),
            ("path: /status/404, expect: [200, 400-404]", "up: 404 Not Found"),
            ("path: /status/503", "down: 503 Service Unavailable"),
            ("path: /a?b=c, match: \"Host: 127.0.0.1:\(server.port)\"", "up: 200 OK"),
            ("path: /b, host: www.example.com, match: \"Host: www.example.com\\n\"", "up: 200 OK"),
            ("path: /, match: healthy", "down: 200 OK, but without 'healthy'"),
            ("path: /large, match: 456789012", "up: 200 OK"),
            ("path: /large, match: Host", "down: 200 OK, but without 'Host'"),
            ("path: /hang", "down: timed out after 1 s"),
            ("path: /trickle", "up: 200 OK"),
            ("path: /trickle, match: more", "down: timed out after 1 s"),
            ("path: /silent", "down: closed the connection without a response"),
            ("path: /rude", "down: its response is not HTTP"),
        ]
        let results = try results(
            expectations.map { ("127.0.0.1", "http: { port: \(server.port), \($0.0) }") },
            expecting: expectations.map(\.1))
        #expect(results == expectations.map(\.1))
        let request = try #require(server.requests.first { $0.uri == "/a?b=c" })
        #expect(request.method == .GET && request.version == .http1_1)
        #expect(request.headers["Connection"] == ["close"])
        #expect(request.headers["Host"] == ["127.0.0.1:\(server.port)"])
        #expect(request.headers["User-Agent"] == ["geopipe-agent/\(geopipeVersion)"])
        #expect(!server.requests.contains { $0.uri == "/status/500" }, "a redirect was followed")
    }

    @Test("by HTTP with a configured method, header fields and body")
    func requests() throws {
        let server = try LocalServer()
        let expectations = [
            ("path: /headers, headers: { Authorization: Bearer x-y, User-Agent: monitor, X-Empty: '' }", "up: 200 OK"),
            ("path: /head, method: HEAD", "up: 200 OK"),
            ("path: /status/503/head, method: HEAD", "down: 503 Service Unavailable"),
            ("path: /post, method: post, body: '{\"deep\": true}', match: 'Host:'", "up: 200 OK"),
            ("path: /empty, method: POST", "up: 200 OK"),
            ("path: /, host: www.example.com., match: \"Host: www.example.com\\n\"", "up: 200 OK"),
            ("path: /, host: 'www.example.com.:81', match: \"Host: www.example.com:81\\n\"", "up: 200 OK"),
            ("path: /, no_match: maintenance", "up: 200 OK"),
            ("path: /, match: Host, no_match: maintenance", "up: 200 OK"),
            ("path: /, no_match: 'Host:'", "down: 200 OK, but with 'Host:'"),
            ("path: /, match: maintenance, no_match: nothing", "down: 200 OK, but without 'maintenance'"),
            ("path: /large, no_match: 456789012", "down: 200 OK, but with '456789012'"),
        ]
        let results = try results(
            expectations.map { ("127.0.0.1", "http: { port: \(server.port), \($0.0) }") },
            expecting: expectations.map(\.1))
        #expect(results == expectations.map(\.1))
        func request(_ path: String) throws -> HTTPRequestHead {
            try #require(server.requests.first { $0.uri == path }, "\(path)")
        }
        let headers = try request("/headers").headers
        #expect(headers["Authorization"] == ["Bearer x-y"] && headers["User-Agent"] == ["monitor"])
        #expect(headers["X-Empty"] == [""] && headers["Accept"] == ["*/*"])
        #expect(try request("/head").method == .HEAD)
        #expect(try request("/post").method == .POST)
        #expect(try request("/post").headers["Content-Length"] == ["14"])
        #expect(server.body(of: "/post") == "{\"deep\": true}")
        #expect(try request("/empty").headers["Content-Length"] == ["0"])
    }

    @Test("by HTTP, whatever a server does with lines, fields and the end of its response")
    func edges() throws {
        let fields = (0..<300).map { "X-Field-\($0): \($0)\r\n" }.joined()
        let head = "HTTP/1.1 200 OK\r\n"
        let overflow =
            "down: its response has more than 1000 header fields, or 256 KiB of them, or one of more than 128 KiB"
        let hints = "HTTP/1.1 103 Early Hints\nLink: </style.css>\n\n"
        let expectations: [(answer: String, check: String, result: String)] = [
            // The connection stays open: the bytes so far decide.
            ("\(head)Content-Type: text/event-stream\r\n\r\ndata: hi\n\n", "", "up: 200 OK"),
            ("\(head)Connection: keep-alive\r\n\r\nok", "", "up: 200 OK"),
            ("\(head)\r\nstill wa", "match: wait", "down: timed out after 1 s"),
            ("\(head)\r\nwait", "match: wait", "up: 200 OK"),
            ("\(head)\r\nwait", "no_match: wait", "down: 200 OK, but with 'wait'"),
            ("\(head)\r\nwait", "no_match: late", "down: timed out after 1 s"),
            ("HTTP/1.1 200 OK\nContent-Length: 3\n\na\nb", "match: \"a\\nb\"", "up: 200 OK"),
            ("\(hints)HTTP/1.1 200 OK\n\nlate", "match: late", "up: 200 OK"),
            (
                "\(String(repeating: hints, count: 17))HTTP/1.1 200 OK\n\n", "",
                "down: more than 16 interim responses, the last 103"
            ),
            ("\(String(repeating: hints, count: 16))HTTP/1.1 200 OK\n\n", "", "up: 200 OK"),
            ("HTTP/1.1 503 Busy\n\n", "", "down: 503 Service Unavailable"),
            ("\(head)\(fields)\r\n", "", "up: 200 OK"),
            ("\(head)X-Large: \(String(repeating: "x", count: 100_000))\r\n\r\n", "", "up: 200 OK"),
            ("\(head)\(fields)\(fields)\(fields)\(fields)\r\n", "", overflow),
            ("\(head)X-Large: \(String(repeating: "x", count: 200_000))\r\n\r\n", "", overflow),
            ("\(head)X-Load: 40%\r\n\r\n", "weight_header: x-load", "up: 200 OK, up 40%"),
            ("\(head)X-Load: 0%\r\n\r\n", "weight_header: X-Load", "down: 200 OK, but with X-Load: 0%"),
            ("\(head)\r\n", "weight_header: X-Load", "up: 200 OK"),
        ]
        let servers = try expectations.map { try RawServer($0.answer) }
        let results = try results(
            zip(servers, expectations).map { ("127.0.0.1", "http: { port: \($0.port), \($1.check) }") },
            expecting: expectations.map(\.result))
        #expect(results == expectations.map(\.result))
    }

    @Test("addresses whose checks have no result: they stay unknown, and the reason is logged")
    func unknown() throws {
        let folder = try Folder()
        let file = try folder.write(Array("down\nmaintenance\n".utf8), to: "all")
        let server = try RawServer("HTTP/1.1 200 OK\r\nX-Load: much\r\n\r\n")
        let agent = try Agent([
            ("127.0.0.1", "file: \(file), interval: 1, fall: 1"),
            ("127.0.0.1", "http: { port: \(server.port), weight_header: X-Load }, interval: 1, fall: 1"),
        ])
        let words = [
            "line 2 of \(file) is 'maintenance'; write up", "X-Load of the answer is 'much'; the server should",
        ]
        #expect(agent.waits { words.allSatisfy(agent.said.contains) }, "\(agent.said)")
        #expect(try agent.states() == [nil, nil])
    }

    @Test("another address than the answered one, and all of several checks")
    func several() throws {
        let servers = try [LocalServer(), LocalServer("::1")]
        let often = "interval: 1, timeout: 1, rise: 1, fall: 1"
        let agent = try Agent([], isStarted: false)
        try agent.configure(
            """
            state_directory: state
            datacenters: { oslo: {} }
            maps: { all: { default: oslo } }
            services:
              web:
                map: all
                answers: { oslo: [192.0.2.1, 192.0.2.2] }
                check:
                  - { http: { port: \(servers[0].port) }, address: 127.0.0.1, \(often) }
                  - http: { port: \(servers[1].port), path: /deep }
                    address: { 192.0.2.1: "::1", 192.0.2.2: 127.0.0.1 }
                    \(often.replacing(", ", with: "\n        "))
            zones:
              example.com: { soa: { primary: ns.example.com., contact: a@example.com }, ns: [ns.example.com.] }

            """)
        try agent.start()
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [true, true, false] }, "\(agent.said)")
        let sentence = "service web, datacenter oslo: 192.0.2.2 is down: http://127.0.0.1:\(servers[1].port)/deep: "
        #expect(agent.said.contains(sentence), "\(agent.said)")
        servers[0].status = 500
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [false, true, false] }, "\(agent.said)")
        #expect(agent.said.contains("service web, datacenter oslo: 192.0.2.1, 192.0.2.2 are down: "), "\(agent.said)")
    }

    @Test("by HTTPS, whose certificate must be valid for the name, or for the address without one")
    func https() throws {
        let folder = try Folder()
        let good = try Certificate("DNS:www.example.com,IP:127.0.0.1", in: folder)
        let named = try Certificate("DNS:other.example.com,IP:192.0.2.1", in: folder)
        let unknown = try Certificate("DNS:www.example.com,IP:127.0.0.1", in: folder)
        let servers = try [good, named, unknown].map { try LocalServer(certificate: $0) }
        let plain = try LocalServer()
        let roots = try folder.write(
            try [good, named].flatMap { try Data(contentsOf: URL(filePath: $0.file)) }, to: "roots")
        let other = "certificate is for other.example.com, 192.0.2.1"
        let untrusted = "certificate is not trusted, or not valid now"
        let expectations = [
            ("port: \(servers[0].port)", "up: 200 OK"),
            ("port: \(servers[0].port), host: www.example.com, match: \"Host: www.example.com\\n\"", "up: 200 OK"),
            (
                "port: \(servers[0].port), host: \"www.example.com:8443\", match: \"Host: www.example.com:8443\"",
                "up: 200 OK"
            ),
            (
                "port: \(servers[0].port), path: /dot, host: www.example.com., match: \"Host: www.example.com\\n\"",
                "up: 200 OK"
            ),
            ("port: \(servers[1].port)", "down: \(other)"),
            ("port: \(servers[1].port), host: www.example.com", "down: \(other)"),
            ("port: \(servers[1].port), host: other.example.com", "up: 200 OK"),
            ("port: \(servers[1].port), verify: false", "up: 200 OK"),
            ("port: \(servers[2].port)", "down: \(untrusted)"),
            ("port: \(servers[2].port), host: www.example.com", "down: \(untrusted)"),
            ("port: \(servers[2].port), host: www.example.com, verify: false", "up: 200 OK"),
            ("port: \(servers[0].port), path: /status/500", "down: 500 Internal Server Error"),
            ("port: \(servers[0].port), path: /hang", "down: timed out after 1 s"),
            ("port: \(plain.port)", "down: TLS handshake failed"),
        ]
        let results = try results(
            expectations.map { ("127.0.0.1", "https: { \($0.0) }") }, expecting: expectations.map(\.1), trusting: roots)
        #expect(results == expectations.map(\.1))
    }

    @Test("addresses of both families, by HTTP and by TCP")
    func families() throws {
        let servers = try [LocalServer(), LocalServer("::1")]
        // Bound, but not listening.
        let closed = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(closed) }
        let port = try #require(freePort())
        try #require(withLoopback(port) { bind(closed, $0, $1) } == 0)
        let results = try results([
            ("127.0.0.1", "tcp: \(servers[0].port)"), ("\"::1\"", "tcp: { port: \(servers[1].port) }"),
            ("\"::1\"", "http: { port: \(servers[1].port), match: \"Host: [::1]:\(servers[1].port)\" }"),
            ("127.0.0.1", "tcp: \(port)"), ("127.0.0.1", "http: { port: \(port) }"),
        ])
        #expect(
            results == [
                "up: connected", "up: connected", "up: 200 OK", "down: connection refused", "down: connection refused",
            ])
    }

    @Test("by commands, and kills all of their processes")
    func commands() throws {
        let folder = try Folder()
        let children = "\(folder.path)/children"
        let script = "sleep 300 & echo $! >> \(children); sleep 300 & echo $! >> \(children)"
        let expectations = [
            ("[/bin/true]", "up: exit status 0"),
            (
                "[/bin/sh, -c, 'echo \"$0 is well\"; echo more', '<{address}>']",
                "up: exit status 0: <127.0.0.1> is well"
            ),
            ("[/bin/sh, -c, 'echo ill >&2; exit 2']", "down: exit status 2: ill"),
            ("[/bin/sh, -c, 'kill -9 $$']", "down: killed by signal 9"),
            ("[/nowhere/program]", "down: cannot run /nowhere/program: no such file or directory"),
            ("[/bin/cat]", "up: exit status 0"),
            ("[/bin/sh, -c, 'test -e /proc/self/fd/3']", "down: exit status 1"),
            ("[/usr/bin/yes]", "down: timed out after 1 s: y"),
            ("[/bin/sh, -c, '\(script); wait']", "down: timed out after 1 s"),
            ("[/bin/sh, -c, '\(script); echo done']", "up: exit status 0: done"),
        ]
        let expected = expectations.map(\.1)
        #expect(try results(expectations.map { ("127.0.0.1", "command: \($0.0)") }, expecting: expected) == expected)
        let started = try String(contentsOfFile: children, encoding: .utf8).split(separator: "\n").compactMap {
            pid_t($0)
        }
        try #require(started.count >= 2)
        #expect(eventually { !started.contains(where: isRunning) })
    }

    @Test("by commands; a program that cannot be read from its disk delays no other")
    func hangingProgram() throws {
        let folder = try Folder()
        let program = try folder.write(Data(contentsOf: URL(filePath: "/bin/true")), to: "program")
        chmod(program, 0o755)
        // Opening a file with a lease waits until the lease is released (fcntl(2)), as it may wait for a disk.
        let (setLease, forWriting): (CInt, CInt) = (1_024, 1)
        signal(SIGIO, SIG_IGN)
        let descriptor = open(program, O_RDONLY | O_CLOEXEC)
        var isOpen = true
        defer { if isOpen { close(descriptor) } }
        try #require(fcntl(descriptor, setLease, forWriting) == 0)
        let times = "interval: 1, timeout: 1, rise: 1, fall: 1"
        let agent = try Agent([program, "/bin/true"].map { ("127.0.0.1", "command: [\($0)], \(times)") })
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [false, true] }, "\(agent.said)")
        #expect(agent.said.contains("\(program): timed out after 1 s, once\n"), "\(agent.said)")
        let reportedAt = try #require(try agent.states()[1]?.reportedAt)
        #expect(
            try agent.waits { try agent.states()[1].map { $0.reportedAt > reportedAt + 2 } ?? false }, "\(agent.said)")
        close(descriptor)
        isOpen = false
        #expect(try agent.waits { try agent.states().map { $0?.isUp } == [true, true] }, "\(agent.said)")
    }

    @Test("by files")
    func files() throws {
        let folder = try Folder()
        let file = try folder.write(Array("down\n127.0.0.2 up\n".utf8), to: "all")
        try folder.write(Array("up\n".utf8), to: "of-127.0.0.1")
        try #require(mkfifo("\(folder.path)/pipe", 0o600) == 0)
        #expect(
            try results([
                ("127.0.0.1, 127.0.0.2", "file: \(file)"),
                ("127.0.0.1, 127.0.0.2", "file: \"\(folder.path)/of-{address}\""),
                ("127.0.0.1", "file: \(folder.path)/pipe"),
            ]) == [
                "down: the file says down", "up: the file says up", "up: the file says up",
                "down: cannot read the file: no such file or directory", "down: it is not a regular file",
            ])
    }
}
