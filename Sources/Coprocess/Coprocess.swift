import Answering
import CLinux
import Glibc
import PipeProtocol
import Platform

/// Answers the lines from `input` until it ends, or until pdns has closed `output`, or until a write fails.
///
/// One write sends the answers to all lines of one read. The process must ignore SIGPIPE.
///
/// - Parameters:
///   - supply: delivers each serving after the first.
///   - takeover: signals that another program must replace this one; `nil` if that is not possible.
///   - inheritance: the dialogue and the unanswered lines of the program that this one has replaced.
///   - makeFirst: see `Session.init`.
///   - finish: called before another program replaces this one.
///   - perform: see `Session.init`.
/// - Returns: the `errno` of a write that failed, so that answers are lost; 0 at the end of `input` or of pdns.
public func serve(
    input: CInt, output: CInt, supply: ServingMailbox, takeover: Takeover?, inheritance: Takeover.Handoff?,
    makeFirst: @escaping () -> Serving?, finish: () -> Void, perform: @escaping (_ command: String) -> [String]
) -> CInt {
    var session = Session(
        seed: UInt64.random(in: .min ... .max), supply: supply, makeFirst: makeFirst, perform: perform)
    var reader = LineReader(descriptor: input)
    var reply = ReplyWriter(descriptor: output, partSent: CrashRecord.partSent)
    var wait = WaitPolicy()
    // On a single core pdns runs as soon as this thread sleeps, so polling would only delay it.
    let sharesCore = usable_cores() == 1
    let receiver = sharesCore ? nil : PDNSThread()
    /// The minimum time between two look-ups of the core that pdns runs on, in nanoseconds: each takes some
    /// microseconds.
    let lookInterval = 5_000_000
    var lastLook: Int?
    var (arrival, lastQuestion) = (WaitPolicy.Arrival.asleep, nanoseconds())
    // After a fault each answer is sent alone, so that another fault loses only the line that causes it.
    var sendsEach = false
    if let inheritance {
        sendsEach = reader.take(file: inheritance.rest)
        // A fault while loading must not lose these lines.
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
            guard reply.send() else { return reply.failure }
            CrashRecord.endAnswers()
        }
        sendsEach = false
        guard reply.send() else { return reply.failure }
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
        // Only between two lines, and only after the handshake.
        if let takeover, takeover.isDue, reader.isEmpty, let version = session.version {
            finish()
            takeover.replace(version: version)
        }
        // `read` misses a signal that comes now; the takeover sends it again.
        let limit = wait.limit
        arrival = isAsked && wait.staysAwake ? reader.yieldCPU { nanoseconds() - end < limit } : .asleep
    } while reader.read()
    return 0
}
