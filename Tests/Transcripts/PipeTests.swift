import Foundation
import Testing

/// The process: reading and writing its pipes, and its end.
@Suite("The pipe")
struct PipeTests {
    private static let configuration = ["--config", "opera.yaml"]

    private func start(
        _ arguments: [String] = configuration, terminal: FileHandle? = nil, packets: Bool = false
    ) throws -> Coprocess {
        try Coprocess(arguments, in: Transcript.folder, terminal: terminal, packets: packets)
    }

    private func startGreeted(packets: Bool = false) throws -> Coprocess {
        let geopipe = try start(packets: packets)
        try geopipe.send("HELO\t3\n")
        _ = try geopipe.answer()
        return geopipe
    }

    /// Returns the name of all questions, with the bits of `number` as the case of its letters. The answer repeats
    /// them, which identifies its question.
    private func name(_ number: Int) -> String {
        var bits = number
        return String(
            "my.geo.example.com".map { letter in
                defer { if letter.isLetter { bits >>= 1 } }
                return bits & 1 == 1 ? Character(letter.uppercased()) : letter
            })
    }

    private func question(_ number: Int) -> String {
        "Q\t\(name(number))\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t129.240.0.0/16\n"
    }

    private func questions(_ count: Int) -> String {
        (0..<count).map(question).joined()
    }

    private func expectAnswers(_ count: Int, from geopipe: Coprocess) throws {
        for number in 0..<count {
            let answer = try geopipe.answer().map { legible($0) }
            try #require(answer.count == 2 && answer[1] == "END", "\(answer)")
            let fields = answer[0].split(separator: "  ")
            try #require(fields[3] == name(number) && fields.last == "192.0.2.10", "\(fields)")
        }
    }

    @Test("it writes nothing before the first line")
    func silent() throws {
        let geopipe = try start()
        try geopipe.wait(.milliseconds(300))
        #expect(legible(geopipe.output) == "")
        try geopipe.send("HELO\t3\n")
        #expect(try geopipe.answer().count == 1)
    }

    @Test("the command name is optional: geopipe backend")
    func named() throws {
        let geopipe = try start(["backend"] + Self.configuration)
        try geopipe.send("HELO\t3\n" + question(0))
        _ = try geopipe.answer()
        try expectAnswers(1, from: geopipe)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
    }

    @Test("the end of standard input ends it with 0", arguments: ["", "HELO\t3\n", "HELO\t7\n", "HELO\t3\nnonsense\n"])
    func endOfInput(sent: String) throws {
        let geopipe = try start()
        try geopipe.send(sent)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
        #expect(legible(geopipe.standardError) == "")
    }

    @Test("a closed standard output ends it quietly, even while it is writing", arguments: [1, 20_000])
    func closedOutput(count: Int) throws {
        let geopipe = try startGreeted()
        geopipe.listening = false
        geopipe.queue(Array(questions(count).utf8))
        if count > 1 { try geopipe.wait(.milliseconds(500)) }
        geopipe.closeOutput()
        let ending = try geopipe.ending()
        #expect(!ending.killed)
        #expect(legible(geopipe.standardError) == "")
    }

    @Test("all the lines of one write are answered without more input")
    func manyLines() throws {
        let geopipe = try startGreeted()
        try geopipe.send(questions(200))
        try expectAnswers(200, from: geopipe)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
        #expect(geopipe.output.isEmpty)
    }

    @Test("the lines of one write are answered in one write")
    func oneWrite() throws {
        let geopipe = try startGreeted(packets: true)
        let before = geopipe.reads
        try geopipe.send(questions(20))
        try expectAnswers(20, from: geopipe)
        #expect(geopipe.reads == before + 1)
    }

    @Test("an unfinished line waits for its newline")
    func unfinishedLine() throws {
        let geopipe = try startGreeted()
        try geopipe.send(question(0) + String(question(1).dropLast()))
        try expectAnswers(1, from: geopipe)
        try geopipe.wait(.milliseconds(300))
        #expect(legible(geopipe.output) == "")
        try geopipe.send("\n" + question(0))
        let answers = try [geopipe.answer(), geopipe.answer()]
        #expect(answers.map { legible($0[0]).contains(name(1)) } == [true, false])
    }

