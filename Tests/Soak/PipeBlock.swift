import Glibc
import struct Support.SeededGenerator

/// A block of questions to a coprocess, in the form of pdns.
struct PipeBlock {
    struct Entry {
        var question: Question
        var client: Client
    }

    let entries: [Entry]
    /// The lines of all questions.
    let lines: [UInt8]
    /// The last judged answers, the end of each, and how long they stay right; empty if one was wrong.
    var judged: [UInt8] = []
    var ends: [Int] = []
    var validity = Oracle.Validity(revision: -1, end: 0)

    init(_ entries: [Entry], zone: String) {
        self.entries = entries
        var lines: [UInt8] = []
        for (number, entry) in entries.enumerated() {
            var name = entry.question.name
            // pdns asks for names below a wildcard by the wildcard itself.
            if entry.question == .missing { name = "x\(number)" + name.dropFirst() }
            lines += "Q\t\(name).\(zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t\(entry.client)\n".utf8
        }
        self.lines = lines
    }
}

/// Lines from a coprocess.
enum PipeReply {
    private static let end = Array("END\n".utf8), failure = Array("FAIL\n".utf8)

    /// Finds the ends of answers.
    ///
    /// - Parameters:
    ///   - place: the start of a line; then the start of the last incomplete line.
    ///   - ends: receives the positions after the last lines of answers.
    static func findEnds(_ bytes: UnsafeRawBufferPointer, from place: inout Int, _ ends: inout [Int]) {
        while place < bytes.count,
            let found = memchr(bytes.baseAddress! + place, CInt(UInt8(ascii: "\n")), bytes.count - place)
        {
            let next = bytes.baseAddress!.distance(to: UnsafeRawPointer(found)) + 1
            let line = bytes[place..<next]
            if line.elementsEqual(end) || line.elementsEqual(failure) { ends.append(next) }
            place = next
        }
    }

    /// Reads the lines of an answer; `nil` if one is unexpected.
    static func answer(_ lines: UnsafeRawBufferPointer.SubSequence, to question: Question) -> Answer? {
        var answer = Answer(responseCode: 3)
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            switch fields[0] {
            case "FAIL": answer.responseCode = 2
            case "END": break
            case "DATA":
                guard fields.count >= 9, let scope = UInt8(fields[1]) else { return nil }
                answer.responseCode = 0
                guard let data = data(fields[5], fields.dropFirst(8)) else { return nil }
                if fields[5] == question.typeName {
                    answer.records.append(data)
                    answer.scope = scope
                }
            default: return nil
            }
        }
        answer.records.sort { $0.lexicographicallyPrecedes($1) }
        return answer
    }

    /// Returns the bytes of a record as in a message, as far as they are judged.
    private static func data(_ type: String, _ fields: ArraySlice<String>) -> [UInt8]? {
        guard let text = fields.first else { return nil }
        switch type {
        case "A", "AAAA":
            var bytes = [UInt8](repeating: 0, count: type == "A" ? 4 : 16)
            return inet_pton(type == "A" ? AF_INET : AF_INET6, text, &bytes) == 1 ? bytes : nil
        case "MX": return UInt16(text).map { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        default: return []
        }
    }
}
