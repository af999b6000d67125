import Configuration
import DNS
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

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
            ProbeConversation($0, nil, timeout, meaning: tlsMeaning)
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
            ProbeConversation($0, (http, host), timeout, meaning: tlsMeaning)
        } handlers: {
            var handlers: [any ChannelHandler] = []
            if http.isSecure {
                guard let context = http.verifiesCertificate ? verifying : trusting else { throw NoCertificates() }
                handlers.append(
                    try NIOSSLClientHandler(context: context, serverHostname: http.host.flatMap(serverName)))
            }
            return handlers + ProbeConversation.httpHandlers
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
        _ makeConversation: @escaping @Sendable (EventLoopPromise<Outcome>) -> ProbeConversation,
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

/// What an error of a connection means that TLS has thrown; `nil` for any other error.
private func tlsMeaning(of error: any Error, on channel: (any Channel)?) -> ProbeConversation.Meaning? {
    switch error {
    // Many servers end TLS without saying so; what was to come shows whether it was too early.
    case NIOSSLError.uncleanShutdown: return .nothing
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
        let certificate = try? channel?.pipeline.syncOperations.nioSSL_peerCertificate()
        return .end(.failure("certificate is for \(certificate?.names ?? "somebody else")"))
    case NIOSSLError.handshakeFailed(let error):
        let words = "\(error)"
        if words.contains("CERTIFICATE_VERIFY_FAILED") {
            return .end(.failure("certificate is not trusted, or not valid at this time"))
        }
        return .end(
            .failure(words.contains("EOF") ? "closed the connection during the TLS handshake" : "TLS handshake failed"))
    case is NoCertificates: return .end(.error("cannot read which certificates are trusted"))
    default: return nil
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

/// Whether this machine knows a way to the address. That the network cannot be reached is also what routers say of one that is gone.
private func hasRoute(to address: SocketAddress) -> Bool {
    let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
    let descriptor = socket(family, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // Of a datagram socket it sends nothing (connect(2)).
    return address.withSockAddr { connect(descriptor, $0, socklen_t($1)) } == 0 || errno != ENETUNREACH
}
