import Glibc
import struct Support.SeededGenerator

/// Questions that are asked of a coprocess at once, as pdns would ask them.
struct PipeBlock {
    struct Entry {
        var question: Question
        var client: Client
    }

    let entries: [Entry]
    /// The lines of all of them.
    let lines: [UInt8]
    /// The answers that were judged last, where each of them ends, and how long they stay right; empty if they were not all right.
    var judged: [UInt8] = []
    var ends: [Int] = []
    var validity = Oracle.Validity(revision: -1, end: 0)

    init(_ entries: [Entry], zone: String) {
        self.entries = entries
        var lines: [UInt8] = []
        for (number, entry) in entries.enumerated() {
            var name = entry.question.name
            // pdns asks for what is under a star by the star itself.
            if entry.question == .missing { name = "x\(number)" + name.dropFirst() }
            lines += "Q\t\(name).\(zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t\(entry.client)\n".utf8
        }
        self.lines = lines
    }
}

/// Lines from a coprocess.
enum PipeReply {
    private static let end = Array("END\n".utf8), failure = Array("FAIL\n".utf8)

    /// Finds where answers end.
    ///
    /// - Parameters:
    ///   - place: where a line begins, and then where the last line without an end does.
    ///   - ends: gets the places after the lines that end answers.
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

    /// Reads the lines of an answer; `nil` if there is one that should not be there.
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

    /// The bytes of a record that a message would have, as far as they are judged.
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
