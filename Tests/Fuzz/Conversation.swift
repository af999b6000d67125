import Answering
import Glibc
import PipeProtocol
import Platform

/// Asks as pdns does, and holds each answer against the rules of the protocol.
final class Conversation {
    private let (input, output) = (AnonymousFile.make("questions"), AnonymousFile.make("answers"))
    private var reply: ReplyWriter

    init() { reply = ReplyWriter(descriptor: output) }

    /// Each line is answered alone, and then all of them at once: the answers must be the same.
    ///
    /// - Parameter isSound: whether the answers must be lines of the protocol; those of a damaged image need not.
    func hold(_ lines: [UInt8], with serving: Serving?, isSound: Bool = true) {
        let each = answers(to: lines, with: serving, isEach: true, isSound: isSound)
        require(answers(to: lines, with: serving, isEach: false, isSound: false) == each, "answers differ in a batch")
    }

    private func answers(to lines: [UInt8], with serving: Serving?, isEach: Bool, isSound: Bool) -> [UInt8] {
        Scratch.fill(input, lines)
        Scratch.fill(output, [])
        var reader = LineReader(descriptor: input)
        var session = Session(seed: 1, supply: Supply(), makeFirst: { serving })
        while reader.read() {
            while let line = reader.next() {
                let before = lseek(output, 0, SEEK_END)
                let wasGreeted = session.version != nil
                switch line {
                case .text(let bytes): session.answer(bytes.span, &reply)
                case .tooLong: session.answerOverlongLine(&reply)
                }
                guard isEach else { continue }
                _ = reply.send()
                if isSound, case .text(let bytes) = line {
                    check(read(from: before), to: Array(bytes), wasGreeted: wasGreeted, session.version)
                }
            }
            _ = reply.send()
        }
        return read(from: 0)
    }

    private func read(from start: off_t) -> [UInt8] {
        let count = Int(lseek(output, 0, SEEK_END) - start)
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, read in
            read = max(0, pread(output, bytes.baseAddress, count, start))
        }
    }

    private func check(_ answer: [UInt8], to question: [UInt8], wasGreeted: Bool, _ version: ABIVersion?) {
        func hold(_ condition: Bool, _ rule: String) {
            require(condition, "\(rule): \(String(decoding: question + [0x0a] + answer, as: UTF8.self))")
        }
        hold(answer.last == 0x0a, "the answer has no end")
        let lines = answer.dropLast().split(separator: 0x0a, omittingEmptySubsequences: false)
        let ends = lines.filter { $0.elementsEqual("END".utf8) || $0.elementsEqual("FAIL".utf8) }
        let isGreeting = question.starts(with: "HELO".utf8)
        guard wasGreeted, !isGreeting else {
            hold(lines.count == 1 || isGreeting && wasGreeted, "a greeting is answered with one line")
            let isAccepted = lines.last!.starts(with: "OK\t".utf8)
            hold(isAccepted || lines.last!.elementsEqual("FAIL".utf8), "a greeting is answered with OK or FAIL")
            return
        }
        if question.starts(with: "CMD".utf8), version!.hasCommands { return hold(ends.count == 1, "no END") }
        // After FAIL to a question for a SOA record there is an END.
        let words = ends.map { String(decoding: $0, as: UTF8.self) }
        hold([["END"], ["FAIL"], ["FAIL", "END"]].contains(words), "not one END or FAIL")
        for line in lines.dropLast(ends.count) {
            if line.starts(with: "LOG\t".utf8) {
                hold(line.allSatisfy { $0 >= 0x20 || $0 == 0x09 }, "a control character in a LOG line")
            } else {
                hold(line.starts(with: "DATA\t".utf8), "no line of the protocol")
                let fields = line.split(separator: 0x09, omittingEmptySubsequences: false)
                let type = version!.hasScope ? 5 : 3
                let hasPriority = fields.count > type && ["MX", "SRV"].contains { fields[type].elementsEqual($0.utf8) }
                let count = (version!.hasScope ? 9 : 7) + (hasPriority ? 1 : 0)
                hold(fields.count == count, "a DATA line with \(fields.count) fields")
            }
        }
    }
}
