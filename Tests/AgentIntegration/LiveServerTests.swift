import Foundation
import NIOCore
import Platform
import Support
import Testing

@testable import geopipe_agent

/// A live server in this process.
final class TestLiveServer: Sendable {
    let view: LiveView
    let port: UInt16
    private let task: Task<Void, any Error>

    init(_ arguments: [String] = [], playback: (any LivePlayback)? = nil, stallPatience: TimeAmount = .seconds(30))
        async throws
    {
        let view = LiveView(playback == nil ? .live : .replay, host: "test", start: wallTime())
        let options = try LiveOptions.parse(arguments)
        let server = LiveServer(view, playback: playback, stallPatience: stallPatience)
        let (urls, announced) = AsyncStream.makeStream(of: String.self)
        task = Task(executorPreference: DedicatedExecutor.shared) {
            defer { announced.finish() }
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
            try await server.serve(at: address, options) { announced.yield($0) }
        }
        self.view = view
        var url: String?
        for await announced in urls {
            url = announced
            break
        }
        struct NotServed: Error {}
        guard let port = url?.split(separator: ":").last.flatMap({ UInt16($0.dropLast()) }) else { throw NotServed() }
        self.port = port
    }

    deinit { task.cancel() }

    /// The response to raw bytes; `nil` for none.
    func answer(_ request: String) async -> WebAnswer? {
        await inThread { [port] in WebAnswer(to: request, port: port) }
    }

    /// The response to a request with a valid Host.
    func answer(_ method: String, _ target: String, _ fields: String = "", body: String = "") async -> WebAnswer? {
        await answer("\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\(fields)\r\n\(body)")
    }
}

@Suite("The live server")
struct LiveServerTests {
    @Test("serves the page, with headers that isolate it")
    func page() async throws {
        let server = try await TestLiveServer()
        let answer = try #require(await server.answer("GET", "/"))
        #expect(answer.status == 200)
        #expect(answer.body == LivePage.own.html)
        let head = answer.head.lowercased()
        for field in [
            "content-type: text/html; charset=utf-8", "x-content-type-options: nosniff", "x-frame-options: deny",
            "referrer-policy: no-referrer", "cache-control: no-store", "connection: close",
            "content-length: \(answer.body.utf8.count)",
            "content-security-policy: default-src 'none'; script-src 'sha256-", "frame-ancestors 'none'",
        ] {
            #expect(head.contains(field), "\(field): \(head)")
        }
        #expect(!head.contains("access-control") && !head.contains("set-cookie"))
        let headOnly = try #require(await server.answer("HEAD", "/"))
        #expect(headOnly.status == 200 && headOnly.body.isEmpty)
        #expect(headOnly.head.contains("Content-Length: \(answer.body.utf8.count)"))
        let state = try #require(await server.answer("GET", "/api/state"))
        #expect(state.status == 200 && state.head.contains("application/json"))
        let object = try JSON(reading: state.body.utf8)
        #expect(object["mode"]?.string == "live" && object["host"]?.string == "test")
    }

