import Foundation
import Support
import Testing

@Suite("Repeated faults")
struct RepeatedFaultTests: AtFaultSite {
    let site: FaultSite

    init() throws { site = try FaultSite() }

    @Test("a second fault before the rest of the first is answered loses nothing", arguments: 1...2)
    func faultAfterFault(opening: Int) throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        // Now the image exists.
        try #require(try ask("www", coprocess) == "192.0.2.1")
        try folder.write("".utf8, to: "trip-\(opening)")
        try coprocess.send(["www", "fault", "www"].map { question($0) }.joined() + question("www").prefix(9))
        #expect(try answers(3, coprocess) == ["192.0.2.1", "FAIL", "192.0.2.1"])
        try coprocess.send(String(question("www").dropFirst(9)))
        #expect(try answers(1, coprocess) == ["192.0.2.1"])
        #expect(faults(coprocess) == 3)
        try expectEnd(coprocess)
    }

    @Test("several faults before the rest of the first is answered refuse all of it")
    func faultsAfterFault() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for _ in 0..<2 { try #require(try ask("fault", coprocess) == nil) }
        try folder.write("".utf8, to: "trip-1")
        try coprocess.send(
            question("www") + question("fault") + question("www", "SOA") + question("www").prefix(9))
        #expect(try answers(4, coprocess) == ["FAIL", "FAIL", "FAIL", "END"])
        try coprocess.send(String(question("www").dropFirst(9)))
        #expect(try answers(1, coprocess) == ["FAIL"])
        try expectEnd(coprocess)
    }

    @Test("repeated faults refuse questions only for a while")
    func faults() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for _ in 0..<4 { try #require(try ask("fault", coprocess) == nil) }
        try #require(try ask("www", coprocess) == nil)
        // Also without questions in between.
        sleep(12)
        let isBack = try eventually(within: Coprocess.timeout) { try ask("www", coprocess) == "192.0.2.1" }
        #expect(isBack)
        #expect(try String(contentsOfFile: "/proc/\(coprocess.identifier)/comm", encoding: .utf8) == "geopipe\n")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
