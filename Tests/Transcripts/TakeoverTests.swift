import Foundation
import Support
import Testing

/// That nobody waits for a program that takes over and has much to load.
@Suite("Taking over")
struct TakeoverTests {
    @Test("questions, commands and transfers are answered while the new program loads, and nothing is left behind")
    func loading() throws {
        let site = try Site(isStarted: false)
        let hosts = "$GENERATE 1-60000 host$ A 192.0.2.1\n".utf8
        try site.replace("release/example.com.zone", with: Site.Part.zone.content(1) + hosts)
        try site.start()
        let process = site.coprocess.identifier
        let isTold = try eventually(within: Coprocess.patience) {
            for _ in 0..<20 { _ = try site.version(of: .zone) }
            return try site.questions().map { $0 >= 100 } ?? false
        }
        try #require(isTold)
        kill(process, SIGUSR2)
        var hadStandIn = false
        let isNew = try eventually(within: Coprocess.patience) {
            try #require(try site.version(of: .zone) == 1)
            #expect(try site.contents("host60000") == ["192.0.2.1"])
            try site.coprocess.send("CMD\tstatus\n")
            try #require(try site.coprocess.answer().count > 3)
            hadStandIn = try hadStandIn || !children(of: process).isEmpty
            // Whoever begins anew counts anew.
            return try site.questions().map { $0 < 100 } ?? false
        }
        try #require(isNew, "\(site.error)")
        #expect(hadStandIn)
        try site.coprocess.send("AXFR\t1\texample.com\n")
        #expect(try site.coprocess.answer().count > 60_000)
        #expect(try eventually(within: Coprocess.patience) { try children(of: process).isEmpty })
        // And it follows what changes, as before.
        try site.write(.zone, 2)
        try site.expect(.zone, 2)
        #expect(try site.coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