    @Test("an unfinished line is answered at the end of input")
    func unfinishedLastLine() throws {
        let geopipe = try startGreeted()
        try geopipe.send(String(questions(2).dropLast()))
        try expectAnswers(1, from: geopipe)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
        #expect(legible(geopipe.output).contains(name(1)))
        #expect(legible(geopipe.output).hasSuffix("END\n"))
    }

    @Test("questions and answers pass byte by byte")
    func byteByByte() throws {
        let geopipe = try start()
        geopipe.chunk = 1
        geopipe.queue(Array(("HELO\t3\n" + questions(200)).utf8))
        _ = try geopipe.answer()
        try expectAnswers(200, from: geopipe)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
    }

    @Test("no answer is lost if the reader pauses")
    func lateReader() throws {
        let geopipe = try startGreeted()
        geopipe.listening = false
        geopipe.queue(Array(questions(5_000).utf8))
        try geopipe.wait(.milliseconds(500))
        #expect(geopipe.hasUnsent, "both pipes are full")
        geopipe.listening = true
        try expectAnswers(5_000, from: geopipe)
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
        #expect(geopipe.output.isEmpty)
    }

    @Test("a large zone is transferred without more memory")
    func transferOfLargeZone() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let count = 100_000
        let zone = (0..<count).map { "host\($0) A 192.0.2.1\n" }.joined()
        try "zones: { example.com: { file: example.com.zone } }"
            .write(to: folder.appending(path: "geopipe.yaml"), atomically: true, encoding: .utf8)
        try "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n\(zone)"
            .write(to: folder.appending(path: "example.com.zone"), atomically: true, encoding: .utf8)
        let geopipe = try Coprocess(["--config", "geopipe.yaml"], in: folder)
        // The first transfer maps the whole zone, and the second shows the memory that a transfer takes.
        var peaks: [Int] = []
        try geopipe.send("HELO\t5\n")
        _ = try geopipe.answer()
        for _ in 0..<2 {
            try geopipe.send("AXFR\t1\texample.com\n")
            #expect(try geopipe.answer().count == count + 4)
            peaks.append(try peakMemory(of: geopipe.identifier))
        }
        #expect(peaks[1] - peaks[0] < 2 << 20, "\(peaks)")
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
    }

    /// The peak memory of a process, in bytes.
    private func peakMemory(of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return 1024 * (try #require(line.split(separator: " ").compactMap { Int($0) }.first))
    }

    @Test("it continues after SIGSTOP and SIGCONT")
    func stopped() throws {
        let geopipe = try startGreeted()
        for number in 0..<20 {
            kill(geopipe.identifier, SIGSTOP)
            try geopipe.send(questions(1 + number))
            kill(geopipe.identifier, SIGCONT)
            try expectAnswers(1 + number, from: geopipe)
        }
        #expect(try geopipe.finish() == Coprocess.Ending(status: 0))
    }

    @Test("on a terminal it explains on standard error what to type, and answers")
    func terminal() throws {
        var keyboard: CInt = -1
        var screen: CInt = -1
        try #require(openpty(&keyboard, &screen, nil, nil, nil) == 0)
        defer { for end in [keyboard, screen] { close(end) } }
        let geopipe = try start(terminal: FileHandle(fileDescriptor: screen))
        try geopipe.pump("a hint") { legible(geopipe.standardError).contains("HELO") }
        #expect(legible(geopipe.output) == "")

        let typed = "HELO\t1\n\u{4}"  // Control-D ends the input
        #expect(write(keyboard, typed, typed.utf8.count) == typed.utf8.count)
        #expect(try geopipe.ending() == Coprocess.Ending(status: 0))
        #expect(legible(geopipe.output).hasPrefix("OK  "))
    }
}
