import Foundation
import Support
import Testing

/// Drains in a running coprocess.
@Suite("Drains")
struct SwitchTests {
    private static let (oslo, ashburn) = (["192.0.2.251"], ["198.51.100.251"])

    private func expect(
        _ site: Site, _ name: String, _ addresses: [String], at place: SourceLocation = #_sourceLocation
    ) throws {
        var last: [String] = []
        let isThere = try eventually {
            last = try site.contents(name)
            return last == addresses
        }
        try #require(isThere, "\(last)\n\(site.error)", sourceLocation: place)
    }

    @Test("move clients until they end, and query and explain show them")
    func drain() throws {
        let site = try Site()
        #expect(try site.contents("api") == Self.oslo)
        let drain = try site.run("drain", "oslo", "--reason", "the cooling fails")
        #expect(drain.status == 0 && drain.error == "", "\(drain)")
        #expect(
            drain.output == """
                drained: oslo
                map places: network 10.0.0.0/8; country NO: oslo is the only choice; its clients still get it
                the only coprocess follows

                """)
        try expect(site, "api", Self.ashburn)
        #expect(try site.contents("www", from: "129.240.1.0/24") == ["192.0.2.1"], "nothing else is left of this map")
        let query = try site.run("query", "api.example.com", "A", "203.0.113.1")
        #expect(query.output.contains(Self.ashburn[0]) && !query.output.contains(Self.oslo[0]), "\(query)")
        let explain = try site.run("explain", "api.example.com", "203.0.113.1")
        #expect(explain.output.contains(#/\n  1 +oslo +[^ ]+( km)? +drained /#), "\(explain)")
        #expect(explain.output.contains(/drained: oslo by .+: the cooling fails/), "\(explain)")

