import PipeProtocol

/// Answers what comes from `input` until it ends, or until nobody reads `output` any more.
///
/// All lines that have come are answered with one write. SIGPIPE must be ignored by the process.
public func serve(_ snapshot: Snapshot, input: CInt, output: CInt) {
    var session = Session(snapshot, seed: UInt64.random(in: .min ... .max))
    var reader = LineReader(descriptor: input)
    var reply = ReplyWriter(descriptor: output)
    repeat {
        while let line = reader.next() {
            switch line {
            case .text(let bytes): session.answer(bytes.span, &reply)
            case .tooLong: session.answerOverlongLine(&reply)
            }
        }
    } while reply.send() && reader.read()
}
