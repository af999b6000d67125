import Foundation
import Support
import Testing

/// Changes of files while a coprocess runs.
@Suite("Reloading")
struct ReloadTests {
    enum Way: String, CaseIterable, CustomTestStringConvertible {
        case inPlace = "written in place"
        case renamed = "put in the place of the old one"
        case linked = "reached by a link that leads elsewhere now"
        case mounted = "mounted by kubelet, as that of a ConfigMap"

        var testDescription: String { rawValue }
    }

    @Test("adopts a file that is", arguments: Way.allCases)
    func takes(way: Way) throws {
        let site = try Site()
        var release = "release"
        for (number, part) in Site.Part.allCases.enumerated() {
            switch way {
            case .inPlace: try site.write(part, 2)
            case .renamed: try site.replace("release/\(part.rawValue)", with: part.content(2))
            case .linked:
                let next = "release-\(number)"
                try FileManager.default.copyItem(atPath: site.path(release), toPath: site.path(next))
                try site.write(part, 2, in: next)
                try site.link("current", to: next)
                release = next
            case .mounted:
                // As in Kubernetes: a folder for each state, the link ..data to it, and a link through that for each
                // file.
                let next = "release/..\(number)"
                try FileManager.default.createDirectory(atPath: site.path(next), withIntermediateDirectories: true)
                for (place, other) in Site.Part.allCases.enumerated() {
                    try site.write(other, place <= number ? 2 : 1, in: next)
                }
                try site.link("release/..data", to: "..\(number)")
                if number == 0 {
                    for part in Site.Part.allCases {
                        try site.link("release/\(part.rawValue)", to: "..data/\(part.rawValue)")
                    }
                } else {
                    try FileManager.default.removeItem(atPath: site.path("release/..\(number - 1)"))
                }
            }
            try site.expect(part, 2)
        }
        for part in Site.Part.allCases { try site.expect(part, 2) }
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("happens on SIGHUP, even without a change")
    func onSignal() throws {
        let site = try Site()
        #expect(site.error == "")
        for _ in 1...2 {
            site.coprocess.forgetError()
            kill(site.coprocess.identifier, SIGHUP)
            try site.expectError("geopipe[\(site.coprocess.identifier)]: loaded current/geopipe.yaml\n")
        }
    }

    @Test("refuses a bad file with its position, keeps what was loaded, and adopts the next good one")
    func bad() throws {
        let site = try Site()
        for part in Site.Part.allCases {
            site.coprocess.forgetError()
            try site.replace("release/\(part.rawValue)", with: part.badContent)
            try site.expectError("/\(part.badPlace)")
            try site.expectError(part.keptWords)
            for other in Site.Part.allCases {
                #expect(try site.version(of: other) == site.told(1, of: other))
            }
            try site.replace("release/\(part.rawValue)", with: part.content(2))
            try site.expect(part, 2)
            try site.replace("release/\(part.rawValue)", with: part.content(1))
            try site.expect(part, 1)
        }
    }

    @Test("keeps what was loaded while files are missing, and continues when they are back")
    func away() throws {
        let site = try Site()
        for part in Site.Part.allCases where part != .networks {  // which need not be there
            site.coprocess.forgetError()
            try FileManager.default.removeItem(atPath: site.path("release/\(part.rawValue)"))
            try site.expectError(part.keptWords)
            #expect(try site.version(of: part) == 1)
            try site.write(part, 3)
            try site.expect(part, 3)
        }
        site.coprocess.forgetError()
        try #require(rename(site.path("release"), site.path("away")) == 0)
        try site.expectError("what was loaded before stays in use\n")
        try site.write(.zone, 4, in: "away")
        #expect(try site.version(of: .zone) == 3)
        try #require(rename(site.path("away"), site.path("release")) == 0)
        try site.expect(.zone, 4)
        // It notices changes in the folder that is back.
        try site.write(.zone, 5)
        try site.expect(.zone, 5)
    }

    @Test(
        "refuses a networks file that has become empty, until it has networks, or the configuration allows it"
    )
    func emptyNetworks() throws {
        let site = try Site()
        for content in ["", "# nothing\n", nil] {
            site.coprocess.forgetError()
            if let content {
                try site.replace("release/office.nets", with: Array(content.utf8))
            } else {
                try FileManager.default.removeItem(atPath: site.path("release/office.nets"))
            }
            try site.expectError(
                "/geopipe.yaml:5:28: current/office.nets has no networks any more, and had 1; put them back, or write networks_file: { path: office.nets, may_be_empty: true } if there are to be none\n"
            )
            try site.expectError("what was loaded before stays in use\n")
            #expect(try site.version(of: .networks) == 1)
        }
        #expect(try site.check().contains("5:28: warning: no networks from "))
        try site.write(.networks, 2)
        try site.expect(.networks, 2)
        let configuration = String(decoding: Site.Part.configuration.content(3), as: UTF8.self)
            .replacing("networks_file: office.nets", with: "networks_file: { path: office.nets, may_be_empty: true }")
        try site.write(.networks, 1)
        try site.expect(.networks, 1)
        try site.replace("release/geopipe.yaml", with: Array(configuration.utf8))
        try site.expect(.configuration, 3)
        try site.replace("release/office.nets", with: [])
        try site.expect(.networks, 2, "no network is as if it were for ashburn")
        #expect(try site.check().contains(/(^|\n)ok/))
    }

    @Test("reports the build times of databases, as in status and explain")
    func databaseBuilds() throws {
        let site = try Site()
        let built = 1_767_225_600
        func status() throws -> [String: Any] {
            let output = try site.run("status", "--json").output
            return try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any] ?? [:]
        }
        let image = try Site.database(builtAt: built)
        try site.replace("release/places.mmdb", with: image)
        let isTold = try eventually {
            let coprocesses = try status()["coprocesses"] as? [[String: Any]]
            let databases = coprocesses?.first?["databases"] as? [[String: Any]]
            return databases?.first?["built"] as? Int == built
        }
        #expect(isTold)
        let database = (try status()["databases"] as? [[String: Any]])?.first
        #expect((database?["database"] as? String)?.hasSuffix("/current/places.mmdb") == true)
        #expect(database?["built"] as? Int == built && database?["builtOnDisk"] as? Int == built)
        #expect(try site.run("status").output.contains("/current/places.mmdb  built 202"))
        let explanation = try site.run("explain", "www.example.com", "129.240.1.1")
        #expect(explanation.output.contains("  current/places.mmdb was built 202"), "\(explanation)")
        let json = try site.run("explain", "www.example.com", "129.240.1.1", "--json").output
        #expect(json.contains("\"built\" : \(built)"), "\(json)")
    }

