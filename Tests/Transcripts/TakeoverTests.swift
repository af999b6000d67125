import Foundation
import Support
import Testing

/// Takeovers without delays, even with a large image to load.
@Suite("Taking over")
struct TakeoverTests {
    @Test("questions, commands and transfers are answered all the time, and no files are left open")
    func loading() throws {
        let site = try Site(isStarted: false)
        let hosts = "$GENERATE 1-60000 host$ A 192.0.2.1\n".utf8
        try site.replace("release/example.com.zone", with: Site.Part.zone.content(1) + hosts)
        try site.start()
        let process = site.coprocess.identifier
        let isTold = try eventually(within: Coprocess.timeout) {
            for _ in 0..<20 { _ = try site.version(of: .zone) }
            return try site.questions().map { $0 >= 100 } ?? false
        }
        try #require(isTold)
        kill(process, SIGUSR2)
        let isNew = try eventually(within: Coprocess.timeout) {
            try #require(try site.version(of: .zone) == 1)
            #expect(try site.contents("host60000") == ["192.0.2.1"])
            try site.coprocess.send("CMD\tstatus\n")
            try #require(try site.coprocess.answer().count > 3)
            // A new program counts from zero.
            return try site.questions().map { $0 < 100 } ?? false
        }
        try #require(isNew, "\(site.error)")
        try site.coprocess.send("AXFR\t1\texample.com\n")
        #expect(try site.coprocess.answer().count > 60_000)
        #expect(try eventually(within: Coprocess.timeout) { try children(of: process).isEmpty })
        // It follows changes as before.
        try site.write(.zone, 2)
        try site.expect(.zone, 2)
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("the program that takes over is the one that passed the trial, even if its file is replaced meanwhile")
    func replacedMeanwhile() throws {
        let site = try Site(isStarted: false)
        let program = site.path("geopipe")
        // A truncated program starts and crashes.
        for name in [program, "\(program).new", "\(program).torn"] {
            try #require(try Tool("cp").run([Coprocess.binary, name]).status == 0)
        }
        try #require(truncate("\(program).torn", 1 << 20) == 0)
        let coprocess = try Coprocess(
            ["--config", "current/geopipe.yaml"], in: URL(filePath: site.folder.path), program: program)
        func ask() throws {
            try coprocess.send("Q\tapi.example.com\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
            try #require(try coprocess.answer().count == 2)
        }
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        try ask()
        try #require(rename("\(program).new", program) == 0)
        let fit = fileNumber(program)
        let process = coprocess.identifier
        kill(process, SIGUSR2)
        let isBegun = try eventually(within: Coprocess.timeout) {
            try ([process] + children(of: process)).contains { fileNumber("/proc/\($0)/exe") == fit }
        }
        try #require(isBegun)
        try #require(rename("\(program).torn", program) == 0)
        let isNew = try eventually(within: Coprocess.timeout) {
            try ask()
            return fileNumber("/proc/\(process)/exe") == fit
        }
        #expect(isNew)
        #expect(try String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8) == "geopipe\n")
        try ask()
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    private func fileNumber(_ path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