        let undrain = try site.run("undrain", "oslo")
        #expect(undrain.status == 0 && undrain.error == "", "\(undrain)")
        let found = #/ended: oslo was drained since .+ by .+: the cooling fails\nthe only coprocess follows\n/#
        #expect(undrain.output.wholeMatch(of: found) != nil, "\(undrain)")
        try expect(site, "api", Self.oslo)
        #expect(try site.run("query", "api.example.com", "A", "203.0.113.1").output.contains(Self.oslo[0]))
        #expect(try !site.run("explain", "api.example.com", "203.0.113.1").output.contains("drained"))
        #expect(!site.error.contains("switches"))
    }

    @Test("are followed repeatedly")
    func again() throws {
        let site = try Site()
        for number in 0..<5 {
            try #require(site.run(number % 2 == 0 ? "drain" : "undrain", "oslo").status == 0)
            try expect(site, "api", number % 2 == 0 ? Self.ashburn : Self.oslo)
        }
    }

    @Test("are written again by a coprocess if their files disappear, so that the next coprocess has them")
    func disappearedFiles() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo").status == 0)
        try expect(site, "api", Self.ashburn)
        let manager = FileManager.default
        let names = try manager.contentsOfDirectory(atPath: site.path("state")).filter {
            $0.hasPrefix("switches") && $0 != "switches.lock"
        }
        try #require(names.count == 2, "\(names)")
        for name in names { try manager.removeItem(atPath: site.path("state/\(name)")) }
        try site.expectError("the switch files have disappeared; wrote the switches in use again")
        for name in names { #expect(manager.fileExists(atPath: site.path("state/\(name)"))) }
        #expect(try site.contents("api") == Self.ashburn)
        try site.start()
        #expect(try site.contents("api") == Self.ashburn)
        #expect(try site.run("undrain", "oslo").output.hasPrefix("ended: oslo was drained"))
    }

    @Test("apply from a coprocess's first answer on")
    func first() throws {
        let site = try Site(isStarted: false)
        let drain = try site.run("drain", "oslo")
        #expect(drain.status == 1, "it is kept, but nothing follows")
        #expect(
            drain.output.hasSuffix("\nno coprocess runs: nothing follows until pdns_server starts one\n"), "\(drain)")
        try site.start()
        #expect(try site.contents("api") == Self.ashburn)
    }

    @Test("may apply to one service, and end for it or for all")
    func service() throws {
        let site = try Site()
        func drain(_ words: String...) throws {
            let ending = try Program.geopipe.run(words + ["--config", "current/geopipe.yaml"], in: site.folder)
            try #require(ending.status == 0, "\(ending.error)")
        }
        let (six, other) = (["2001:db8::1"], ["2001:db8::2"])
        func expectSix(_ addresses: [String]) throws {
            let isThere = try eventually { try site.contents("six", "AAAA") == addresses }
            try #require(isThere)
        }
        try drain("drain", "oslo", "--service", "api")
        try expect(site, "api", Self.ashburn)
        try expectSix(six)
        #expect(try site.run("explain", "six.example.com", "203.0.113.1").output.contains("drained") == false)
        try drain("drain", "oslo", "--service", "six")
        try expectSix(other)
        try drain("undrain", "oslo", "--service", "api")
        try expect(site, "api", Self.oslo)
        try expectSix(other)
        try drain("drain", "oslo", "--service", "api")
        try expect(site, "api", Self.ashburn)
        try drain("undrain", "oslo")
        try expect(site, "api", Self.oslo)
        try expectSix(six)
    }

    @Test("of a share move a stable part of the networks, with the network as scope")
    func share() throws {
        let site = try Site()
        let networks =
            (0..<1_000).map { (name: "api", type: "A", stem: "10.\($0 / 200).\($0 % 200).", isV6: false) }
            + (0..<500).map { (name: "six", type: "AAAA", stem: "2001:db8:\(String($0, radix: 16)):", isV6: true) }
        /// The networks that have moved, by their position.
        func moved() throws -> Set<Int> {
            var moved: Set<Int> = []
            for (position, network) in networks.enumerated() {
                let (client, other) =
                    network.isV6
                    ? ("\(network.stem)4200::/56", "\(network.stem)42ff::1/128")
                    : ("\(network.stem)0/24", "\(network.stem)200/32")
                let record = try #require(site.records(network.name, from: client)?.first { $0.type == network.type })
                try #require(record.scope >= (network.isV6 ? 56 : 24), "\(client): \(record)")
                if !["192.0.2.251", "2001:db8::1"].contains(record.content) { moved.insert(position) }
                guard position % 10 == 0 else { continue }
                try #require(site.contents(network.name, network.type, from: other) == [record.content], "\(client)")
            }
            return moved
        }
        var last: Set<Int> = []
        for share in [25, 50, 100] {
            try #require(site.run("drain", "oslo", "--share", "\(share)%").status == 0)
            // A larger share moves additional networks.
            let isThere = try eventually {
                try networks.enumerated().contains { position, network in
                    guard !last.contains(position), !network.isV6, position < 100 else { return false }
                    return try site.contents("api", from: "\(network.stem)0/24") == Self.ashburn
                }
            }
            try #require(isThere)
            if share == 100 {
                try expect(site, "api", Self.ashburn)
                break
            }
            let now = try moved()
            let part = Double(now.count) / Double(networks.count)
            #expect(abs(part - Double(share) / 100) < 0.065, "\(part)")  // five standard deviations
            #expect(last.isStrictSubset(of: now))
            last = now
        }
    }

    @Test("end by themselves with --for")
    func time() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo", "--for", "1h").status == 0)
        try expect(site, "api", Self.ashburn)
        try #require(site.run("drain", "oslo", "--for", "1s").status == 0)
        // Without an end it would stay like the first one.
        sleep(2)
        try expect(site, "api", Self.oslo)
        #expect(try !site.run("explain", "api.example.com", "203.0.113.1").output.contains("drained"))
    }

    @Test("stay when their file is corrupt or gone, even for a coprocess that starts then")
    func torn() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo", "--service", "api").status == 0)
        try expect(site, "api", Self.ashburn)
        let file = site.folder.text(of: "state/switches")
        for (bad, words) in [
            (Array(file.utf8.dropLast(4)), " is corrupt: "), (nil, "switches is gone; using the backup copy\n"),
        ] {
            site.coprocess.forgetError()
            if let bad { try site.replace("state/switches", with: bad) } else { unlink(site.path("state/switches")) }
            try site.expectError(words)
            try site.expectError("switches")
            #expect(try site.contents("api") == Self.ashburn)
            let query = try site.run("query", "api.example.com", "A", "203.0.113.1")
            #expect(query.error.contains(words) && query.output.contains(Self.ashburn[0]), "\(query)")
            try site.start()
            #expect(try site.contents("api") == Self.ashburn)
        }
    }

    @Test("are those of the new state directory after a change in the configuration")
    func otherDirectory() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo", "--service", "api").status == 0)
        try expect(site, "api", Self.ashburn)
        let text = String(decoding: Site.Part.configuration.content(1), as: UTF8.self)
        try site.replace("release/geopipe.yaml", with: Array(text.replacing("../state", with: "../other").utf8))
        try expect(site, "api", Self.oslo)
    }

    @Test("stay when their file and its backup copy are corrupt, and the next command rebuilds them")
    func bothTorn() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo", "--service", "api").status == 0)
        try expect(site, "api", Self.ashburn)
        let file = site.folder.text(of: "state/switches")
        try site.replace("state/switches.copy", with: Array(file.utf8.dropLast(4)))
        try site.replace("state/switches", with: Array(file.utf8.dropLast(4)))
        try site.expectError("current/../state/switches is corrupt: ")
        try site.expectError("the switches stay as they are\n")
        #expect(try site.contents("api") == Self.ashburn)
        let query = try site.run("query", "api.example.com", "A", "203.0.113.1")
        #expect(query.error.contains("is corrupt") && query.output.contains(Self.oslo[0]), "\(query)")
        let drain = try site.run("drain", "ashburn", "--service", "web")
        #expect(drain.status == 0 && drain.error.contains("switches.untrusted"), "\(drain)")
        #expect(
            drain.error.contains("using the history, in which the switches are: drained: oslo for service api by "),
            "\(drain)")
        #expect(try site.contents("api") == Self.ashburn)
        #expect(try site.run("status").output.contains(#/oslo +drained for service api, since /#))
    }

    @Test(
        "that cannot be read are reported by each command that changes them",
        arguments: [["undrain", "oslo"], ["drain", "oslo"], ["force", "oslo", "up"], ["force", "oslo", "auto"]])
    func unreadable(words: [String]) throws {
        let site = try Site(isStarted: false)
        try #require(site.run("drain", "oslo", "--service", "api").status == 1)
        func tear() throws {
            for name in ["switches", "switches.copy"] { try site.folder.write("torn".utf8, to: "state/\(name)") }
        }
        // The history restores everything, even if there is nothing to change.
        try tear()
        let other = try Program.geopipe.run(
            ["undrain", "ashburn", "--config", "current/geopipe.yaml"], in: site.folder)
        #expect(
            other.status == 0 && other.error.contains("using the history, in which the switches are: drained: oslo"),
            "\(other)")
        #expect(site.folder.text(of: "state/switches").contains("oslo"))
        try tear()
        unlink(site.path("state/history"))
        let ending = try Program.geopipe.run(words + ["--config", "current/geopipe.yaml"], in: site.folder)
        #expect(ending.status == 2 && ending.output == [], "\(ending)")
        #expect(ending.error.hasPrefix("the switches cannot be read: "), "\(ending)")
        #expect(site.folder.text(of: "state/switches") == "torn")
    }

    @Test("that end by themselves are in the history")
    func endInHistory() throws {
        let site = try Site(isStarted: false)
        try #require(site.run("drain", "oslo", "--for", "1s", "--reason", "cables").status == 1)
        let isThere = try eventually { try site.run("history").output.split(separator: "\n").count == 2 }
        try #require(isThere)
        let last = try #require(try site.run("history").output.split(separator: "\n").last)
        #expect(last.contains(#/  the drain of oslo ended by itself: cables$/#), "\(last)")
        let json = try JSONSerialization.jsonObject(with: Data(site.run("history", "--json").output.utf8))
        let entries = try #require((json as? [String: Any])?["history"] as? [[String: Any]])
        #expect(entries.map { $0["action"] as? String } == ["drain", "drain ended"])
        #expect(entries[1]["time"] as? Int == entries[0]["until"] as? Int)
        #expect(entries[1]["until"] == nil)
    }

    @Test("of a datacenter that is no longer configured can be ended")
    func removed() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo").status == 0)
        let text = """
            state_directory: ../state
            datacenters: { ashburn: {} }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """
        try site.replace("release/geopipe.yaml", with: Array(text.utf8))
        let undrain = try site.run("undrain", "oslo")
        #expect(undrain.output.hasPrefix("ended: oslo was drained since ") && undrain.error == "", "\(undrain)")
        #expect(try site.run("undrain", "oslo").error.hasPrefix("there is no datacenter oslo in "))
    }

    @Test("by concurrent commands are all kept")
    func manyAtOnce() throws {
        let site = try Site(isStarted: false)
        let names = (0..<12).map { "dc\($0)" }
        let text = """
            state_directory: state
            datacenters: { \(names.map { "\($0): {}" }.joined(separator: ", ")) }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """
        try site.folder.write(text.utf8, to: "many.yaml")
        let processes = try names.map {
            try Coprocess(["drain", $0, "--config", "many.yaml"], in: URL(filePath: site.folder.path))
        }
        for process in processes { #expect(try process.finish() == Coprocess.Ending(status: 1), "nothing follows") }
        let lines = site.folder.text(of: "state/switches").split(separator: "\n").dropFirst().dropLast()
        #expect(Set(lines.map { String($0.prefix { $0 != "\t" }) }) == Set(names))
        #expect(lines.count == names.count)
    }

    @Test("follow the configuration to another state directory, and end without one")
    func moved() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo").status == 0)
        try expect(site, "api", Self.ashburn)
        let text = String(decoding: Site.Part.configuration.content(2), as: UTF8.self)
        let line = "state_directory: ../state\n"
        try site.replace("release/geopipe.yaml", with: Array(text.replacing(line, with: "").utf8))
        try site.expect(.configuration, 2)
        // The switches of the new directory apply when the compiler has ended.
        try expect(site, "api", Self.oslo)
        try site.replace(
            "release/geopipe.yaml",
            with: Array(
                text.replacing(line, with: "state_directory: ../other\n").replacing("\"2\"", with: "\"3\"").utf8))
        try site.expect(.configuration, 3)
        // The coprocess reports itself in the new directory after its first answer from there.
        #expect(try eventually(within: Coprocess.timeout) { try site.run("drain", "oslo").status == 0 })
        try expect(site, "api", Self.ashburn)
    }

    @Test(
        "are refused with a reason if they make no sense",
        arguments: [
            (["drain", "osl"], 1, "there is no datacenter osl in current/geopipe.yaml; did you mean 'oslo'?"),
            (["force", "osl", "up"], 1, "there is no datacenter osl"),
            (["force", "oslo", "down"], 2, "up"),
            (["drain", "oslo", "--override", "in_use"], 2, "--override needs a reason"),
            (["drain", "oslo", "--override", "in_us", "--reason", "x"], 2, "in_us"),
            (["drain", "oslo", "--places", "Norway"], 1, "'Norway' is not a place; write NO for Norway"),
            (["drain", "oslo", "--places", "NA"], 1, "write continent:NA or country:NA"),
            (["undrain", "osl"], 1, "there is no datacenter osl"),
            (["drain", "oslo", "--service", "wbe"], 1, "there is no service wbe"),
            (["drain", "oslo", "--share", "0"], 2, "--share"),
            (["drain", "oslo", "--share", "101%"], 2, "--share"),
            (["drain", "oslo", "--for", "soon"], 2, "--for"),
            (["drain", "oslo", "--for", "0s"], 2, "--for"),
            (["drain"], 2, "datacenter"),
        ])
    func refused(words: [String], status: Int32, complaint: String) throws {
        let site = try Site(isStarted: false)
        let ending = try Program.geopipe.run(words + ["--config", "current/geopipe.yaml"], in: site.folder)
        #expect(ending.status == status)
        #expect(ending.error.contains(complaint), "\(ending.error)")
        #expect(ending.output == [])
        #expect(!FileManager.default.fileExists(atPath: site.path("state")))
    }

    @Test("can be read by coprocesses of another user, regardless of the umask")
    func umask() throws {
        let site = try Site(isStarted: false)
        func withUmask(_ program: String, _ words: [String]) -> [String] {
            ["-c", "umask 077; exec \"$0\" \"$@\"", program] + words + ["--config", "current/geopipe.yaml"]
        }
        let shell = try Program("sh")
        let drain = try shell.run(withUmask(Coprocess.binary, ["drain", "oslo"]), in: site.folder)
        try #require(drain.status == 1 && drain.error == "", "\(drain.error)")
        let coprocess = try Coprocess(
            withUmask(Coprocess.binary, []), in: URL(filePath: site.folder.path), program: shell.path)
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        let file = "coprocesses/\(coprocess.identifier)"
        try #require(
            eventually(within: Coprocess.timeout) {
                FileManager.default.fileExists(atPath: site.path("state/\(file)"))
            })
        for (name, mode) in [
            (".", 0o755), ("switches", 0o644), ("switches.copy", 0o644), ("switches.lock", 0o600), ("history", 0o644),
            ("coprocesses", 0o755), (file, 0o644), ("images", 0o755),
        ] as [(String, mode_t)] {
            var status = stat()
            #expect(stat(site.path("state/\(name)"), &status) == 0)
            #expect(status.st_mode & 0o777 == mode, "\(name)")
        }
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("need a state directory, from the configuration or the command line")
    func stateDirectory() throws {
        let site = try Site(isStarted: false)
        let text = String(decoding: Site.Part.configuration.content(1), as: UTF8.self)
        try site.folder.write(
            text.replacing("state_directory: ../state\n", with: "state_directory: none\n").utf8,
            to: "release/geopipe.yaml")
        let drain = try site.run("drain", "oslo")
        #expect(drain.status == 2)
        #expect(drain.error.contains("state_directory"))
        #expect(try site.run("drain", "oslo", "--state", "elsewhere").error == "")
        let query = try site.run("query", "api.example.com", "A", "203.0.113.1", "--state", "elsewhere")
        #expect(query.output.contains(Self.ashburn[0]), "\(query)")
    }
}
