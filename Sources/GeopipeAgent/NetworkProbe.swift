import Configuration
import DNS
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Platform

/// Asks addresses by TCP, HTTP and HTTPS; each time in a connection of its own.
struct NetworkProbe: Sendable {
    private let loops: EventLoopGroup
    /// What TLS certificates are held against; without, none is good.
    private let verifying: NIOSSLContext?
    private let trusting: NIOSSLContext?

    /// - Parameter roots: a file of certificates to trust, in PEM; `nil` for those that the system trusts.
    init(_ loops: EventLoopGroup, roots: String?) {
        self.loops = loops
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let roots { configuration.trustRoots = .file(roots) }
        // Nobody has to wait until a server says goodbye.
        configuration.shutdownTimeout = .milliseconds(100)
        verifying = try? NIOSSLContext(configuration: configuration)
        configuration.trustRoots = .certificates([])
        configuration.certificateVerification = .none
        trusting = try? NIOSSLContext(configuration: configuration)
    }

    /// Succeeds if a connection is accepted within `timeout` seconds.
    func connect(to address: String, port: UInt16, timeout: UInt32) async -> Outcome {
        await converse(address, port, timeout) {
            Conversation($0, nil, timeout)
        } handlers: {
            []
        }
    }

    /// Sends a request, and judges the answer.
    ///
    /// - Parameter timeout: seconds for all of it.
    func ask(_ http: HealthCheck.HTTP, of address: String, timeout: UInt32) async -> Outcome {
        // An address in a URL (RFC 3986 section 3.2.2), and the port if it is not the usual one.
        let server = address.contains(":") ? "[\(address)]" : address
        let host = http.host ?? (http.port == (http.isSecure ? 443 : 80) ? server : "\(server):\(http.port)")
        return await converse(address, http.port, timeout) {
            Conversation($0, (http, host), timeout)
        } handlers: {
            var handlers: [any ChannelHandler] = []
            if http.isSecure {
                guard let context = http.verifiesCertificate ? verifying : trusting else { throw NoCertificates() }
                handlers.append(
                    try NIOSSLClientHandler(context: context, serverHostname: http.host.flatMap(serverName)))
            }
            let decoder = HTTPResponseDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
                limitConfiguration: Conversation.headLimits)
            return handlers + [LineEnds(), HTTPRequestEncoder(), ByteToMessageHandler(decoder)]
        }
    }

    /// The name alone, of a host that may have a port and has no final dot; `nil` for an address, which is not named in handshakes (RFC 6066 section
    /// 3), and which certificates are held against as it is.
    private func serverName(_ host: String) -> String? {
        if host.hasPrefix("[") { return nil }
        let name = host.prefix { $0 != ":" }
        return (try? SocketAddress(ipAddress: String(name), port: 0)) == nil ? String(name) : nil
    }

    private func converse(
        _ address: String, _ port: UInt16, _ timeout: UInt32,
        _ makeConversation: @escaping @Sendable (EventLoopPromise<Outcome>) -> Conversation,
        handlers: @escaping @Sendable () throws -> [any ChannelHandler]
    ) async -> Outcome {
        let loop = loops.next()
        let outcome = loop.flatSubmit { () -> EventLoopFuture<Outcome> in
            guard let target = try? SocketAddress(ipAddress: address, port: Int(port)) else {
                return loop.makeSucceededFuture(.error("\(address) is no address"))
            }
            let promise = loop.makePromise(of: Outcome.self)
            let conversation = NIOLoopBound(makeConversation(promise), eventLoop: loop)
            // The socket is somebody's until it is closed.
            return ClientBootstrap(group: loop)
                .connectTimeout(.seconds(Int64(timeout)))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(handlers() + [conversation.value])
                    }
                }
                .connect(to: target)
                .flatMap { channel in
                    promise.futureResult.flatMap { outcome in channel.closeFuture.map { outcome } }
                }
                .flatMapErrorThrowing { error in
                    conversation.value.end(error)
                    if (error as? IOError)?.errnoCode == ENETUNREACH, !hasRoute(to: target) {
                        return .error(systemError(ENETUNREACH))
                    }
                    return conversation.value.outcome ?? .error("\(error)")
                }
        }
        do {
            return try await outcome.get()
        } catch {
            return .error("\(error)")
        }
    }
}

/// What certificates are held against cannot be read.
private struct NoCertificates: Error {}

