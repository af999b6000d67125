import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform
import Synchronization
import Telemetry

/// Serves metrics to Prometheus, and this agent's report to other agents. Limits the number and the duration of
/// connections.
final class MetricsServer: Sendable {
    /// Responds to another agent. The argument checks the token of the request: `nil` for a request without one.
    typealias VantageAnswer =
        @Sendable (_ isRight: @Sendable (LiveToken) -> Bool?) async -> (status: Int, text: String)
    /// Returns the metrics as text.
    typealias Page = @Sendable () async -> String

    /// The maximum duration of a request, and of a response.
    fileprivate static let (requestPatience, answerPatience) = (TimeAmount.seconds(2), TimeAmount.seconds(10))
    /// Seconds for which a page is reused.
    private static let freshness = 0.5

    private let page: Page
    fileprivate let vantage: VantageAnswer?
    private let cache = Mutex<(text: String, time: Double)?>(nil)
    fileprivate let connections = ConnectionLimit(16)

    /// - Parameter vantage: responds to other agents.
    init(_ page: @escaping Page, vantage: VantageAnswer? = nil) { (self.page, self.vantage) = (page, vantage) }

    /// Serves until the task is cancelled. If the address is in use, logs that and tries again.
    func run(at address: SocketAddress) async {
        let name = ListenAddress.at(address).defaultValueDescription
        let server = httpServer { [self] channel in
            try addHandlers(to: channel)
        }
        await keepListening(for: "metrics", at: name, consolation: "health checks continue") {
            let channel = try await server.bind(to: address).get()
            log.info("metrics are at http://\(name)/metrics")
            return channel
        }
    }

    /// Adds the handlers of a connection.
    func addHandlers(to channel: any Channel) throws {
        try channel.pipeline.syncOperations.configureHTTPServerPipeline()
        try channel.pipeline.syncOperations.addHandler(MetricsHandler(self))
    }

    fileprivate func text() async -> String {
        let now = monotonicTime()
        if let cached = cache.withLock({ $0 }), now - cached.time < Self.freshness { return cached.text }
        let text = await page()
        cache.withLock { $0 = (text, now) }
        return text
    }
}

/// One connection, for one request.
final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: MetricsServer
    private var head: HTTPRequestHead?
    private var hasPlace = false
    private var timer: Scheduled<Void>?

    init(_ server: MetricsServer) { self.server = server }

    func handlerAdded(context: ChannelHandlerContext) {
        hasPlace = server.connections.take()
        guard hasPlace else {
            log.debug(
                "rejected a scraper: \(server.connections.limit) connections are open already", metadata: peer(context))
            return context.close(promise: nil)
        }
        close(context, in: MetricsServer.requestPatience)
    }

    private func close(_ context: ChannelHandlerContext, in time: TimeAmount) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            log.debug("closed a scraper's connection that took too long", metadata: self.peer(context))
            context.close(promise: nil)
        }
    }

    private func peer(_ context: ChannelHandlerContext) -> Logger.Metadata {
        ["peer": .string(context.remoteAddress.map { "\($0)" } ?? "unknown")]
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        if hasPlace { server.connections.free() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end: if let head { answer(head, context) }
        }
    }

    private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        log.debug("a scraper asks for \(visible(String(request.uri.prefix(200))))", metadata: peer(context))
        close(context, in: MetricsServer.answerPatience)
        let path = request.uri.prefix { $0 != "?" }
        guard ["/metrics", "/vantage", "/"].contains(path) else {
            return send(.notFound, "not found; try /metrics\n", to: request, context)
        }
        guard request.method == .GET || request.method == .HEAD else {
            return send(.methodNotAllowed, "use GET or HEAD\n", to: request, context)
        }
        if path == "/vantage" { return answerVantage(request, context) }
        guard path == "/metrics" else {
            return send(.ok, "geopipe-agent: see /metrics\n", to: request, context)
        }
        let (server, bound) = (server, NIOLoopBound((self, context), eventLoop: context.eventLoop))
        context.eventLoop.makeFutureWithTask { await server.text() }.whenSuccess { text in
            let (handler, context) = bound.value
            handler.send(.ok, text, type: PrometheusText.contentType, to: request, context)
        }
    }

    private func answerVantage(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let (server, headers) = (server, request.headers)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.makeFutureWithTask {
            await server.vantage?({ $0.isBorne(by: headers) }) ?? (404, "no vantage points are configured\n")
        }
        .whenSuccess { status, text in
            let (handler, context) = bound.value
            let type = status == 200 ? "application/json" : "text/plain; charset=utf-8"
            handler.send(.init(statusCode: status), text, type: type, to: request, context)
        }
    }

    private func send(
        _ status: HTTPResponseStatus, _ text: String, type: String = "text/plain; charset=utf-8",
        to request: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        var head = HTTPResponseHead(version: .http1_1, status: status)
        head.headers.add(name: "Content-Type", value: type)
        head.headers.add(name: "Content-Length", value: "\(text.utf8.count)")
        head.headers.add(name: "Connection", value: "close")
        head.headers.add(name: "Cache-Control", value: "no-store")
        if status == .unauthorized { head.headers.add(name: "WWW-Authenticate", value: "Bearer") }
        if status == .methodNotAllowed { head.headers.add(name: "Allow", value: "GET, HEAD") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        let end = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in end.value.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
