import Foundation
import NIOHTTP1
import Support
import Testing

@testable import geopipe_agent

@Suite("Access to the live view")
struct LiveAccessTests {
    private let secret = "0123456789abcdef0123456789abcdef"

    private func verdict(
        _ access: LiveAccess, _ target: String, _ fields: [(String, String)]
    ) -> LiveAccess.Verdict {
        access.judge(HTTPRequestHead(version: .http1_1, method: .GET, uri: target, headers: HTTPHeaders(fields)))
    }

    private func status(_ access: LiveAccess, _ target: String, _ fields: [(String, String)]) -> Int {
        switch verdict(access, target, fields) {
        case .allowed: 200
        case .signedIn: 303
        case .refused(let status, _): status
        }
    }

    private func status(_ access: LiveAccess, _ fields: [(String, String)]) -> Int {
        status(access, "/api/state", fields)
    }

    @Test("depends on Host: an address, localhost, or a configured name")
    func hosts() {
        let access = LiveAccess(names: ["live.example.com"])
        for (host, expected) in [
            ("127.0.0.1", 200), ("127.0.0.1:9354", 200), ("localhost", 200), ("LOCALHOST:9354", 200), ("[::1]", 200),
            ("[::1]:9354", 200), ("198.51.100.7:9354", 200), ("live.example.com", 200), ("LIVE.example.COM:443", 200),
            ("evil.example", 403), ("evil.example:9354", 403), ("live.example.com.evil.example", 403),
            ("127.0.0.1.evil.example", 403), ("localhost.evil.example", 403), ("127.1", 403), ("0x7f000001", 403),
            ("localhost.", 200), ("evil.example.", 403), ("localhost..", 400), ("::1", 400), ("[::1%25lo]", 400),
            ("a@127.0.0.1", 400), ("", 400),
        ] {
            #expect(status(access, [("Host", host)]) == expected, "\(host)")
            #expect(status(access, "/", [("host", host)]) == expected, "\(host)")
        }
        #expect(status(access, []) == 400)
        #expect(status(access, [("Host", "localhost"), ("Host", "localhost")]) == 400)
        #expect(status(access, [("Host", "localhost"), ("Host", "evil.example")]) == 400)
        guard case .refused(_, let message) = verdict(access, "/", [("Host", "ns1.example.net:9354")]) else { return }
        #expect(message.contains("--live-host ns1.example.net"))
    }

    @Test("depends on Origin, and on the site of a request")
    func origins() {
        let access = LiveAccess()
        let host = ("Host", "127.0.0.1:9354")
        for (fields, expected) in [
            ([("Origin", "http://127.0.0.1:9354")], 200), ([("Origin", "null")], 403), ([("Origin", "")], 403),
            ([("Origin", "http://evil.example")], 403), ([("Origin", "http://localhost:9354")], 403),
            ([("Origin", "http://127.0.0.1:9354"), ("Origin", "http://127.0.0.1:9354")], 403),
            ([("Sec-Fetch-Site", "same-origin")], 200), ([("Sec-Fetch-Site", "none")], 200),
            ([("Sec-Fetch-Site", "cross-site")], 403), ([("Sec-Fetch-Site", "same-site")], 403),
            ([("Sec-Fetch-Site", "SAME-ORIGIN"), ("Sec-Fetch-Site", "cross-site")], 403),
        ] {
            #expect(status(access, [host] + fields) == expected, "\(fields)")
        }
        // A link on another page may lead to this one.
        #expect(status(access, "/", [host, ("Sec-Fetch-Site", "cross-site")]) == 200)
        #expect(status(access, "/", [host, ("Origin", "http://evil.example")]) == 403)
    }

    @Test("depends on the token, if there is one")
    func tokens() {
        let access = LiveAccess(token: LiveToken(secret))
        let host = ("Host", "127.0.0.1:9354")
        func status(_ fields: [(String, String)], _ target: String = "/api/state") -> Int {
            self.status(access, target, [host] + fields)
        }
        #expect(status([]) == 401)
        #expect(status([("Authorization", "Bearer \(secret)")]) == 200)
        #expect(status([("authorization", "bearer  \(secret)")]) == 200)
        for wrong in [
            "", "Bearer", "Bearer ", secret, "Basic \(secret)", "Bearer \(secret)0", "Bearer \(secret.dropLast())",
            "Bearer \(secret) x", "Bearer \(secret.uppercased())", "Bearer \(String(repeating: "a", count: 7_000))",
        ] {
            #expect(status([("Authorization", wrong)]) == 401, "\(wrong.prefix(80))")
        }
        let right = ("Authorization", "Bearer \(secret)")
        #expect(status([right, right]) == 401)
        #expect(status([right, ("Authorization", "Bearer x")]) == 401)
        // The token does not help another site.
        #expect(status([right, ("Origin", "http://evil.example")]) == 403)
        #expect(self.status(access, [("Host", "evil.example"), right]) == 403)
    }

