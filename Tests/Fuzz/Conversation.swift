import Answering
import Glibc
import Platform

@testable import PipeProtocol

/// Sends questions like pdns, and checks each answer by the rules of the protocol.
final class Conversation {
    private let (input, output) = (AnonymousFile.make("questions"), AnonymousFile.make("answers"))
    private let supply = ServingMailbox()
    private var reply: ReplyWriter

    init() { reply = ReplyWriter(descriptor: output) }

    /// Answers each line alone, and for some inputs then all lines at once: the answers must be equal.
    ///
    /// - Parameters:
    ///   - version: the protocol version of an earlier greeting; `nil` if the lines have one.
    ///   - isSound: whether the answers must be valid; those of a damaged image need not be.
    ///   - isReadAtOnce: whether the lines are also read from a file and answered at once.
    func hold(
        _ lines: ArraySlice<UInt8>, with serving: Serving?, version: ABIVersion? = nil, isSound: Bool = true,
        isReadAtOnce: Bool
    ) {
        var session = session(serving, version)
        var all: [UInt8] = []
        for line in lines.lines {
            let before = session.version
            if line.count > LineReader.limit {
                session.answerOverlongLine(&reply)
            } else {
                session.answer(line.span, &reply)
            }
            let isSent = reply.count == 0
            if isSent { takeSent() }
            if isSound, line.count <= LineReader.limit {
                let answer = UnsafeBufferPointer(rebasing: reply.buffer[..<reply.count])
                Judge(question: line, answer: answer, version: before, isGreeted: session.version != nil).judge()
            }
            if isReadAtOnce { all += reply.buffer[..<reply.count] }
            reply.count = 0
        }
        guard isReadAtOnce else { return }
        Scratch.fill(input, Array(lines))
        require(answersAtOnce(with: serving, version) == all, "answers differ in a batch")
    }

    private func session(_ serving: Serving?, _ version: ABIVersion?) -> Session {
        var session = Session(seed: 1, supply: supply, makeFirst: { serving })
        if let version { session.resume(version: version) }
        return session
    }

    private func answersAtOnce(with serving: Serving?, _ version: ABIVersion?) -> [UInt8] {
        defer { reply.count = 0 }
        var reader = LineReader(descriptor: input)
        var session = session(serving, version)
        while reader.read() {
            while let line = reader.next() {
                switch line {
                case .text(let bytes): session.answer(bytes.span, &reply)
                case .tooLong: session.answerOverlongLine(&reply)
                }
            }
            _ = reply.send()
        }
        let size = Int(lseek(output, 0, SEEK_CUR))
        defer { lseek(output, 0, SEEK_SET) }
        return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            count = pread(output, bytes.baseAddress, size, 0)
        }
    }

    /// Moves the sent bytes to the collected ones.
    private func takeSent() {
        let size = Int(lseek(output, 0, SEEK_CUR))
        require(size <= reply.buffer.count, "an answer of \(size) bytes")
        require(pread(output, reply.buffer.baseAddress!, size, 0) == size, "what was sent cannot be read")
        reply.count = size
        lseek(output, 0, SEEK_SET)
    }
}

/// Checks an answer like pdns.
private struct Judge {
    let question: ArraySlice<UInt8>
    let answer: UnsafeBufferPointer<UInt8>
    /// The protocol version before the question.
    let version: ABIVersion?
    /// Whether the handshake is over after the question.
    let isGreeted: Bool

    func judge() {
        hold(answer.last == 0x0a, "the answer has no end")
        let isGreeting = begins(question, "HELO")
        if version == nil || isGreeting { return judgeGreeting() }
        if version!.hasCommands, begins(question, "CMD") {
            // A tab or the line's end must follow a command.
            return hold(ends("END") || ends("FAIL"), "no END")
        }
        judgeRecords(version!)
    }

    private func judgeGreeting() {
        var count = 0
        forEachLine { line in
            count += 1
            if begins(line, "LOG\t"), version != nil { return }
            hold(begins(line, "OK\t") || isWord(line, "FAIL"), "a greeting is answered with OK or FAIL")
            hold(!begins(line, "OK\t") || isGreeted, "OK to a line that is not a greeting")
        }
        hold(count == 1 || version != nil, "a greeting is answered with one line")
    }

