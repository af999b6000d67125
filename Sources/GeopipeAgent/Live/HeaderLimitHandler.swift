import NIOCore

/// Limits the bytes that reach the HTTP decoder before the head of a request is complete, and so the memory of the
/// decoder.
final class HeaderLimitHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let limit: Int
    private let handler: LiveHandler
    private var count = 0
    private var isOver = false

    /// - Parameters:
    ///   - limit: the maximum size of a head in bytes.
    ///   - handler: receives the head, or responds with 431 if it is longer.
    init(_ limit: Int, of handler: LiveHandler) { (self.limit, self.handler) = (limit, handler) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Bytes after the request are ignored.
        if isOver || handler.hasRequest { return }
        if handler.hasHead { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        let room = limit - count
        count += bytes.readableBytes
        guard let part = bytes.readSlice(length: min(room, bytes.readableBytes)) else { return }
        context.fireChannelRead(wrapInboundOut(part))
        if handler.hasHead {
            if bytes.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(bytes)) }
        } else if count >= limit {
            isOver = true
            handler.refuseLongHead()
        }
    }
}