    @Test("lets a browser sign in once, with a cookie that differs from the token")
    func cookies() throws {
        let access = LiveAccess(token: LiveToken(secret))
        let host = ("Host", "127.0.0.1:9354")
        guard case .signedIn(let cookie) = verdict(access, "/?token=\(secret)", [host]) else {
            Issue.record("not signed in")
            return
        }
        #expect(!cookie.contains(secret))
        for (text, expected) in [
            ("geopipe_live=\(cookie)", 200), ("a=b; geopipe_live=\(cookie)", 200), ("geopipe_live=\(cookie);a=b", 200),
            ("geopipe_live=x; geopipe_live=\(cookie)", 200), ("geopipe_live=", 401), ("geopipe_live=\(secret)", 401),
            ("geopipe_live=\(cookie)x", 401), ("xgeopipe_live=\(cookie)", 401), ("geopipe_live", 401),
        ] {
            #expect(status(access, [host, ("Cookie", text)]) == expected, "\(text)")
        }
        // A proxy may ask for its own password. A wrong token remains wrong.
        for (authorization, expected) in [
            ("Basic b3BzOnNlY3JldA==", 200), ("Digest a=b", 200), ("", 200), ("Bearer x", 401), ("bearer", 401),
        ] {
            let fields = [host, ("Authorization", authorization), ("Cookie", "geopipe_live=\(cookie)")]
            #expect(status(access, fields) == expected, "\(authorization)")
        }
        #expect(status(access, "/?token=wrong", [host]) == 401)
        #expect(status(access, "/?token=", [host]) == 401)
        #expect(status(access, "/?token=wrong", [host, ("Cookie", "geopipe_live=\(cookie)")]) == 401)
        // Elsewhere the token would stay in logs.
        #expect(status(access, "/api/state?token=\(secret)", [host]) == 401)
        guard
            case .signedIn(let other) = verdict(
                LiveAccess(token: LiveToken(secret + "x")), "/?token=\(secret)x", [host])
        else { return }
        #expect(status(access, [host, ("Cookie", "geopipe_live=\(other)")]) == 401)
    }

    @Test("needs a token if others can reach the address")
    func addresses() throws {
        let none = try LiveOptions.parse([])
        for (argument, isLoopback) in [
            ("127.0.0.1:1", true), ("127.8.9.10:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false), ("[::]:1", false), ("192.0.2.1:1", false), ("[2001:db8::1]:1", false),
            ("[::ffff:192.0.2.1]:1", false), ("[::127.0.0.1]:1", false),
        ] {
            guard case .at(let address) = try #require(ListenAddress(argument: argument)) else { continue }
            #expect(address.isLoopback == isLoopback, "\(argument)")
            if isLoopback {
                #expect(try none.access(at: address).token == nil)
            } else {
                let failure = #expect(throws: ListenFailure.self) { try none.access(at: address) }
                #expect(failure?.reason.contains("--live-token-file FILE") == true)
            }
        }
        #expect(throws: (any Error).self) { try LiveOptions.parse(["--live-host", "http://a.example"]) }
        #expect(throws: (any Error).self) { try LiveOptions.parse(["--live-host", "a.example:80"]) }
    }

    @Test("takes a token from a file that others cannot read")
    func tokenFile() throws {
        let folder = try Folder()
        let path = try folder.write(Array("\(secret)\nmore\n".utf8), to: "token")
        for (mode, isGood) in [
            (0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o660, false), (0o604, false), (0o602, false),
            (0o601, false),
        ] as [(mode_t, Bool)] {
            chmod(path, mode)
            if isGood {
                #expect(try LiveToken(file: path).isToken(secret), "\(String(mode, radix: 8))")
            } else {
                let error = #expect(throws: LiveToken.Unusable.self) { try LiveToken(file: path) }
                #expect(error?.description.contains("chmod u=rw,g=r,o= \(path)") == true, "\(String(mode, radix: 8))")
            }
        }
        for text in [
            "", "\n\(secret)", "short", "0123456789abcde\n", "with a blank in it 123",
            String(repeating: "a", count: 257),
        ] {
            let path = try folder.write(Array(text.utf8), to: "bad")
            chmod(path, 0o600)
            let error = #expect(throws: LiveToken.Unusable.self, "\(text)") { try LiveToken(file: path) }
            #expect(error?.description.contains("openssl rand") == true)
        }
        #expect(throws: LiveToken.Unusable.self) { try LiveToken(file: folder.path) }
        #expect(throws: LiveToken.Unusable.self) { try LiveToken(file: folder.path + "/none") }
        let windows = try folder.write(Array("\(secret)\r\n".utf8), to: "crlf")
        chmod(windows, 0o600)
        #expect(try LiveToken(file: windows).isToken(secret))
    }
}