    @Test("starts with an empty networks file, with a warning")
    func emptyNetworksAtStart() throws {
        let site = try Site(isStarted: false)
        try site.replace("release/office.nets", with: [])
        try site.start()
        #expect(
            site.error.contains("/geopipe.yaml:5:28: warning: current/office.nets has no networks; if that is intended")
        )
        #expect(try site.version(of: .networks) == 0)
    }

    @Test("keeps what is loaded while an optional database is missing for a moment")
    func optionalDatabase() throws {
        let site = try Site(isStarted: false)
        func configuration(_ version: Int) -> [UInt8] {
            Site.Part.configuration.content(version).replacing(
                "[places.mmdb]".utf8, with: "[{ path: places.mmdb, optional: true }]".utf8)
        }
        try site.replace("release/geopipe.yaml", with: configuration(1))
        try site.start()
        try FileManager.default.removeItem(atPath: site.path("release/places.mmdb"))
        try site.expectError(
            "/geopipe.yaml:1:21: the optional database current/places.mmdb is gone; nothing is loaded for 60 s")
        #expect(try site.version(of: .database) == 1)
        // A reload for another reason keeps it too.
        site.coprocess.forgetError()
        try site.replace("release/geopipe.yaml", with: configuration(2))
        try site.expectError("what was loaded before stays in use\n")
        #expect(try site.version(of: .database) == 1)
        #expect(try site.version(of: .configuration) == 1)
        try site.write(.database, 2)
        try site.expect(.database, 2)
        #expect(try site.version(of: .configuration) == 2)
    }

    @Test("never loads half of a file that is written slowly")
    func slowWriter() throws {
        // To a reader, a writer that pauses for a second has finished. If this test was held up for so long, it
        // starts again.
        for _ in 0..<20 where try isWrittenSlowly() { return }
        Issue.record("this machine held the writer up 20 times")
    }

    /// Writes a file slowly.
    ///
    /// - Returns: false if the writer was held up.
    private func isWrittenSlowly() throws -> Bool {
        let site = try Site()
        let file = try #require(FileHandle(forWritingAtPath: site.path("release/\(Site.Part.zone.rawValue)")))
        try file.truncate(atOffset: 0)
        var lastWrite = ContinuousClock.now
        let content = String(decoding: Site.Part.zone.content(2), as: UTF8.self)
        let lines = content.split(separator: "\n").map { "\($0)\n" }
        // All prefixes of the content are valid zones too, in which www has no MX.
        try file.write(contentsOf: Data(lines.dropLast().joined().utf8))
        for number in 0..<12 {
            guard ContinuousClock.now - lastWrite < .milliseconds(600) else { return false }
            try file.write(contentsOf: Data("; \(number)\n".utf8))
            lastWrite = .now
            let end = ContinuousClock.now + .milliseconds(150)
            while ContinuousClock.now < end {
                let version = try site.version(of: .zone)
                guard ContinuousClock.now - lastWrite < .milliseconds(600) else { return false }
                try #require(version == 1, "\(site.error)")
            }
        }
        try file.write(contentsOf: Data(lines.last!.utf8))
        try file.close()
        try site.expect(.zone, 2)
        return true
    }

    @Test("makes every answer from a single release, while good and bad releases come a hundred times")
    func whole() throws {
        let site = try Site()
        var random = SeededGenerator(seed: Effort.seed)
        for version in 1...6 {
            let release = "release-\(version)"
            try site.copyRelease(to: release)
            for part in Site.Part.allCases { try site.write(part, version, in: release) }
            if version == 3 { try site.folder.write(Site.Part.database.badContent, to: "\(release)/places.mmdb") }
            if version == 4 { try site.folder.write(Site.Part.configuration.badContent, to: "\(release)/geopipe.yaml") }
        }
        var seen: Set<Int> = []
        for swap in 1...100 {
            let release = swap == 100 ? 6 : random.number(1...5)
            try site.link("current", to: "release-\(release)")
            // Some good releases stay until they are loaded.
            let stays = random.once(in: 10) && [1, 2, 5].contains(release)
            let end = ContinuousClock.now + (stays ? Coprocess.timeout : .milliseconds(random.number(0...15)))
            repeat {
                let records = try #require(try site.records("www", from: "129.240.1.0/24"))
                let configuration = records.first { $0.type == "TXT" }?.content
                let version = try #require(configuration.flatMap { Int($0.dropFirst().dropLast()) })
                seen.insert(version)
                if stays, version == release { break }
                let zone = records.first { $0.type == "MX" }?.content
                let address = records.first { $0.type == "A" }?.content
                let answer = "\(version): MX \(zone ?? ""), A \(address ?? "")"
                try #require(zone?.hasPrefix("\(version) ") == true, "\(answer)")
                try #require(
                    address == (version % 2 == 1 ? "192.0.2.\(version)" : "198.51.100.\(version)"), "\(answer)")
            } while ContinuousClock.now < end
        }
        for part in Site.Part.allCases { try site.expect(part, 6) }
        #expect(seen.isDisjoint(with: [3, 4]))
        #expect(seen.count > 1)
    }
}

