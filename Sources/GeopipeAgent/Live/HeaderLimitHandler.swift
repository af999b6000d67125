import NIOCore

/// Hands on no more bytes than the head of a request may have, until there is a head: so that no client has the reader of HTTP keep more.
final class HeaderLimitHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let limit: Int
    private let handler: LiveHandler
    private var count = 0
    private var isOver = false

    /// - Parameters:
    ///   - limit: the most bytes of a head.
    ///   - handler: receives the head, or answers 431 if the head is longer.
    init(_ limit: Int, of handler: LiveHandler) { (self.limit, self.handler) = (limit, handler) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What follows the request is of no use.
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
