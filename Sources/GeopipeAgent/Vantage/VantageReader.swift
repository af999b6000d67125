import Configuration
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Platform

/// Reads the report of a vantage point over HTTP, with limits on time and memory whatever the server sends.
struct VantageReader: Sendable {
    /// The trusted certificates; `nil` if they cannot be read, so that every connection fails.
    private let tls: NIOSSLContext?

    /// - Parameter roots: a file of trusted certificates in PEM; `nil` for those of the system.
    init(roots: String?) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let roots { configuration.trustRoots = .file(roots) }
        configuration.shutdownTimeout = .milliseconds(100)
        tls = try? NIOSSLContext(configuration: configuration)
    }

    /// Reads a report once.
    ///
    /// - Parameter timeout: seconds for the whole exchange.
    func read(
        _ point: VantagePoints.Point, token: String, timeout: UInt32
    ) async -> Result<VantageReport, VantageReport.Unusable> {
        do throws(VantageReport.Unusable) {
            let bytes = try await fetch(point, token, timeout)
            return .success(try VantageReport(reading: bytes))
        } catch {
            return .failure(error)
        }
    }

    private func fetch(
        _ point: VantagePoints.Point, _ token: String, _ timeout: UInt32
    ) async throws(VantageReport.Unusable) -> [UInt8] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: [UInt8].self)
        let limit = TimeAmount.seconds(Int64(timeout))
        let late = VantageReport.Unusable(reason: "timed out after \(timeout) s")
        // The timer ends the wait whatever the connection does.
        let timer = loop.scheduleTask(in: limit) { promise.fail(late) }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: point.path)
        let host = point.address.contains(":") ? "[\(point.address)]" : point.address
        head.headers = [
            "Host": "\(host):\(point.port)", "Authorization": "Bearer \(token)", "Accept": "application/json",
            "User-Agent": "geopipe-agent/\(geopipeVersion)", "Connection": "close",
        ]
        let request = head
        do {
            let target = try SocketAddress(ipAddress: point.address, port: Int(point.port))
            let channel = ClientBootstrap(group: loop)
                .connectTimeout(limit)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if point.isSecure {
                            guard let tls else {
                                throw VantageReport.Unusable(reason: "cannot read the trusted certificates")
                            }
                            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
                        }
                        var limits = NIOHTTPDecoderLimitConfiguration()
                        (limits.maxHeaderFieldCount, limits.maxHeaderFieldSize) = (100, 8_192)
                        limits.maxHeaderListSize = 1 << 14
                        let decoder = HTTPResponseDecoder(
                            leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
                            limitConfiguration: limits)
                        try pipeline.addHandlers([
                            HTTPRequestEncoder(), ByteToMessageHandler(decoder), ReportHandler(request, promise),
                        ])
                    }
                }
                .connect(to: target)
            channel.whenFailure { promise.fail($0) }
            channel.whenSuccess { channel in promise.futureResult.whenComplete { _ in channel.close(promise: nil) } }
        } catch {
            promise.fail(error)
        }
        do {
            return try await promise.futureResult.get()
        } catch let unusable as VantageReport.Unusable {
            throw unusable
        } catch {
            throw VantageReport.Unusable(reason: Self.words(error, timeout))
        }
    }

    /// Returns an error of a connection, as part of a sentence.
    private static func words(_ error: any Error, _ timeout: UInt32) -> String {
        switch error {
        case let error as IOError: systemError(error.errnoCode)
        case ChannelError.connectTimeout: "timed out after \(timeout) s"
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            "its certificate is not for this address"
        case NIOSSLError.handshakeFailed(let error):
            "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
                ? "its certificate is not trusted, or not valid now" : "TLS handshake failed"
        case is HTTPParserError: "its response is not HTTP"
        default: "\(error)"
        }
    }
}

/// Requests a report on its connection, and collects the response.
private final class ReportHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: HTTPRequestHead
    private let promise: EventLoopPromise<[UInt8]>
    private var body: [UInt8] = []
    private var isOver = false

    init(_ request: HTTPRequestHead, _ promise: EventLoopPromise<[UInt8]>) {
        (self.request, self.promise) = (request, promise)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(request)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): if let reason = refusal(head) { end(context, reason) }
        case .body(let part):
            guard body.count + part.readableBytes <= VantageReport.sizeLimit else {
                return end(context, "its report has more than \(VantageReport.sizeLimit >> 20) MiB")
            }
            body += part.readableBytesView
        case .end:
            isOver = true
            promise.succeed(body)
        }
    }

    /// Says why a response with this head is not a report; `nil` if it may be one.
    private func refusal(_ head: HTTPResponseHead) -> String? {
        let phrase = visible(String(head.status.reasonPhrase.prefix(60)))
        let status = "\(head.status.code)\(phrase.isEmpty ? "" : " \(phrase)")"
        switch head.status.code {
        case 200: return nil
        case 401, 403: return "\(status): its token differs from the first line of the token_file here"
        case 404:
            return
                "\(status): that agent has no vantage points in its configuration, or an older version"
        default: return status
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, "closed the connection too early")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Many servers end TLS without close_notify; the missing data show whether that was too early.
        if case NIOSSLError.uncleanShutdown = error { return }
        isOver = true
        promise.fail(error)
        context.close(promise: nil)
    }

    private func end(_ context: ChannelHandlerContext, _ reason: String) {
        guard !isOver else { return }
        isOver = true
        promise.fail(VantageReport.Unusable(reason: reason))
        context.close(promise: nil)
    }
}
