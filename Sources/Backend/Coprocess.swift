import PipeProtocol

/// Answers what comes from `input` until it ends, or until nobody reads `output` any more.
///
/// All lines that have come are answered with one write. SIGPIPE must be ignored by the process.
///
/// - Parameters:
///   - supply: has what answers are made from, but for the first.
///   - makeFirst: as `Session` has it.
///   - perform: as `Session` has it.
public func serve(
    input: CInt, output: CInt, supply: Supply, makeFirst: @escaping () -> Serving?,
    perform: @escaping (_ command: String) -> [String]
) {
    var session = Session(
        seed: UInt64.random(in: .min ... .max), supply: supply, makeFirst: makeFirst, perform: perform)
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
