import Foundation
import Support
import Testing

/// A coprocess that stays awake for the next question.
@Suite("The wait for questions")
struct WaitTests {
    /// A coprocess that waits as long as it can, and has been asked often enough to do so.
    private func awake() throws -> Site {
        let site = try Site(isStarted: false)
        try site.replace("release/geopipe.yaml", with: configuration(1))
        try site.start()
        let isAwake = try eventually(within: Coprocess.patience) {
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

    /// How often the thread that answers has gone to sleep.
    private func sleeps(_ site: Site) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(site.coprocess.identifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) })
    }

    /// The processor time of the thread that answers, in hundredths of a second.
    private func ticks(_ site: Site) throws -> Int {
        let process = site.coprocess.identifier
        let stat = try String(contentsOfFile: "/proc/\(process)/task/\(process)/stat", encoding: .utf8)
        // The second field, the program's name, stands in parentheses; user and system time are the 14th and the 15th.
        let fields = try #require(stat.split(separator: ")").last).split(separator: " ")
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }

    @Test("ends when no question comes: an idle coprocess takes no processor time")
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
        let isDrained = try eventually(within: Coprocess.patience) {
            try site.contents("api") == ["198.51.100.251"]
        }
        #expect(isDrained)
        let asked = try site.questions() ?? 0
        kill(site.coprocess.identifier, SIGUSR2)
        let isNew = try eventually(within: Coprocess.patience) {
            try #require(try site.version(of: .configuration) == 2)
            // Whoever begins anew counts anew.
            return try site.questions().map { $0 < asked } ?? false
        }
        #expect(isNew, "\(site.error)")
        #expect(try site.contents("api") == ["198.51.100.251"])
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("is none on the only core that there is for a coprocess: pdns needs it to ask")
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

    /// Whether the coprocess sleeps between questions that come a millisecond after each other.
    private func isAsleep(_ site: Site) throws -> Bool {
        try eventually(within: Coprocess.patience) {
            let before = try sleeps(site)
            for _ in 0..<20 {
                _ = try site.version(of: .configuration)
                usleep(1_000)
            }
            return try sleeps(site) - before >= 10
        }
    }

    @Test("is another after a reload, and none with 0")
    func turnedOff() throws {
        let site = try awake()
        try site.replace("release/geopipe.yaml", with: configuration(3, wait: "0"))
        try site.expect(.configuration, 3)
        #expect(try isAsleep(site))
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