    private func judgeRecords(_ version: ABIVersion) {
        // Nothing follows END, and at most an END follows FAIL.
        var (hasFailed, hasEnded) = (false, false)
        let name = askedName
        forEachLine { line in
            hold(!hasEnded, "something after END")
            if isWord(line, "END") {
                hasEnded = true
            } else if isWord(line, "FAIL") {
                hold(!hasFailed, "FAIL twice")
                hasFailed = true
            } else if begins(line, "LOG\t") {
                hold(!hasFailed, "LOG after FAIL")
                hold(line.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }, "a control character in a LOG line")
            } else {
                hold(begins(line, "DATA\t") && !hasFailed, "no line of the protocol")
                judgeRecord(line, version, name)
            }
        }
        hold(hasEnded || hasFailed, "neither END nor FAIL")
    }

    private func judgeRecord(_ line: Slice<UnsafeBufferPointer<UInt8>>, _ version: ABIVersion, _ name: Range<Int>?) {
        // pdns has the priority of these in its own field.
        var fields: [Slice<UnsafeBufferPointer<UInt8>>] = []
        fields.reserveCapacity(11)
        var start = line.startIndex
        for place in line.indices where line[place] == 0x09 {
            fields.append(line[start..<place])
            start = place + 1
        }
        fields.append(line[start...])
        let first = version.hasScope ? 3 : 1
        hold(fields.count > first + 2, "a DATA line with \(fields.count) fields")
        let hasPriority = isWord(fields[first + 2], "MX") || isWord(fields[first + 2], "SRV")
        hold(fields.count == first + 6 + (hasPriority ? 1 : 0), "a DATA line with \(fields.count) fields")
        if version.hasScope {
            hold((number(fields[1]) ?? 999) <= 128, "a scope that is none")
            hold(isWord(fields[2], "0") || isWord(fields[2], "1"), "an auth flag that is none")
        }
        if let name { hold(fields[first].elementsEqual(question[name]), "a record of another name") }
        hold(number(fields[first + 3]) ?? .max < 1 << 31, "a TTL that is none")
        hold(number(fields[first + 4]) != nil, "a zone's id that is none")
    }

    /// The name in a question.
    private var askedName: Range<Int>? {
        guard begins(question, "Q\t") else { return nil }
        let start = question.startIndex + 2
        return question[start...].firstIndex(of: 0x09).map { start..<$0 }
    }

    private func forEachLine(_ body: (Slice<UnsafeBufferPointer<UInt8>>) -> Void) {
        var start = 0
        for place in answer.indices where answer[place] == 0x0a {
            body(answer[start..<place])
            start = place + 1
        }
    }

    private func ends(_ word: StaticString) -> Bool {
        let last = answer.dropLast().suffix(word.utf8CodeUnitCount)
        return isWord(last, word)
    }

    private func begins(_ bytes: some Collection<UInt8>, _ word: StaticString) -> Bool {
        bytes.starts(with: UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    private func isWord(_ bytes: some Collection<UInt8>, _ word: StaticString) -> Bool {
        bytes.count == word.utf8CodeUnitCount && begins(bytes, word)
    }

    private func number(_ digits: some Collection<UInt8>) -> Int? {
        guard 1...10 ~= digits.count, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1) - 0x30 }
    }

    private func hold(_ condition: Bool, _ rule: @autoclosure () -> String) {
        require(condition, "\(rule()): \(String(decoding: Array(question) + [0x0a] + Array(answer), as: UTF8.self))")
    }
}

extension ArraySlice<UInt8> {
    /// The lines as `LineReader` should return them: without LF or CR LF, the last with or without an end.
    fileprivate var lines: [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = startIndex
        while start < endIndex {
            let end = self[start...].firstIndex(of: 0x0a) ?? endIndex
            let hasReturn = end > start && self[end - 1] == 0x0d
            lines.append(self[start..<(hasReturn ? end - 1 : end)])
            start = end + 1
        }
        return lines
    }
}
