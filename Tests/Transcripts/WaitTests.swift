import Foundation
import Support
import Testing

/// Polling for the next question.
@Suite("The wait for questions")
struct WaitTests {
    /// Starts a coprocess with the longest wait, and asks it often enough to make it poll.
    private func awake() throws -> Site {
        let site = try Site(isStarted: false)
        try site.replace("release/geopipe.yaml", with: configuration(1))
        try site.start()
        let isAwake = try eventually(within: Coprocess.timeout) {
            let before = try sleeps(site)
            for _ in 0..<100 { _ = try site.version(of: .configuration) }
            return try sleeps(site) - before < 50
        }
        try #require(isAwake)
        return site
    }

    private func configuration(_ version: Int, wait: String = "10ms") -> [UInt8] {
        Site.Part.configuration.content(version) + "wait: \(wait)\n".utf8
    }

    /// The number of times that the answering thread has gone to sleep.
    private func sleeps(_ site: Site) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(site.coprocess.identifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) })
    }

    /// The CPU time of the answering thread, in hundredths of a second.
    private func ticks(_ site: Site) throws -> Int {
        let process = site.coprocess.identifier
        let stat = try String(contentsOfFile: "/proc/\(process)/task/\(process)/stat", encoding: .utf8)
        // The second field is the program's name in parentheses; user and system time are the 14th and 15th fields.
        let fields = try #require(stat.split(separator: ")").last).split(separator: " ")
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }

    @Test("ends when no question comes: an idle coprocess takes no CPU time")
    func idle() throws {
        let site = try awake()
        let before = try ticks(site)
        try site.coprocess.wait(.seconds(1))
        #expect(try ticks(site) - before <= 5)
        #expect(try site.version(of: .configuration) == 1)
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("does not keep a coprocess from reloading, draining and taking over")
    func disturbed() throws {
        let site = try awake()
        try site.replace("release/geopipe.yaml", with: configuration(2))
        try site.expect(.configuration, 2)
        try #require(site.run("drain", "oslo").status == 0)
        let isDrained = try eventually(within: Coprocess.timeout) {
            try site.contents("api") == ["198.51.100.251"]
        }
        #expect(isDrained)
        let asked = try site.questions() ?? 0
        kill(site.coprocess.identifier, SIGUSR2)
        let isNew = try eventually(within: Coprocess.timeout) {
            try #require(try site.version(of: .configuration) == 2)
            // A new program counts from zero.
            return try site.questions().map { $0 < asked } ?? false
        }
        #expect(isNew, "\(site.error)")
        #expect(try site.contents("api") == ["198.51.100.251"])
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("is off on a single core, which pdns needs to ask")
    func oneCore() throws {
        let status = try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
        let list = try #require(status.firstMatch(of: /Cpus_allowed_list:\s+([0-9]+)/))
        let site = try Site(isStarted: false)
        try site.replace("release/geopipe.yaml", with: configuration(1))
        let core: Int = try #require(Int(list.1))
        try site.start(on: core)
        for _ in 0..<100 { _ = try site.version(of: .configuration) }
        #expect(try isAsleep(site))
    }

    /// Whether the coprocess sleeps between questions at intervals of a millisecond.
    private func isAsleep(_ site: Site) throws -> Bool {
        try eventually(within: Coprocess.timeout) {
            let before = try sleeps(site)
            for _ in 0..<20 {
                _ = try site.version(of: .configuration)
                usleep(1_000)
            }
            return try sleeps(site) - before >= 10
        }
    }

    @Test("changes on reload, and is off with 0")
    func turnedOff() throws {
        let site = try awake()
        try site.replace("release/geopipe.yaml", with: configuration(3, wait: "0"))
        try site.expect(.configuration, 3)
        #expect(try isAsleep(site))
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
