import Configuration
import Glibc
import NIOCore
import NIOHTTP1
import Platform

/// One check on one connection: sends the request, reads the response, and closes the connection once the outcome is
/// known.
final class ProbeConversation: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private static let bodyLimit = 1 << 16
    /// A server that sends them without end would take a core until the time-out.
    private static let interimLimit = 16
    /// The limits are far above what servers send.
    private static let headLimits: NIOHTTPDecoderLimitConfiguration = {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldCount = 1_000
        limits.maxHeaderFieldSize = 1 << 17
        limits.maxHeaderListSize = 1 << 18
        return limits
    }()

    /// The meaning of an error other than of sockets or HTTP.
    enum Meaning {
        case nothing
        case end(Outcome)
    }

    /// The HTTP handlers of a connection, before a conversation.
    static var httpHandlers: [any ChannelHandler] {
        let decoder = HTTPResponseDecoder(
            leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .forward, limitConfiguration: headLimits)
        return [LineEndingHandler(), HTTPRequestEncoder(), ByteToMessageHandler(decoder)]
    }

    private let promise: EventLoopPromise<Outcome>
    /// The request and the server's name; `nil` if a connection is enough.
    private let request: (http: HealthCheck.HTTP, host: String)?
    private let timeout: UInt32
    private let meaning: (any Error, (any Channel)?) -> Meaning?
    private(set) var outcome: Outcome?
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var status: String?
    private var weight = 100
    /// Whether the expected string was found.
    private var hasMatch = false
    private var body: [UInt8] = []
    /// The number of responses such as `100 Continue` before the one that counts.
    private var interimCount = 0

    /// - Parameters:
    ///   - promise: gets the outcome.
    ///   - request: the request and the server's name; `nil` if a connection is enough.
    ///   - timeout: seconds for the whole check.
    ///   - meaning: explains an error of another handler of the channel; `nil` for an error that it does not know.
    init(
        _ promise: EventLoopPromise<Outcome>, _ request: (http: HealthCheck.HTTP, host: String)?, _ timeout: UInt32,
        meaning: @escaping (any Error, (any Channel)?) -> Meaning? = { _, _ in nil }
    ) {
        self.meaning = meaning
        self.promise = promise
        self.request = request
        self.timeout = timeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Int64(timeout))) { self.timeOut() }
        if context.channel.isActive { ask(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end(.failure("the connection was closed"))
    }

    func channelActive(context: ChannelHandlerContext) { ask(context) }

    private func ask(_ context: ChannelHandlerContext) {
        guard let request else { return end(.success("connected")) }
        let method = HTTPMethod(rawValue: request.http.method.rawValue)
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: request.http.path)
        head.headers.add(name: "Host", value: request.host)
        let own = [("User-Agent", userAgent), ("Accept", "*/*")]
        let given = request.http.headers.map { ($0.name, $0.value) }
        for (name, value) in own where !given.contains(where: { $0.0.lowercased() == name.lowercased() }) {
            head.headers.add(name: name, value: value)
        }
        for (name, value) in given { head.headers.add(name: name, value: value) }
        head.headers.add(name: "Connection", value: "close")
        let body = request.http.body ?? ""
        if method == .POST { head.headers.add(name: "Content-Length", value: "\(body.utf8.count)") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !body.isEmpty { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard outcome == nil, let request else { return }
        switch unwrapInboundIn(data) {
        case .head(let head) where 100..<200 ~= head.status.code && head.status != .switchingProtocols:
            interimCount += 1
            if interimCount > Self.interimLimit {
                end(.failure("more than \(Self.interimLimit) interim responses, the last \(head.status.code)"))
            }
        case .head(let head):
            let phrase = head.status.reasonPhrase
            let status = "\(head.status.code)\(phrase.isEmpty ? "" : " \(phrase)")"
            self.status = status
            let code = UInt16(clamping: head.status.code)
            if !request.http.expected.contains(where: { $0.contains(code) }) { return end(.failure(status)) }
            if let name = request.http.weightHeader, let text = head.headers.first(name: name) {
                guard let weight = parseWeight(text.trimmed) else {
                    return end(
                        .error("\(name) of the answer is '\(text)'; the server should send a percentage such as 40%"))
                }
                if weight == 0 { return end(.failure("\(status), but with \(name): 0%")) }
                self.weight = weight
            }
            // Without strings to search for, the status decides, whatever happens to the connection.
            if request.http.match == nil, request.http.noMatch == nil { succeed(status) }
        case .body(let part):
            // Bytes already searched are skipped, except where a match could span two parts.
            let start = body.count
            body += part.readableBytesView.prefix(Self.bodyLimit - body.count)
            judge(request.http, from: start, isOver: body.count == Self.bodyLimit)
        case .end: judge(request.http, from: body.count, isOver: true)
        }
    }

    /// - Parameters:
    ///   - start: the start of the new bytes in the body.
    ///   - isOver: whether the search ends here.
    private func judge(_ http: HealthCheck.HTTP, from start: Int, isOver: Bool) {
        guard let status else { return }
        func finds(_ text: String) -> Bool {
            let bytes = Array(text.utf8)
            return body[max(0, start - bytes.count + 1)...].contains(bytes)
        }
        if let noMatch = http.noMatch, finds(noMatch) { return end(.failure("\(status), but with '\(noMatch)'")) }
        if let match = http.match, !hasMatch {
            hasMatch = finds(match)
            if !hasMatch, isOver { return end(.failure("\(status), but without '\(match)'")) }
        }
        // The absence of a string is certain only at the end.
        if isOver || hasMatch && http.noMatch == nil { succeed(status) }
    }

    private func succeed(_ status: String) {
        end(.success(weight == 100 ? status : "\(status), up \(weight)%", weight: weight))
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.failure(status == nil ? "closed the connection without a response" : "closed the connection too early"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(error) }

    /// Ends with an error of the connection.
    func end(_ error: any Error) {
        switch meaning(error, context?.channel) {
        case .nothing?: return
        case .end(let outcome)?: return end(outcome)
        case nil: break
        }
        switch error {
        case let error as IOError where ownErrors.contains(error.errnoCode): end(.error(systemError(error.errnoCode)))
        case let error as IOError: end(.failure(systemError(error.errnoCode)))
        case HTTPParserError.headerOverflow:
            let limits = Self.headLimits
            end(
                .failure(
                    "its response has more than \(limits.maxHeaderFieldCount) header fields, or \(limits.maxHeaderListSize >> 10) KiB of them, or one of more than \(limits.maxHeaderFieldSize >> 10) KiB"
                ))
        case is HTTPParserError: end(.failure(status == nil ? "its response is not HTTP" : "broken HTTP"))
        case ChannelError.connectTimeout: timeOut()
        default: end(.failure("\(error)"))
        }
    }

    private func timeOut() { end(.failure("timed out after \(timeout) s")) }

    private func end(_ outcome: Outcome) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        timer?.cancel()
        promise.succeed(outcome)
        context?.close(promise: nil)
    }
}

/// Errors that say nothing about the address, because this machine lacks a resource.
private let ownErrors: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAFNOSUPPORT]

/// The agent's User-Agent.
private let userAgent = "geopipe-agent/\(geopipeVersion)"
