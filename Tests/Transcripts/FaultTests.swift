import Foundation
import Testing

/// Faults in a coprocess, such as an invalid memory access: what it still answers.
@Suite("Faults")
struct FaultTests: AtFaultSite {
    let site: FaultSite

    init() throws { site = try FaultSite() }

    @Test("a fault refuses the current question, and the process continues")
    func fault() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for name in ["fault", "abort", "fault", "fault", "fault"] {
            try #require(try ask(name, coprocess) == nil, "\(name)")
            if name != "fault" { try #require(try ask("www", coprocess) == "192.0.2.1") }
        }
        try #require(try ask("www", coprocess) == "192.0.2.1")
        let error = String(decoding: coprocess.standardError, as: UTF8.self)
        let lines = error.split(separator: "\n").filter { $0.contains("internal error") }
        #expect(lines.count == 5)
        #expect(lines.allSatisfy { $0.hasPrefix("geopipe[\(coprocess.identifier)]: internal error: signal ") })
        func refused(_ name: String) -> String {
            "; the question is refused: Q \(name).example.com IN A -1 192.0.2.1 127.0.0.1 203.0.113.0/24"
        }
        // The signal of a trap depends on the processor.
        #expect(lines.first?.contains(" (SIGILL), address 0x") == true || lines.first?.contains(" (SIGTRAP)") == true)
        #expect(lines.first?.hasSuffix(refused("fault")) == true)
        #expect(lines.dropFirst().first?.contains(": signal 6 (SIGABRT), instruction 0x") == true)
        #expect(lines.dropFirst().first?.hasSuffix(refused("abort")) == true)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test(
        "a fault loses only its own line of several",
        arguments: [
            ["www", "fault", "www"], ["fault", "www", "www"], ["www", "www", "abort"],
            ["fault", "www", "abort", "www", "fault"], ["www", "fault"],
        ])
    func batch(names: [String]) throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        // The received part of a line waits for the rest.
        let last = question("www")
        try coprocess.send(names.map { question($0) }.joined() + last.prefix(9))
        #expect(try answers(names.count, coprocess) == names.map { $0 == "www" ? "192.0.2.1" : "FAIL" })
        try coprocess.send(String(last.dropFirst(9)))
        #expect(try coprocess.answer().first.map { String(decoding: $0, as: UTF8.self).hasSuffix("192.0.2.1") } == true)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("a fault does not repeat earlier answers: a zone transfer")
    func transfer() throws {
        // Its answer is sent in parts.
        let count = 30_000
        try folder.write("$TTL 60\n$GENERATE 1-\(count) host$ A 192.0.2.1\n".utf8, to: "large.zone")
        try folder.write(
            (folder.text(of: "geopipe.yaml") + "\n  example.info:\n"
                + "    file: large.zone\n    soa: { primary: ns., contact: h. }\n    ns: [ns.example.net.]\n").utf8,
            to: "geopipe.yaml")
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        try coprocess.send("AXFR\t1\texample.info\n" + ["www", "fault", "www"].map { question($0) }.joined())
        #expect(try coprocess.answer().count == count + 3)
        #expect(try answers(3, coprocess) == ["192.0.2.1", "FAIL", "192.0.2.1"])
        try expectEnd(coprocess)
    }

    @Test("a fault does not repeat earlier answers: more than one buffer")
    func large() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        let count = 300
        try coprocess.send(
            String(repeating: question("large", "TXT"), count: count) + question("fault") + question("www"))
        for number in 0..<count {
            try #require(try coprocess.answer().count == FaultSite.largeCount + 1, "answer \(number)")
        }
        #expect(try answers(2, coprocess) == ["FAIL", "192.0.2.1"])
        try expectEnd(coprocess)
    }

    @Test("lines that cannot be handed on are refused", arguments: ["none", "full"])
    func noRoom(rest: String) throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())", "REST=\(rest)"])
        try coprocess.send(question("www") + question("fault") + question("www", "SOA") + question("www"))
        #expect(try answers(5, coprocess) == ["FAIL", "FAIL", "FAIL", "END", "FAIL"])
        #expect(try ask("www", coprocess) == "192.0.2.1")
        try expectEnd(coprocess)
    }

    @Test("only SOA questions and commands are refused with END, which pdns waits for")
    func end() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        let soa = question("fault", "SOA", in: "example.org")
        for _ in 0..<2 {
            try coprocess.send(soa)
            #expect(try answers(2, coprocess) == ["FAIL", "END"])
        }
        try coprocess.send("CMD\tfault.example\n")
        #expect(try answers(2, coprocess) == ["FAIL", "END"])
        // After the last retry all questions are refused without another start.
        try coprocess.send(soa + question("www") + soa + question("www"))
        #expect(try answers(6, coprocess) == ["FAIL", "END", "FAIL", "FAIL", "END", "FAIL"])
        try coprocess.send(soa + question("www"))
        #expect(try answers(3, coprocess) == ["FAIL", "END", "FAIL"])
        try expectEnd(coprocess)
    }

    @Test("a fault on a line that is too long loses no line after it")
    func overlongLine() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        try coprocess.send(String(repeating: "x", count: 70_000))
        try coprocess.send("\n" + question("www") + question("www"))
        #expect(try answers(3, coprocess) == ["FAIL", "192.0.2.1", "192.0.2.1"])
        try expectEnd(coprocess)
    }
}
