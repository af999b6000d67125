import Foundation
import Support
import Testing

/// Output of `explain` and `query` for a client.
@Suite("Explain and query")
struct ExplainTests {
    private static let norway = "129.240.1.1"

    @Test("explain prints the preference list as a table, with the reason for each datacenter's state")
    func table() throws {
        let site = try Site()
        try site.run("drain", "oslo", "--reason", "the cooling fails")
        let explain = try site.run("explain", "api.example.com", "203.0.113.1")
        #expect(explain.output.contains("\nfrom the image in force, "), "\(explain)")
        #expect(explain.output.contains(#/\n  rank  datacenter  distance  state +why\n/#), "\(explain)")
        #expect(
            explain.output.contains(#/\n  1 +oslo +(-|[0-9]+ km) +drained +drained: oslo by .+: the cooling fails\n/#),
            "\(explain)")
        #expect(explain.output.contains(#/\n  2 +ashburn +(-|[0-9]+ km) +in use <- chosen\n/#), "\(explain)")
        #expect(explain.output.contains(#/\nValid for all clients in .+ \(EDNS scope prefix length [0-9]+\)\.\n/#))
    }

    @Test("the resolver's place counts for an unknown client, and explain says so")
    func resolver() throws {
        let site = try Site()
        let arguments = ["www.example.com", "203.0.113.1"]
        let alone = try site.run("explain", arguments[0], arguments[1])
        #expect(alone.output.contains("\nChosen\n  ashburn\n"), "\(alone)")
        let explain = try site.run("explain", arguments[0], arguments[1], "--resolver", Self.norway)
        #expect(explain.output.contains("\nChosen\n  oslo\n"), "\(explain)")
        #expect(explain.output.contains("country NO: oslo   <- wins"), "\(explain)")
        #expect(explain.output.contains("the resolver's place counts"), "\(explain)")
        let query = try site.run("query", arguments[0], "A", arguments[1], "--resolver", Self.norway)
        #expect(query.output.contains("192.0.2.1"), "\(query)")
        // A client of known place does not need it.
        let known = try site.run("explain", arguments[0], Self.norway, "--resolver", "203.0.113.1")
        #expect(known.output.contains("\nChosen\n  oslo\n") && !known.output.contains("place counts"), "\(known)")
    }

    @Test("an image file answers without a configuration, and explain omits what it lacks")
    func image() throws {
        let site = try Site(isStarted: false)
        try #require(site.run("compile", "-o", "i").status == 0)
        try FileManager.default.removeItem(atPath: site.path("release"))
        let explain = try site.run("explain", "www.example.com", Self.norway, "--image", "i")
        #expect(explain.status == 0 && explain.error == "", "\(explain)")
        #expect(explain.output.contains("\nfrom image i, "), "\(explain)")
        #expect(explain.output.contains("\nWhere the image has the client\n  continent EU, country NO, "), "\(explain)")
        #expect(
            explain.output.contains(
                "an image contains the results of databases and rules, not the databases and rules themselves"),
            "\(explain)")
        #expect(explain.output.contains("\nChosen\n  oslo\n"), "\(explain)")
        let query = try site.run("query", "www.example.com", "A", Self.norway, "--image", "i")
        #expect(query.status == 0 && query.output.contains("192.0.2.1"), "\(query)")
        let json = try site.run("explain", "www.example.com", Self.norway, "--image", "i", "--json").output
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        #expect((object?["place"] as? [String: Any])?["country"] as? String == "NO")
        #expect(((object?["service"] as? [String: Any])?["rules"] as? [Any])?.isEmpty == true)
        #expect((object?["image"] as? [String: Any])?["id"] is String)
    }

    @Test("explain uses the image in force if the configuration has errors")
    func broken() throws {
        let site = try Site(isStarted: false)
        try #require(site.run("compile").status == 0)
        try site.replace("release/geopipe.yaml", with: Site.Part.configuration.badContent)
        let explain = try site.run("explain", "www.example.com", Self.norway)
        #expect(explain.status == 0 && explain.output.contains("\nChosen\n  oslo\n"), "\(explain)")
        #expect(explain.output.contains("the files on disk differ, and cannot be used"), "\(explain)")
    }

    @Test("explain --json has all documented keys")
    func keys() throws {
        let site = try Site()
        let json = try site.run("explain", "api.example.com", Self.norway, "--json").output
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] ?? [:]
        #expect(Set(object.keys) == ["name", "client", "image", "answer", "databases", "service"])
        let database = (object["databases"] as? [[String: Any]])?.first ?? [:]
        for key in ["database", "built", "network", "country", "subdivisions"] {
            #expect(database[key] != nil, "\(key)")
        }
        let service = object["service"] as? [String: Any] ?? [:]
        #expect(
            Set(service.keys)
                == ["service", "map", "isByResolver", "rules", "preference", "chosen", "scope", "notes"])
        let candidate = (service["preference"] as? [[[String: Any]]])?.first?.first ?? [:]
        for key in ["datacenter", "isAvailable", "isDrained", "weight", "notes"] {
            #expect(candidate[key] != nil, "\(key)")
        }
    }

    @Test("a name with a tab is refused")
    func tab() throws {
        let site = try Site(isStarted: false)
        for command in [
            ["query", "www\t.example.com", "A", "192.0.2.1"], ["explain", "www\t.example.com", "192.0.2.1"],
        ] {
            let ending = try Program.geopipe.run(command + ["--config", "current/geopipe.yaml"], in: site.folder)
            #expect(ending.status == 2 && ending.output == [])
            #expect(ending.error.contains("'www␉.example.com' is not a domain name"), "\(ending.error)")
        }
        #expect(try site.run("query", "www.example.com.", "A", Self.norway).output.contains("192.0.2.1"))
    }

    /// Whether a file system can be made read-only for a single process.
    private static let canRemount =
        (try? Tool("unshare").run(["--map-root-user", "--mount", "mount", "--bind", "/tmp", "/tmp"]).status) == 0

    @Test("need no writable /tmp", .enabled(if: canRemount, "needs user namespaces"))
    func readOnly() throws {
        let site = try Site(isStarted: false)
        try #require(site.run("compile").status == 0)
        for command in ["query www.example.com A", "explain www.example.com"] {
            let script =
                "mount --bind /tmp /tmp && mount -o remount,ro,bind /tmp && cd '\(site.folder.path)' && exec '\(Coprocess.binary)' \(command) \(Self.norway) --config current/geopipe.yaml"
            let ending = try Tool("unshare").run(["--map-root-user", "--mount", "sh", "-c", script])
            #expect(ending.status == 0 && ending.output.contains("192.0.2.1"), "\(ending)")
        }
    }
}
