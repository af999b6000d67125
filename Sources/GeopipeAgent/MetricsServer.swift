import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform
import Synchronization
import Telemetry

/// Serves metrics to Prometheus, and what this agent has found out to the agents of other servers. Whatever clients do takes few
/// connections, and those not for long.
final class MetricsServer: Sendable {
    /// Answers the agent of another server. It asks whether the request has the right token; `nil` is a request without one.
    typealias VantageAnswer =
        @Sendable (_ isRight: @Sendable (LiveToken) -> Bool?) async -> (status: Int, text: String)
    /// Makes the metrics.
    typealias Page = @Sendable () async -> String

    /// How long a request may take, and how long an answer.
    fileprivate static let (requestPatience, answerPatience) = (TimeAmount.seconds(2), TimeAmount.seconds(10))
    /// Who asks again within this time gets the same once more.
    private static let freshness = 0.5

    private let page: Page
    fileprivate let vantage: VantageAnswer?
    private let cache = Mutex<(text: String, time: Double)?>(nil)
    fileprivate let connections = ConnectionLimit(16)

    /// - Parameter vantage: answers the agents of other servers.
    init(_ page: @escaping Page, vantage: VantageAnswer? = nil) { (self.page, self.vantage) = (page, vantage) }

    /// Serves until the task is cancelled. If the address is taken, says so, and tries again.
    func run(at address: SocketAddress) async {
        let name = ListenAddress.at(address).defaultValueDescription
        let server = httpServer { [self] channel in
            try addHandlers(to: channel)
        }
        await keepListening(for: "metrics", at: name, consolation: "health goes on without") {
            let channel = try await server.bind(to: address).get()
            log.info("metrics are at http://\(name)/metrics")
            return channel
        }
    }

    /// Has a connection answer a request.
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

/// One connection, with one request.
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
            log.debug("refused a scraper: \(server.connections.limit) are served already", metadata: peer(context))
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
            return send(.notFound, "there is /metrics and /vantage, and nothing else\n", to: request, context)
        }
        guard request.method == .GET || request.method == .HEAD else {
            return send(.methodNotAllowed, "there is only GET and HEAD\n", to: request, context)
        }
        if path == "/vantage" { return answerVantage(request, context) }
        guard path == "/metrics" else {
            return send(.ok, "geopipe-agent: what there is to measure is at /metrics\n", to: request, context)
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
            await server.vantage?({ $0.isBorne(by: headers) }) ?? (404, "there are no vantage points\n")
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
