import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform

/// One connection of the live server, for one request: later requests on the connection are ignored.
final class LiveHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: LiveServer
    private let door: LiveServer.Listener
    private var phase = Phase.head
    private var request: HTTPRequestHead?
    private var body: [UInt8] = []
    private var context: ChannelHandlerContext?
    /// Closes the connection when a phase takes too long.
    private var timer: Scheduled<Void>?
    /// The stream, if it was requested.
    private var subscription: LiveSubscription?
    private var pings: RepeatedTask?

    private enum Phase {
        /// The head of the request is incomplete.
        case head
        case body
        case answering
        case streaming
        /// The response is complete.
        case ended
    }

    init(_ server: LiveServer, _ door: LiveServer.Listener) { (self.server, self.door) = (server, door) }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        guard
            door.connections.admit(
                self, isLocal: context.remoteAddress?.isLoopback ?? true,
                close: { [channel = context.channel] in channel.close(promise: nil) })
        else {
            log.debug(
                "rejected a viewer: \(LiveConnections.limit) connections are open already", metadata: peer(context))
            return context.close(promise: nil)
        }
        server.note(context.channel)
        limit(LiveServer.requestPatience, "a viewer's connection that took too long")
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        unsubscribe()
        server.forget(context.channel)
        door.connections.remove(self)
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        unsubscribe()
        context.fireChannelInactive()
    }

    /// Whether the head of the request is complete.
    var hasHead: Bool { phase != .head }

    /// Whether the request is complete.
    var hasRequest: Bool { phase != .head && phase != .body }

    /// Rejects a request whose head is too long.
    func refuseLongHead() {
        send(.failure(431, "the head of the request may have at most \(LiveServer.headLimit) bytes"))
    }

    /// Closes the connection after some time, unless a new limit is set before.
    private func limit(_ time: TimeAmount, _ what: String) {
        timer?.cancel()
        guard let context else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            log.debug("closed \(what)", metadata: self.peer(context))
            context.close(promise: nil)
        }
    }

    private func peer(_ context: ChannelHandlerContext) -> Logger.Metadata {
        ["peer": .string(context.remoteAddress.map { "\($0)" } ?? "unknown")]
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (phase, error as? HTTPParserError) {
        case (.head, .headerOverflow?): refuseLongHead()
        case (.head, .some), (.body, .some): send(.failure(400, "this is not an HTTP/1.1 request"))
        case (.answering, .some), (.streaming, .some), (.ended, .some): break
        default:
            // Bytes after the request may not be HTTP, and do not affect the response.
            if hasRequest, error is ByteToMessageDecoderError { return }
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), phase) {
        case (.head(let head), .head):
            request = head
            phase = .body
            door.connections.keep(self)
            log.debug("a viewer asks for \(visible(Self.withoutToken(head.uri)))", metadata: peer(context))
            if let refusal = refusal(of: head) { send(refusal) }
        case (.body(let part), .body):
            body += part.readableBytesView
            if body.count > LiveServer.bodyLimit {
                send(.failure(413, "the request may have at most \(LiveServer.bodyLimit) bytes"))
            }
        case (.end, .body):
            if let request { answer(request) }
        default: break
        }
    }

    /// Returns a URL without the token, for a log line.
    private static func withoutToken(_ target: String) -> String {
        String((target.contains("token=") ? target.prefix { $0 != "?" } + "?..." : target[...]).prefix(200))
    }

    /// Returns the error response to a request by its head; `nil` if it is valid.
    private func refusal(of head: HTTPRequestHead) -> LiveAnswer? {
        guard head.version == .http1_1 || head.version == .http1_0 else {
            return .failure(505, "use HTTP/1.1")
        }
        guard let target = LiveTarget(head.uri) else {
            return .failure(400, "the request must be for a path, such as /api/state")
        }
        if let access = door.access {
            switch access.judge(head) {
            case .allowed: break
            case .refused(let status, let message): return .failure(status, message)
            case .signedIn(let cookie):
                var answer = LiveAnswer(303, "", type: "text/plain; charset=utf-8")
                answer.headers = [
                    ("Location", "/"),
                    (
                        "Set-Cookie",
                        "\(LiveAccess.cookieName)=\(cookie); Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict"
                    ),
                ]
                return answer
            }
        }
        let isPost = target.path == "/api/replay"
        let methods = isPost ? [HTTPMethod.POST] : [.GET, .HEAD]
        guard methods.contains(head.method) else {
            let names = methods.map(\.rawValue).joined(separator: ", ")
            var answer = LiveAnswer.failure(405, "\(target.path) takes \(isPost ? "POST" : "GET and HEAD")")
            answer.headers.append(("Allow", names))
            return answer
        }
        let lengths = head.headers["content-length"]
        let hasBody = head.headers.contains(name: "transfer-encoding") || lengths.contains { $0 != "0" }
        guard isPost || !hasBody else { return .failure(400, "a request to \(target.path) must have no body") }
        return nil
    }

    private func answer(_ head: HTTPRequestHead) {
        guard let context, let target = LiveTarget(head.uri) else { return }
        phase = .answering
        limit(LiveServer.answerPatience, "the connection of a viewer that did not read the response")
        if target.path == "/api/stream" { return stream(target, head) }
        if let answer = LiveAnswer(atOnce: server, target) { return send(answer) }
        let (server, body) = (server, body)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let answer =
            target.path == "/api/state"
            ? NIOThreadPool.singleton.runIfActive(eventLoop: context.eventLoop) { LiveAnswer(stateOf: server) }
            : context.eventLoop.makeFutureWithTask { await LiveAnswer(server, target, body) }
        answer.whenSuccess { bound.value.send($0) }
    }

    /// Sends a response and ends, unless a response has begun.
    private func send(_ answer: LiveAnswer) {
        guard let context, phase != .ended, phase != .streaming else { return }
        phase = .ended
        limit(LiveServer.answerPatience, "the connection of a viewer that did not read the response")
        context.write(wrapOutboundOut(.head(responseHead(answer))), promise: nil)
        if request?.method != .HEAD, !answer.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
        }
        end()
    }

    /// Ends the response. The client gets all of it, even if it is still sending.
    private func end() {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            guard let context = bound.value.context else { return }
            context.close(mode: .output, promise: nil)
            bound.value.limit(LiveServer.endPatience, "a connection whose response was complete")
        }
    }

    private func responseHead(_ answer: LiveAnswer, isStream: Bool = false) -> HTTPResponseHead {
        var head = HTTPResponseHead(
            version: request?.version == .http1_0 ? .http1_0 : .http1_1, status: .init(statusCode: answer.status))
        head.headers.add(name: "Content-Type", value: answer.type)
        if !isStream { head.headers.add(name: "Content-Length", value: "\(answer.body.utf8.count)") }
        for (name, value) in [
            ("Connection", "close"), ("Cache-Control", "no-store"), ("Content-Security-Policy", server.page.policy),
            ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ] + answer.headers {
            head.headers.add(name: name, value: value)
        }
        return head
    }

    private func stream(_ target: LiveTarget, _ head: HTTPRequestHead) {
        guard let context else { return }
        let wantsAll = target["raw"] == "1"
        guard !wantsAll || door.access == nil else {
            return send(.failure(403, "all hits are only available at live.sock in the state directory"))
        }
        guard door.viewers.take() else {
            var answer = LiveAnswer.failure(
                503, "\(door.viewers.limit) viewers are connected already; close a page with the live view")
            answer.headers.append(("Retry-After", "10"))
            return send(answer)
        }
        var answer = LiveAnswer(200, "", type: "text/event-stream; charset=utf-8")
        // Without this field, some proxies would buffer the events.
        answer.headers = [("X-Accel-Buffering", "no")]
        guard head.method != .HEAD else {
            door.viewers.free()
            return send(answer)
        }
        phase = .streaming
        timer?.cancel()
        let loop = context.eventLoop
        let bound = NIOLoopBound(self, eventLoop: loop)
        subscription = server.view.subscribe(wantsAll ? .all : target["hits"] == "0" ? .none : .thinned) {
            loop.execute { bound.value.sendNews() }
        }
        // A client that has read the head misses no event after it. No frame is sent before this is over, on the same
        // event loop.
        context.write(wrapOutboundOut(.head(responseHead(answer, isStream: true))), promise: nil)
        write("retry: 1000\n\n")
        pings = loop.scheduleRepeatedTask(
            initialDelay: LiveServer.pingInterval, delay: LiveServer.pingInterval
        ) { _ in
            // No pings accumulate for a client that does not read.
            if bound.value.context?.channel.isWritable == true { bound.value.write(": ping\n\n") }
        }
    }

    private func write(_ text: String) {
        context?.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
    }

    /// Sends the pending frames, unless the viewer is slow: then they stay pending, and newer frames replace them.
    private func sendNews() {
        guard phase == .streaming, let context, context.channel.isWritable, let subscription else { return }
        let frames = subscription.take()
        guard !frames.isEmpty else { return }
        for frame in frames {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: frame.bytes)))), promise: nil)
        }
        context.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if phase == .streaming {
            if context.channel.isWritable {
                timer?.cancel()
                sendNews()
            } else {
                limit(server.stallPatience, "the connection of a viewer that read nothing")
            }
        }
        context.fireChannelWritabilityChanged()
    }

    private func unsubscribe() {
        pings?.cancel()
        pings = nil
        guard let subscription else { return }
        self.subscription = nil
        server.view.unsubscribe(subscription)
        door.viewers.free()
    }
}