    @Test("rejects invalid requests, with what to write instead")
    func requests() async throws {
        let server = try await TestLiveServer(["--live-host", "live.example.com"])
        let host = "Host: 127.0.0.1:\(server.port)\r\n"
        for (request, expected) in [
            // Paths.
            ("GET /api/state/ HTTP/1.1\r\n\(host)\r\n", 404), ("GET // HTTP/1.1\r\n\(host)\r\n", 404),
            ("GET /../ HTTP/1.1\r\n\(host)\r\n", 404), ("GET /api/../api/state HTTP/1.1\r\n\(host)\r\n", 404),
            ("GET /%61pi/state HTTP/1.1\r\n\(host)\r\n", 404), ("GET /api/state%00 HTTP/1.1\r\n\(host)\r\n", 404),
            ("GET /API/STATE HTTP/1.1\r\n\(host)\r\n", 404), ("GET /metrics HTTP/1.1\r\n\(host)\r\n", 404),
            ("GET /etc/passwd HTTP/1.1\r\n\(host)\r\n", 404), ("GET * HTTP/1.1\r\n\(host)\r\n", 400),
            ("GET http://127.0.0.1/ HTTP/1.1\r\n\(host)\r\n", 400),
            ("GET http://evil.example/api/state HTTP/1.1\r\n\(host)\r\n", 400),
            ("GET /api/state?a=%zz HTTP/1.1\r\n\(host)\r\n", 400),
            // Methods.
            ("POST / HTTP/1.1\r\n\(host)Content-Length: 0\r\n\r\n", 405),
            ("POST /api/state HTTP/1.1\r\n\(host)Content-Length: 0\r\n\r\n", 405),
            ("PUT /api/state HTTP/1.1\r\n\(host)\r\n", 405), ("DELETE / HTTP/1.1\r\n\(host)\r\n", 405),
            ("OPTIONS /api/state HTTP/1.1\r\n\(host)\r\n", 405), ("TRACE / HTTP/1.1\r\n\(host)\r\n", 405),
            ("GET /api/replay HTTP/1.1\r\n\(host)\r\n", 405),
            ("POST /api/replay HTTP/1.1\r\n\(host)Content-Length: 2\r\n\r\n{}", 404),
            // Names that are not its own, and other origins.
            ("GET /api/state HTTP/1.1\r\nHost: evil.example:\(server.port)\r\n\r\n", 403),
            ("GET /api/state HTTP/1.1\r\nHost: live.example.com\r\n\r\n", 200),
            ("GET /api/state HTTP/1.1\r\n\r\n", 400), ("GET /api/state HTTP/1.0\r\n\r\n", 400),
            ("GET /api/state HTTP/1.1\r\n\(host)\(host)\r\n", 400),
            ("GET /api/state HTTP/1.1\r\n\(host)Origin: null\r\n\r\n", 403),
            ("GET /api/stream HTTP/1.1\r\n\(host)Origin: http://evil.example\r\n\r\n", 403),
            ("POST /api/replay HTTP/1.1\r\n\(host)Origin: http://evil.example\r\nContent-Length: 2\r\n\r\n{}", 403),
            ("GET /api/state HTTP/1.1\r\n\(host)Origin: http://127.0.0.1:\(server.port)\r\n\r\n", 200),
            // A second request in the first.
            ("GET /api/state HTTP/1.1\r\n\(host)Content-Length: 5\r\n\r\nGET /", 400),
            ("GET /api/state HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (
                "POST /api/replay HTTP/1.1\r\n\(host)Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400
            ),
            ("POST /api/replay HTTP/1.1\r\n\(host)Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400),
            ("POST /api/replay HTTP/1.1\r\n\(host)Content-Length: +2\r\n\r\n{}", 400),
            (
                "POST /api/replay HTTP/1.1\r\n\(host)Content-Length: 1025\r\n\r\n\(String(repeating: " ", count: 1_025))",
                413
            ),
            ("GET /api/state HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n", 400),
            ("GET /api/state HTTP/1.1\r\n\(host)X: a\r\n b\r\n\r\n", 400),
            ("GET /api/state HTTP/3.7\r\n\(host)\r\n", 400), ("nonsense\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", 400),
            ("GET /a b HTTP/1.1\r\n\(host)\r\n", 400),
            // Heads of 8 KiB, and above.
            ("GET /api/state HTTP/1.1\r\n\(host)X: \(String(repeating: "x", count: 8_000))\r\n\r\n", 200),
            ("GET /api/state HTTP/1.1\r\n\(host)X: \(String(repeating: "x", count: 9_000))\r\n\r\n", 431),
            ("GET /\(String(repeating: "x", count: 9_000)) HTTP/1.1\r\n\(host)\r\n", 431),
            ("GET /api/state HTTP/1.1\r\n\(host)\(String(repeating: "X: y\r\n", count: 3_000))\r\n", 431),
            (String(repeating: "x", count: 1 << 20), nil),
            // Questions to the API.
            ("GET /api/stream?raw=1 HTTP/1.1\r\n\(host)\r\n", 403),
            ("GET /api/explain HTTP/1.1\r\n\(host)\r\n", 503),
        ] as [(String, Int?)] {
            let answer = await server.answer(request)
            let shown = request.prefix(100)
            guard let expected else { continue }
            #expect(answer?.status == expected, "\(shown): \(answer?.head ?? "no answer")")
            guard let answer, expected != 200, !request.hasPrefix("HEAD") else { continue }
            let error = try? JSON(reading: answer.body.utf8)["error"]?.string
            #expect(error?.isEmpty == false, "\(shown): \(answer.body)")
        }
    }

    @Test("responds to one request of a connection, and ignores later ones")
    func pipelining() async throws {
        let server = try await TestLiveServer()
        let request = "GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        let answer = try #require(await server.answer(request + request + request))
        #expect(answer.status == 404)
        #expect(!answer.body.contains("HTTP/1.1"))
    }

    @Test("responds whatever bytes follow the request", arguments: ["/api/state", "/api/replay", "/"])
    func garbage(path: String) async throws {
        let server = try await TestLiveServer()
        let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for rest in ["\u{0}\u{1}garbage\r\n\r\n", String(repeating: "x", count: 100_000)] {
            let answer = try #require(await server.answer(request + rest))
            #expect(answer.status == (path == "/api/replay" ? 405 : 200))
        }
        let socket = try #require(connection(to: server.port))
        defer { close(socket) }
        let bytes = Array("GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n\u{0}\r\n\r\n".utf8)
        send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        _ = await read(socket) { $0.contains("retry: 1000") }
        send(socket, "garbage\r\n\r\n", 11, Int32(MSG_NOSIGNAL))
        server.view.add(event("after it"))
        #expect(await read(socket) { $0.contains("after it") }.contains("after it"))
    }

    @Test("has a place for a client although 128 others send nothing")
    func silentClients() async throws {
        let server = try await TestLiveServer()
        // A stream keeps its place.
        let (viewer, _) = try await stream(server)
        defer { close(viewer) }
        var sockets: [CInt] = []
        defer { for socket in sockets { close(socket) } }
        for _ in 0..<200 { sockets.append(try #require(connection(to: server.port))) }
        #expect(await server.answer("GET", "/api/state")?.status == 200)
        server.view.add(event("still here"))
        #expect(await read(viewer) { $0.contains("still here") }.contains("still here"))
    }

    @Test("waits two seconds for a request, and not longer")
    func slowHeads() async throws {
        let server = try await TestLiveServer()
        for part in [
            "", "GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nX", "POST /api/replay HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        ] {
            let answer = await server.answer(part)
            #expect(answer == nil, "\(part)")
        }
    }

    @Test("requires the token, and lets a browser keep a cookie instead")
    func token() async throws {
        let secret = "correct-horse-battery-staple/+="
        let folder = try Folder()
        let file = try folder.write(Array("\(secret)\n".utf8), to: "token")
        chmod(file, 0o600)
        let server = try await TestLiveServer(["--live-token-file", file])
        for path in ["/", "/api/state", "/api/stream", "/api/nothing"] {
            let answer = try #require(await server.answer("GET", path))
            #expect(answer.status == 401, "\(path)")
            #expect(answer.head.contains("WWW-Authenticate: Bearer"))
            #expect(!answer.body.contains(secret))
        }
        let right = "Authorization: Bearer \(secret)\r\n"
        #expect(await server.answer("GET", "/api/state", right)?.status == 200)
        #expect(await server.answer("GET", "/api/state", "Authorization: Bearer x\(secret)\r\n")?.status == 401)
        let signedIn = try #require(await server.answer("GET", "/?token=correct-horse-battery-staple/%2B="))
        #expect(signedIn.status == 303)
        #expect(signedIn.head.contains("\r\nLocation: /\r\n"))
        let cookie = try #require(signedIn.head.firstMatch(of: /Set-Cookie: ([^;]+); ([^\r]*)/))
        #expect(cookie.2.contains("HttpOnly") && cookie.2.contains("SameSite=Strict") && !cookie.1.contains(secret))
        #expect(await server.answer("GET", "/", "Cookie: \(cookie.1)\r\n")?.status == 200)
        #expect(await server.answer("GET", "/", "Cookie: \(cookie.1)x\r\n")?.status == 401)
    }

    // MARK: - Streams

    /// Opens a stream, and reads its head and first events.
    private func stream(_ server: TestLiveServer, _ query: String = "") async throws -> (socket: CInt, text: String) {
        let socket = try #require(connection(to: server.port))
        let request = Array("GET /api/stream\(query) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
        send(socket, request, request.count, Int32(MSG_NOSIGNAL))
        return (socket, await read(socket) { $0.contains("retry: 1000\n\n") || $0.contains("\"error\"") })
    }

    /// Reads until `isEnough`, or the connection ends.
    private func read(_ socket: CInt, until isEnough: @escaping @Sendable (String) -> Bool) async -> String {
        await inThread {
            var text = ""
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while !isEnough(text), case let count = recv(socket, &chunk, chunk.count, 0), count > 0 {
                text += String(decoding: chunk[..<count], as: UTF8.self)
            }
            return text
        }
    }

    private func event(_ text: String) -> LiveEvent { LiveEvent(time: wallTime(), kind: .switch, text: text) }

    @Test("streams events, each with one line of JSON")
    func events() async throws {
        let server = try await TestLiveServer()
        let (socket, head) = try await stream(server, "?hits=0")
        defer { close(socket) }
        #expect(head.contains("HTTP/1.1 200") && head.contains("text/event-stream"), "\(head)")
        #expect(server.view.viewerCount == 1)
        server.view.add(event("oslo drained by ops: \"a\nb\""))
        let text = await read(socket) { $0.contains("\n\n") }
        let lines = text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("event:") || $0.hasPrefix("data:") }
        #expect(lines.first == "event: event", "\(text)")
        let data = try #require(lines.last?.dropFirst("data: ".count))
        #expect(try JSON(reading: data.utf8)["text"]?.string == "oslo drained by ops: \"a\nb\"")
    }

    @Test("accepts 64 viewers, and says so to another")
    func manyViewers() async throws {
        let server = try await TestLiveServer()
        var sockets: [CInt] = []
        defer { for socket in sockets { close(socket) } }
        for _ in 0..<64 {
            let (socket, text) = try await stream(server)
            sockets.append(socket)
            #expect(text.contains("HTTP/1.1 200"))
        }
        let (socket, text) = try await stream(server)
        defer { close(socket) }
        #expect(text.contains("HTTP/1.1 503") && text.contains("Retry-After: 10"), "\(text)")
        #expect(text.contains("64 viewers are connected already"))
        // Other requests are served, and a viewer that leaves frees its place.
        #expect(await server.answer("GET", "/api/state")?.status == 200)
        close(sockets.removeLast())
        #expect(await inThread { eventually(within: .seconds(600)) { server.view.viewerCount == 63 } })
        let (next, answer) = try await stream(server)
        defer { close(next) }
        #expect(answer.contains("HTTP/1.1 200"))
    }

    @Test("replaces old frames of a slow viewer, drops a viewer that reads nothing, and delays no other viewer")
    func slowViewers() async throws {
        let server = try await TestLiveServer(stallPatience: .seconds(10))
        let (slow, _) = try await stream(server)
        defer { close(slow) }
        let (quick, _) = try await stream(server)
        defer { close(quick) }
        let words = String(repeating: "x", count: 20_000)
        let view = server.view
        // The fast viewer reads continuously.
        let reading = Task(executorPreference: DedicatedExecutor.shared) {
            await read(quick) { $0.hasSuffix("the last\"}\n\n\r\n") || $0.contains("the last\"}\n\n") }
        }
        let isDropped = await inThread {
            eventually(within: .seconds(600)) {
                for _ in 0..<20 { view.add(LiveEvent(time: wallTime(), kind: .reload, text: words)) }
                return view.viewerCount < 2
            }
        }
        #expect(isDropped)
        view.add(event("the last"))
        #expect(await reading.value.contains("the last"))
        #expect(view.viewerCount == 1)
    }

    @Test("serves a socket of this machine without Host and token, only to its owner and group")
    func socket() async throws {
        let folder = try Folder()
        let path = "\(folder.path)/live.sock"
        // The socket of a killed process.
        close(try UnixSocket.bind(SOCK_STREAM, at: path, in: nil))
        let view = LiveView(.live, host: "test", start: wallTime())
        let task = Task(executorPreference: DedicatedExecutor.shared) {
            await LiveServer(view).run(atSocket: path, in: nil, consolation: "")
        }
        defer { task.cancel() }
        @Sendable func status() -> (mode: mode_t, inode: UInt64)? {
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
            return (status.st_mode & 0o7777, UInt64(status.st_ino))
        }
        @Sendable func answer(_ request: String) -> String? {
            let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
            defer { close(socket) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            let isThere = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) == 0 }
            }
            guard isThere else { return nil }
            var timeLimit = timeval(tv_sec: 600, tv_usec: 0)
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeLimit, socklen_t(MemoryLayout<timeval>.size))
            let bytes = Array(request.utf8)
            send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            var text = ""
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while !text.contains("retry: 1000"), case let count = recv(socket, &chunk, chunk.count, 0), count > 0 {
                text += String(decoding: chunk[..<count], as: UTF8.self)
            }
            return text
        }
        let request = "GET /api/state HTTP/1.1\r\nHost: anything\r\n\r\n"
        #expect(
            await inThread { eventually(within: .seconds(600)) { answer(request)?.contains("HTTP/1.1 200") == true } })
        #expect(status()?.mode == 0o660)
        let all = await inThread { answer("GET /api/stream?raw=1 HTTP/1.1\r\nHost: x\r\n\r\n") }
        #expect(all?.contains("HTTP/1.1 200") == true, "\(all ?? "")")
        // A removed socket is made again.
        unlink(path)
        #expect(
            await inThread { eventually(within: .seconds(600)) { answer(request)?.contains("HTTP/1.1 200") == true } })
        task.cancel()
        #expect(await inThread { eventually(within: .seconds(600)) { status() == nil } })
    }
}
