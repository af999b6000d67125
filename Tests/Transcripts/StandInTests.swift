import Foundation
import Support
import Testing

/// Replacing programs and configurations, and their fallbacks.
@Suite("Fallbacks")
struct StandInTests {
    @Test(
        "a coprocess that starts with a broken configuration uses the last valid one",
        arguments: Site.Part.allCases)
    func lastGood(part: Site.Part) throws {
        let site = try Site()
        try expectImage(site)
        try site.replace("release/\(part.rawValue)", with: part.badContent)
        try site.launch()
        try site.greet()
        for other in Site.Part.allCases { #expect(try site.version(of: other) == site.told(1, of: other)) }
        try site.expectError("/\(part.badPlace)")
        #expect(site.error.contains(": answering from the image of "))
        // It adopts the next good one.
        try site.replace("release/\(part.rawValue)", with: part.content(2))
        try site.expect(part, 2)
    }

    @Test(
        "an unreadable configuration is replaced by the last valid one in the given state directory",
        arguments: ["zones: [", "", "\u{0}", nil])
    func unreadable(text: String?) throws {
        let site = try Site()
        try #require(try site.run("drain", "oslo", "--service", "api").status == 0)
        try expectImage(site)
        if let text {
            try site.replace("release/geopipe.yaml", with: Array(text.utf8) + (text == "\u{0}" ? [0xff] : []))
        } else {
            unlink(site.path("release/geopipe.yaml"))
        }
        try site.launch("--state", "current/../state")
        try site.greet()
        #expect(try site.contents("www") == ["198.51.100.1"])
        #expect(try site.contents("api") == ["198.51.100.251"])
        #expect(site.error.contains(": answering from the image of "))
        let undrain = try site.run("undrain", "oslo", "--service", "api", "--state", "current/../state")
        #expect(undrain.status == 0, "\(undrain)")
        #expect(undrain.error.contains("assuming that there is a datacenter oslo"))
        let isBack = try eventually(within: Coprocess.timeout) {
            try site.contents("api") == ["192.0.2.251"]
        }
        #expect(isBack, "\(site.error)")
        // It adopts the next good one.
        try site.replace("release/geopipe.yaml", with: Site.Part.configuration.content(2))
        try site.expect(.configuration, 2)
    }

    @Test("removed images are compiled again")
    func copiesAgain() throws {
        let site = try Site()
        try expectImage(site)
        // In one step, because the coprocess writes into the folder.
        try #require(rename(site.path("state"), site.path("gone")) == 0)
        try expectImage(site)
        try site.replace("release/geopipe.yaml", with: Site.Part.configuration.badContent)
        try site.launch()
        try site.greet()
        #expect(try site.version(of: .zone) == 1)
    }

    @Test("a zone with errors keeps its content even when all images are lost")
    func lostImages() throws {
        let site = try Site()
        try site.replace("release/\(Site.Part.zone.rawValue)", with: Site.Part.zone.badContent)
        try site.expectError("it keeps its content of ")
        try #require(rename(site.path("state"), site.path("gone")) == 0)
        try expectImage(site)
        site.coprocess.forgetError()
        kill(site.coprocess.identifier, SIGHUP)
        try site.expectError("it keeps its content of ")
        try site.expectError(": loaded ")
        #expect(try site.version(of: .zone) == 1)
    }

    @Test("a coprocess that starts while the image in force is gone compiles the files on disk")
    func lostImage() throws {
        let site = try Site()
        try site.replace("release/\(Site.Part.zone.rawValue)", with: Site.Part.zone.content(2))
        try site.expect(.zone, 2)
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
        let folders = try FileManager.default.contentsOfDirectory(atPath: site.path("state/images"))
        let folder = site.path("state/images/\(try #require(folders.first))")
        let name = try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/current")
        try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        try site.launch()
        try site.greet()
        try site.expect(.zone, 2)
        // The next coprocess starts from that image.
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/current") != name)
    }

    @Test("on SIGUSR2 a new program continues the dialogue")
    func takeover() throws {
        let site = try Site()
        var asked = 1
        func ask() throws {
            #expect(try site.contents("api") == ["192.0.2.251"])
            asked += 1
        }
        for _ in 0..<500 { try ask() }
        #expect(try eventually(within: Coprocess.timeout) { try site.questions() == asked })
        kill(site.coprocess.identifier, SIGUSR2)
        // A new program counts from zero.
        let isNew = try eventually(within: Coprocess.timeout) {
            try ask()
            return try site.questions().map { $0 < 500 } ?? false
        }
        #expect(isNew, "\(site.error)")
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("upgrade lists the upgraded coprocesses, and the reason for refusing a bad program")
    func upgrade() throws {
        let site = try Site(isStarted: false)
        let program = site.path("geopipe")
        // Copied by another process: a file that this one writes cannot be executed while a child of another test has
        // it open.
        try #require(try Tool("cp").run([Coprocess.binary, program]).status == 0)
        let coprocess = try Coprocess(
            ["--config", "current/geopipe.yaml"], in: URL(filePath: site.folder.path), program: program)
        try coprocess.send("HELO\t5\n")
        #expect(try coprocess.answer().count == 1)
        let isTold = try eventually(within: Coprocess.timeout) {
            try site.run("upgrade").output == "1 of 1 coprocesses already run the installed program\n"
        }
        try #require(isTold)

        try #require(try Tool("cp").run([Tool("false").path, "\(program).new"]).status == 0)
        try #require(rename("\(program).new", program) == 0)
        let refused = try site.run("upgrade")
        #expect(refused.status == 1)
        #expect(
            refused.error
                == "\(coprocess.identifier) is not upgraded: \(program) does not take over: it does not answer\n"
        )

        try #require(try Tool("cp").run([Coprocess.binary, "\(program).new"]).status == 0)
        try #require(rename("\(program).new", program) == 0)
        let upgraded = try site.run("upgrade")
        #expect(upgraded.output.hasSuffix("\n\(coprocess.identifier) upgraded\n"), "\(upgraded)")
        #expect(upgraded.status == 0)
        try coprocess.send("Q\tapi.example.com\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        #expect(try coprocess.answer().count == 2)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("SIGHUP works while a takeover hangs")
    func hangup() throws {
        let site = try Site(isStarted: false)
        let program = site.path("geopipe")
        try #require(try Tool("cp").run([Coprocess.binary, program]).status == 0)
        let coprocess = try Coprocess(
            ["--config", "current/geopipe.yaml"], in: URL(filePath: site.folder.path), program: program)
        try coprocess.send("HELO\t5\nQ\tapi.example.com\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        _ = try coprocess.answer()
        _ = try coprocess.answer()
        // It signals its start, and ends with the coprocess.
        try site.folder.write("#!/bin/sh\n: > begun\nexec cat > ignored\n".utf8, to: "geopipe.new")
        try #require(chmod("\(program).new", 0o755) == 0)
        try #require(rename("\(program).new", program) == 0)
        kill(coprocess.identifier, SIGUSR2)
        let hasBegun = eventually(within: Coprocess.timeout) {
            FileManager.default.fileExists(atPath: site.path("begun"))
        }
        try #require(hasBegun)
        coprocess.forgetError()
        kill(coprocess.identifier, SIGHUP)
        let isLoaded = try eventually(within: .seconds(40)) {
            try coprocess.wait(.milliseconds(10))
            return String(decoding: coprocess.standardError, as: UTF8.self).contains("loaded current/geopipe.yaml")
        }
        #expect(isLoaded, "\(String(decoding: coprocess.standardError, as: UTF8.self))")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("the status shows drains, coprocesses, and errors of the configuration on disk")
    func status() throws {
        let site = try Site()
        try site.run("drain", "oslo", "--share", "25%", "--reason", "new routers")
        #expect(try eventually(within: Coprocess.timeout) { try site.questions() == 1 })
        let sound = try site.run("status")
        #expect(sound.status == 0)
        #expect(sound.output.contains(#/oslo +drained for 25% of the client networks, .*: new routers/#))
        #expect(sound.output.contains(#/ashburn +in use/#))
        #expect(sound.output.contains(#/\n +[0-9]+  [0-9.]+ +[0-9]+ s +1 +[0-9a-f]{16} /#))
        try site.replace(
            "release/geopipe.yaml", with: Site.Part.configuration.badContent
        )
        try site.expectError("what was loaded before stays in use\n")
        let isToldOf = try eventually(within: Coprocess.timeout) {
            let broken = try site.run("status")
            return broken.status == 1 && broken.output.contains("\n  error    current/geopipe.yaml:2:18: ")
        }
        #expect(isToldOf)
        #expect(try site.questions() == 1, "what a program reads is told of a broken configuration, too")
    }

    @Test("the status reports a running coprocess without a heartbeat")
    func silent() throws {
        let site = try Site()
        #expect(try eventually(within: Coprocess.timeout) { try site.questions() == 1 })
        #expect(try site.run("status").status == 0)
        kill(site.coprocess.identifier, SIGSTOP)
        let isTold = try eventually(within: Coprocess.timeout) {
            let status = try site.run("status")
            return status.status == 1
                && status.output.contains(#/\n  error    coprocess [0-9]+: no heartbeat for [0-9]+ s: /#)
        }
        #expect(isTold)
        kill(site.coprocess.identifier, SIGCONT)
        #expect(try eventually(within: Coprocess.timeout) { try site.run("status").status == 0 })
    }

    /// Waits until there is an image.
    private func expectImage(_ site: Site) throws {
        let isThere = eventually(within: Coprocess.timeout) {
            let folders = (try? FileManager.default.contentsOfDirectory(atPath: site.path("state/images"))) ?? []
            return folders.contains { FileManager.default.fileExists(atPath: site.path("state/images/\($0)/current")) }
        }
        try #require(isThere, "\(site.error)")
    }
}
