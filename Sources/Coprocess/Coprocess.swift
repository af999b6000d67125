import Answering
import CLinux
import Glibc
import PipeProtocol
import Platform

/// Answers what comes from `input` until it ends, or until nobody reads `output` any more.
///
/// All lines that have come are answered with one write. SIGPIPE must be ignored by the process.
///
/// - Parameters:
///   - supply: has what answers are made from, but for the first.
///   - takeover: says when another program is to go on.
///   - inheritance: what another program has left, in whose place this is.
///   - makeFirst: as `Session` has it.
///   - finish: called before another program goes on.
///   - perform: as `Session` has it.
public func serve(
    input: CInt, output: CInt, supply: ServingMailbox, takeover: Takeover?, inheritance: Takeover.Handoff?,
    makeFirst: @escaping () -> Serving?, finish: () -> Void, perform: @escaping (_ command: String) -> [String]
) {
    var session = Session(
        seed: UInt64.random(in: .min ... .max), supply: supply, makeFirst: makeFirst, perform: perform)
    var reader = LineReader(descriptor: input)
    var reply = ReplyWriter(descriptor: output, partSent: CrashRecord.partSent)
    var wait = WaitPolicy()
    // There pdns asks from the same core, and has it as soon as this thread sleeps: no core has to be woken.
    let sharesCore = usable_cores() == 1
    let receiver = sharesCore ? nil : PDNSThread()
    /// Nanoseconds between two looks where the receiver is: each takes some microseconds.
    let lookInterval = 5_000_000
    var lastLook: Int?
    var (arrival, lastQuestion) = (WaitPolicy.Arrival.asleep, nanoseconds())
    // What a fault has left is sent line by line: so only the line that it was about is lost.
    var sendsEach = false
    if let inheritance {
        sendsEach = reader.take(file: inheritance.rest)
        // A fault in loading must not cost what is left.
        CrashRecord.setInput(reader.input)
        session.resume(version: inheritance.version)
        inheritance.release()
    }
    repeat {
        CrashRecord.setInput(reader.input)
        let (start, before) = (nanoseconds(), session.questions)
        var isAsked = false
        while let line = reader.next() {
            isAsked = true
            switch line {
            case .text(let bytes):
                CrashRecord.beginAnswer(bytes)
                session.answer(bytes.span, &reply)
                guard sendsEach || reply.hasSentPart else { continue }
            case .tooLong(let bytes):
                CrashRecord.beginAnswer(bytes)
                session.answerOverlongLine(&reply)
            }
            guard reply.send() else { return }
            CrashRecord.endAnswers()
        }
        sendsEach = false
        guard reply.send() else { return }
        CrashRecord.endAnswers()
        let end = nanoseconds()
        let answers = session.questions - before
        if answers > 0 { supply.recorder.count(answers, of: end - start) }
        if isAsked {
            wait.questionCame(after: start - lastQuestion, arrival)
            wait.limit = sharesCore ? 0 : session.waitMicroseconds * 1_000
            lastQuestion = start
            if !wait.joins {
                lastLook = nil
            } else if lastLook.map({ end - $0 >= lookInterval }) ?? true {
                receiver?.join()
                lastLook = end
            }
        }
        // Not within a line, and not before there is a dialogue to go on with.
        if let takeover, takeover.isDue, reader.isEmpty, let version = session.version {
            finish()
            takeover.replace(version: version)
        }
        // `read` misses a signal that comes now; the takeover sends it again.
        let limit = wait.limit
        arrival = isAsked && wait.staysAwake ? reader.yieldCPU { nanoseconds() - end < limit } : .asleep
    } while reader.read()
}
