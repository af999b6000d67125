import Foundation
import Support
import Testing

/// Runs every file of dialogues/ against the real geopipe.
@Suite("Dialogues")
struct DialogueTests {
    enum Delivery: CaseIterable {
        /// All questions come in one write, followed by the end of standard input.
        case atOnce
        /// Each question comes after the answer to the one before, as pdns asks.
        case oneByOne
    }

    static let names =
        (try? FileManager.default.contentsOfDirectory(atPath: Transcript.folder.path))
        .map { $0.filter { $0.hasSuffix(".txt") }.sorted() } ?? []

    @Test("the dialogues are found")
    func found() {
        #expect(!Self.names.isEmpty)
    }

    @Test("geopipe gives the answers of the dialogue", arguments: names, Delivery.allCases)
    func play(name: String, delivery: Delivery) throws {
        let transcript = try Transcript(contentsOf: Transcript.folder.appending(path: name))
        let folder = try Folder()
        let geopipe = try Coprocess(
            ["--config", transcript.configuration, "--state", "\(folder.path)/state"], in: Transcript.folder)

        if delivery == .atOnce {
            geopipe.queue(transcript.exchanges.flatMap(\.question))
            try geopipe.pump("everything to be read") { !geopipe.hasUnsent }
            geopipe.closeInput()
            try geopipe.pump("the end of its output") { geopipe.hasClosedOutput }
        }
        for exchange in transcript.exchanges {
            if delivery == .oneByOne {
                try geopipe.send(exchange.question)
                if exchange.question.last != UInt8(ascii: "\n") { geopipe.closeInput() }
            }
            guard !exchange.answer.isEmpty else { continue }
            let answer = try geopipe.answer()
            if !matches(answer, exchange.answer) {
                Issue.record("\(difference(answer, exchange))", sourceLocation: location(exchange.line, in: name))
            }
        }
        #expect(try geopipe.finish() == Coprocess.Ending(status: transcript.exitStatus))
        #expect(legible(geopipe.output) == "", "nothing but the answers on standard output")
        let diagnostics = geopipe.standardError.split(separator: UInt8(ascii: "\n")).map(Array.init)
        if !matchInOrder(diagnostics[...], transcript.standardError[...]) {
            Issue.record(
                "standard error: \(legible(geopipe.standardError))", sourceLocation: location(1, in: name))
        }
    }

    /// The records of an answer are a set; all other lines have an order.
    private func matches(_ answer: [[UInt8]], _ patterns: [Pattern]) -> Bool {
        let data = answer.filter { $0.starts(with: "DATA\t".utf8) }
        let others = answer.filter { !$0.starts(with: "DATA\t".utf8) }
        return matchInAnyOrder(data[...], patterns.filter(\.isData)[...])
            && matchInOrder(others[...], patterns.filter { !$0.isData }[...])
    }

    private func difference(_ answer: [[UInt8]], _ exchange: Transcript.Exchange) -> String {
        """
        > \(legible(exchange.question.prefix(200).dropLast()))
        expected:
        \(exchange.answer.map { "< \($0.text)\n" }.joined())
        answered:
        \(answer.map { "< \(legible($0))\n" }.joined())
        """
    }

    private func location(_ line: Int, in name: String) -> SourceLocation {
        let path = Transcript.folder.appending(path: name).path
        return SourceLocation(fileID: "Transcripts/\(name)", filePath: path, line: line, column: 1)
    }
}
