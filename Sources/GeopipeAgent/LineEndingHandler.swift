import NIOCore

/// Replaces lone line feeds in the head of a response by CR LF, as a client may accept them (RFC 9112 section 2.2).
/// Leaves the body unchanged.
final class LineEndingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var isInHead = true
    /// The relevant bytes of the current line: its last ones, and the beginning of the first line.
    private var line: [UInt8] = []
    private var lineLength = 0
    private var last: UInt8 = 0
    private var isFirstLine = true
    private var isInformational = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isInHead else { return context.fireChannelRead(data) }
        let bytes = unwrapInboundIn(data)
        var corrected = context.channel.allocator.buffer(capacity: bytes.readableBytes + 64)
        var rest = bytes.readableBytesView[...]
        while isInHead, let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\n") {
                if last != UInt8(ascii: "\r") { corrected.writeInteger(UInt8(ascii: "\r")) }
                endLine(isEmpty: lineLength == (last == UInt8(ascii: "\r") ? 1 : 0))
            } else {
                if line.count < 10 { line.append(byte) }
                lineLength += 1
            }
            corrected.writeInteger(byte)
            last = byte
        }
        corrected.writeBytes(rest)
        context.fireChannelRead(wrapInboundOut(corrected))
    }

    private func endLine(isEmpty: Bool) {
        if isFirstLine {
            // Another head follows `HTTP/1.1 103` and the like (RFC 9110 section 15.2).
            isInformational = line.count == 10 && line[9] == UInt8(ascii: "1")
            // Empty lines before a response are skipped.
            isFirstLine = isEmpty
        } else if isEmpty {
            isInHead = isInformational
            isFirstLine = true
        }
        (line, lineLength) = ([], 0)
    }
}