/// Events that must not end a coprocess.
@Suite("A coprocess outlives")
struct SurvivalTests {
    @Test("a storm of SIGHUP, and answers meanwhile")
    func signals() throws {
        let site = try Site()
        for _ in 0..<2_000 {
            kill(site.coprocess.identifier, SIGHUP)
            try #require(try site.version(of: .zone) == 1)
        }
        try site.write(.zone, 2)
        try site.expect(.zone, 2)
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("SIGHUP while it starts")
    func signalAtStart() throws {
        let site = try Site(isStarted: false)
        try site.start { kill(site.coprocess.identifier, SIGHUP) }
        #expect(try site.version(of: .zone) == 1)
        try site.expectError("loaded")
    }

    @Test("a database that is overwritten and cut short while it is read")
    func database() throws {
        let site = try Site()
        try site.expect(.database, 1)
        let file = site.path("release/\(Site.Part.database.rawValue)")
        let descriptor = open(file, O_WRONLY)
        defer { close(descriptor) }
        let content = Site.Part.database.content(2)
        let end = ContinuousClock.now + .milliseconds(1_500)
        while ContinuousClock.now < end {
            kill(site.coprocess.identifier, SIGHUP)
            for length in [0, 4_096, content.count / 2, content.count - 1] {
                pwrite(descriptor, content, content.count, 0)
                ftruncate(descriptor, off_t(length))
            }
            _ = try #require(try site.version(of: .zone) == 1)
        }
        try site.replace("release/\(Site.Part.database.rawValue)", with: content)
        try site.expect(.database, 2)
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("a database that is bad from the start: it fails questions until there is a good one")
    func databaseAtStart() throws {
        let site = try Site(isStarted: false)
        // Its end is valid, so that it looks like a database.
        let content = Site.Part.database.content(1)
        try site.replace(
            "release/places.mmdb", with: [UInt8](repeating: 0xff, count: 64) + content.dropFirst(64))
        try site.start()
        #expect(try site.records("www") == nil)
        try site.replace("release/places.mmdb", with: content)
        try site.expect(.database, 1)
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("a release that replaces another one while it starts, and adopts it")
    func releaseAtStart() throws {
        let site = try Site(isStarted: false)
        try site.copyRelease(to: "next")
        for part in Site.Part.allCases { try site.write(part, 2, in: "next") }
        try site.start { try site.link("current", to: "next") }
        for part in Site.Part.allCases { try site.expect(part, 2) }
    }

    @Test("the loss of its state directory, and follows the switches of a new one")
    func stateDirectory() throws {
        let site = try Site()
        try #require(site.run("drain", "oslo").status == 0)
        #expect(try eventually { try site.contents("api") == ["198.51.100.251"] })
        try #require(rename(site.path("state"), site.path("lost")) == 0)
        try site.coprocess.wait(.milliseconds(1_300))
        #expect(try site.contents("api").count == 1)
        try #require(site.run("drain", "ashburn").status == 0)
        #expect(try eventually { try site.contents("api") == ["192.0.2.251"] })
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }
}

extension Site {
    /// Starts a coprocess that reads a large zone file slowly.
    ///
    /// - Parameter meanwhile: called when it has read its configuration.
    fileprivate func start(meanwhile: () throws -> Void) throws {
        let zone = Part.zone.content(1) + "$GENERATE 1-60000 host$ A 192.0.2.1\n".utf8
        try replace("release/\(Part.zone.rawValue)", with: zone)
        // No file is newer than the start.
        sleep(1)
        let process = try launch().identifier
        // The CPU time of its compiler, in hundredths of a second, shows its progress even on a busy machine.
        let isUnderWay = eventually {
            ((try? children(of: process)) ?? []).contains { compiler in
                let text = (try? String(contentsOfFile: "/proc/\(compiler)/stat", encoding: .utf8)) ?? ""
                let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
                return fields.count > 12 && Int(fields[11]).map { $0 >= 15 } == true
            }
        }
        try #require(isUnderWay)
        try meanwhile()
        try greet()
    }
}

extension Site.Part {
    /// The message when it goes bad: a bad zone keeps its own content; any other bad file keeps everything.
    fileprivate var keptWords: String {
        self == .zone || self == .included
            ? "the zone example.com has errors; it keeps its content of " : "what was loaded before stays in use\n"
    }
}
