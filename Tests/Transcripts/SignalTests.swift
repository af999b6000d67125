import Foundation
import Testing

@Suite("Signals to a coprocess")
struct SignalTests: AtFaultSite {
    let site: FaultSite

    init() throws { site = try FaultSite() }

    @Test("only two signals from other processes end a coprocess")
    func signals() throws {
        let coprocess = try start()
        // The other signals stop a process, or belong to the C library.
        for signal in Set(1...64).subtracting([SIGKILL, SIGTERM, SIGSTOP, 32, 33].map(Int.init)).sorted() {
            for _ in 0..<3 { try #require(kill(coprocess.identifier, CInt(signal)) == 0) }
            try #require(try ask("www", coprocess) == "192.0.2.1", "signal \(signal)")
        }
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
        let another = try start()
        kill(another.identifier, SIGTERM)
        #expect(try another.ending() == Coprocess.Ending(status: SIGTERM, killed: true))
    }
}