/// One check on its connection: asks, listens, and closes the connection once it knows enough.
private final class Conversation: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private static let bodyLimit = 1 << 16
    /// What servers send is far below that.
    static let headLimits: NIOHTTPDecoderLimitConfiguration = {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldCount = 1_000
        limits.maxHeaderFieldSize = 1 << 17
        limits.maxHeaderListSize = 1 << 18
        return limits
    }()

    private let promise: EventLoopPromise<Outcome>
    /// What is asked for, and what the server is called; `nil` if it is enough to be connected.
    private let request: (http: HealthCheck.HTTP, host: String)?
    private let timeout: UInt32
    private(set) var outcome: Outcome?
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var status: String?
    private var weight = 100
    /// Whether the text that is to be there has been seen.
    private var hasMatch = false
    private var body: [UInt8] = []

    init(
        _ promise: EventLoopPromise<Outcome>, _ request: (http: HealthCheck.HTTP, host: String)?, _ timeout: UInt32
    ) {
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
        case .head(let head):
            let phrase = head.status.reasonPhrase
            let status = "\(head.status.code)\(phrase.isEmpty ? "" : " \(phrase)")"
            self.status = status
            let code = UInt16(clamping: head.status.code)
            if !request.http.expected.contains(where: { $0.contains(code) }) { return end(.failure(status)) }
            if let name = request.http.weightHeader, let text = head.headers.first(name: name) {
                guard let weight = parseWeight(text.trimmed) else {
                    return end(.error("\(name) of the answer is '\(text)'; the server should send a part such as 40%"))
                }
                if weight == 0 { return end(.failure("\(status), but with \(name): 0%")) }
                self.weight = weight
            }
            // Where no text matters, the status decides, whatever becomes of the connection.
            if request.http.match == nil, request.http.noMatch == nil { succeed(status) }
        case .body(let part):
            // What is known of the text need not be looked for again, but for what may lie across two parts.
            let start = body.count
            body += part.readableBytesView.prefix(Self.bodyLimit - body.count)
            judge(request.http, from: start, isOver: body.count == Self.bodyLimit)
        case .end: judge(request.http, from: body.count, isOver: true)
        }
    }

    /// - Parameters:
    ///   - start: where what is new in the body begins.
    ///   - isOver: whether no more of it is looked at.
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
        // That a text is not there is known at the end.
        if isOver || hasMatch && http.noMatch == nil { succeed(status) }
    }

    private func succeed(_ status: String) {
        end(.success(weight == 100 ? status : "\(status), up \(weight)%", weight: weight))
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.failure(status == nil ? "closed the connection without an answer" : "closed the connection too early"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Many servers end TLS without saying so; what was to come shows whether it was too early.
        if case NIOSSLError.uncleanShutdown = error { return }
        end(error)
    }

    /// Ends with an error that the connection has thrown.
    func end(_ error: any Error) {
        let certificate = try? context?.channel.pipeline.syncOperations.nioSSL_peerCertificate()
        switch error {
        case let error as IOError where ownErrors.contains(error.errnoCode): end(.error(systemError(error.errnoCode)))
        case let error as IOError: end(.failure(systemError(error.errnoCode)))
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            end(.failure("certificate is for \(certificate?.names ?? "somebody else")"))
        case NIOSSLError.handshakeFailed(let error):
            let words = "\(error)"
            if words.contains("CERTIFICATE_VERIFY_FAILED") {
                end(.failure("certificate is not trusted, or not valid at this time"))
            } else if words.contains("EOF") {
                end(.failure("closed the connection during the TLS handshake"))
            } else {
                end(.failure("TLS handshake failed"))
            }
        case is NoCertificates: end(.error("cannot read which certificates are trusted"))
        case HTTPParserError.headerOverflow:
            let limits = Self.headLimits
            end(
                .failure(
                    "its answer has more than \(limits.maxHeaderFieldCount) header fields, or \(limits.maxHeaderListSize >> 10) KiB of them, or one of more than \(limits.maxHeaderFieldSize >> 10) KiB"
                ))
        case is HTTPParserError: end(.failure(status == nil ? "its answer is not HTTP" : "broken HTTP"))
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

extension NIOSSLCertificate {
    /// Whom it is for, as a list.
    fileprivate var names: String? {
        let names = _subjectAlternativeNames().compactMap { name -> String? in
            let bytes = Array(name.contents)
            switch (name.nameType, bytes.count) {
            case (.dnsName, _): return String(decoding: bytes, as: UTF8.self)
            case (.ipAddress, 4), (.ipAddress, 16):
                return (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0))?.ipAddress
            default: return nil
            }
        }
        return names.isEmpty ? nil : names.joined(separator: ", ")
    }
}

/// Those that say nothing about the address: this machine has not enough of something.
private let ownErrors: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAFNOSUPPORT]

/// Whether this machine knows a way to the address. That the network cannot be reached is also what routers say of one that is gone.
private func hasRoute(to address: SocketAddress) -> Bool {
    let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
    let descriptor = socket(family, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // Of a datagram socket it sends nothing (connect(2)).
    return address.withSockAddr { connect(descriptor, $0, socklen_t($1)) } == 0 || errno != ENETUNREACH
}

/// How the agent introduces itself to web servers.
private let userAgent = "geopipe-agent/\(geopipeVersion)"
