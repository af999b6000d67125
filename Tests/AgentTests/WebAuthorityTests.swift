import Testing

@testable import geopipe_agent

@Suite("The authority of a request")
struct WebAuthorityTests {
    @Test(
        "is a name or an address, with or without a port",
        arguments: [
            ("localhost", "localhost", nil, false), ("LocalHost:9354", "localhost", 9_354, false),
            ("127.0.0.1", "127.0.0.1", nil, true), ("127.0.0.1:80", "127.0.0.1", 80, true),
            ("[::1]", "::1", nil, true), ("[::1]:9354", "::1", 9_354, true),
            ("[0:0:0:0:0:0:0:1]:1", "::1", 1, true), ("[2001:DB8::1]", "2001:db8::1", nil, true),
            ("localhost.", "localhost", nil, false), ("localhost.:80", "localhost", 80, false),
            ("live.example.com:65535", "live.example.com", 65_535, false), ("127.1", "127.1", nil, false),
            ("2130706433", "2130706433", nil, false), ("127.0.0.1.evil.example", "127.0.0.1.evil.example", nil, false),
        ] as [(String, String, UInt16?, Bool)])
    func good(_ text: String, _ host: String, _ port: UInt16?, _ isAddress: Bool) throws {
        let authority = try #require(WebAuthority(text))
        #expect(authority.host == host)
        #expect(authority.port == port)
        #expect(authority.isAddress == isAddress)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", ":80", "localhost:", "localhost:65536", "localhost:+80", "localhost:8a", "localhost:80:80",
            ".", "localhost..", ".localhost", "::1", "[::1", "[::1]80", "[::1]:", "[::1%lo]", "[::1%25lo]",
            "[127.0.0.1]",
            "[]",
            "user@localhost", "localhost/", "localhost?", "localhost#", "local host", " localhost", "localhost\t",
            "locälhost", "localhost,evil.example", "localhost\u{0}", String(repeating: "a", count: 254),
        ])
    func bad(_ text: String) { #expect(WebAuthority(text) == nil) }

    @Test("has an origin, which its pages have")
    func origins() throws {
        for (host, origin, isSame) in [
            ("127.0.0.1:9354", "http://127.0.0.1:9354", true), ("127.0.0.1:9354", "HTTP://127.0.0.1:9354", true),
            ("127.0.0.1:9354", "http://127.0.0.1:9355", false), ("127.0.0.1:9354", "http://127.0.0.1", false),
            ("127.0.0.1:9354", "http://localhost:9354", false), ("127.0.0.1:9354", "null", false),
            ("127.0.0.1:9354", "", false), ("127.0.0.1:9354", "file://", false),
            ("127.0.0.1:9354", "http://127.0.0.1:9354.evil.example", false),
            ("127.0.0.1:9354", "http://127.0.0.1:9354/", false),
            ("127.0.0.1:9354", "http://evil.example@127.0.0.1:9354", false),
            ("127.0.0.1:9354", "chrome-extension://127.0.0.1:9354", false),
            ("[::1]:9354", "http://[::1]:9354", true), ("[::1]:9354", "http://[0::1]:9354", true),
            // A proxy that speaks TLS.
            ("live.example.com", "https://live.example.com", true),
            ("live.example.com:443", "https://live.example.com", true),
            ("live.example.com", "http://live.example.com", true),
            ("Live.Example.com:80", "http://live.example.com", true),
            ("live.example.com:80", "https://live.example.com", false),
        ] {
            #expect(try #require(WebAuthority(host)).isOrigin(origin) == isSame, "\(host) \(origin)")
        }
    }
}

@Suite("The target of a request")
struct LiveTargetTests {
    @Test("is a path and a query")
    func good() throws {
        let target = try #require(LiveTarget("/api/explain?name=www.example.com&client=192.0.2.0%2F24&x&y=&name=b&=c"))
        #expect(target.path == "/api/explain")
        #expect(target["name"] == "www.example.com")
        #expect(target["client"] == "192.0.2.0/24")
        #expect(target["x"] == "" && target["y"] == "" && target["z"] == nil)
        #expect(LiveTarget("/?token=a%2Bb=")?["token"] == "a+b=")
        #expect(LiveTarget("/?token=a+b")?["token"] == "a+b")
        // A path is not normalized.
        for path in ["//", "/../", "/%61pi", "/api/./state"] { #expect(LiveTarget(path)?.path == path) }
    }

    @Test(
        "is nothing else",
        arguments: [
            "", "*", "api", "http://127.0.0.1/", "?token=a", "/#a", "/a b", "/\u{e4}", "/\u{7f}", "/?a=%", "/?a=%4",
            "/?a=%zz",
            "/?a=%ff", "/?" + String(repeating: "a&", count: 33),
        ])
    func bad(_ text: String) { #expect(LiveTarget(text) == nil) }
}
