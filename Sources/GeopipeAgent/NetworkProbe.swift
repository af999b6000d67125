import Configuration
import DNS
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// Checks addresses over TCP, HTTP and HTTPS, each time on a new connection.
struct NetworkProbe: Sendable {
    private let loops: EventLoopGroup
    /// The trusted certificates; `nil` if they cannot be read, so that every check fails.
    private let verifying: NIOSSLContext?
    private let trusting: NIOSSLContext?

    /// - Parameter roots: a file of trusted certificates in PEM; `nil` for those of the system.
    init(_ loops: EventLoopGroup, roots: String?) {
        self.loops = loops
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let roots { configuration.trustRoots = .file(roots) }
        // The result does not depend on the server's close_notify.
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

    /// Sends a request, and checks the response.
    ///
    /// - Parameter timeout: seconds for the whole exchange.
    func ask(_ http: HealthCheck.HTTP, of address: String, timeout: UInt32) async -> Outcome {
        // An address in a URL (RFC 3986 section 3.2.2), and the port unless it is the default.
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

    /// Returns the name of a host with an optional port; `nil` for an address, which handshakes do not name (RFC 6066
    /// section 3) and certificates are compared with directly.
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
                return loop.makeSucceededFuture(.error("\(address) is not an address"))
            }
            let promise = loop.makePromise(of: Outcome.self)
            let conversation = NIOLoopBound(makeConversation(promise), eventLoop: loop)
            // Closing the channel closes the socket, and until then the socket must stay open.
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

/// The trusted certificates cannot be read.
private struct NoCertificates: Error {}

/// Explains a TLS error of a connection; `nil` for any other error.
private func tlsMeaning(of error: any Error, on channel: (any Channel)?) -> ProbeConversation.Meaning? {
    switch error {
    // Many servers end TLS without close_notify; the missing data show whether that was too early.
    case NIOSSLError.uncleanShutdown: return .nothing
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
        let certificate = try? channel?.pipeline.syncOperations.nioSSL_peerCertificate()
        return .end(.failure("certificate is for \(certificate?.names ?? "another name")"))
    case NIOSSLError.handshakeFailed(let error):
        let words = "\(error)"
        if words.contains("CERTIFICATE_VERIFY_FAILED") {
            return .end(.failure("certificate is not trusted, or not valid now"))
        }
        return .end(
            .failure(words.contains("EOF") ? "closed the connection during the TLS handshake" : "TLS handshake failed"))
    case is NoCertificates: return .end(.error("cannot read the trusted certificates"))
    default: return nil
    }
}

extension NIOSSLCertificate {
    /// The names in the certificate, as a list.
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

/// Returns whether this machine has a route to the address. Routers also report "network unreachable" for a host that
/// is down.
private func hasRoute(to address: SocketAddress) -> Bool {
    let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
    let descriptor = socket(family, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // connect(2) sends nothing on a datagram socket.
    return address.withSockAddr { connect(descriptor, $0, socklen_t($1)) } == 0 || errno != ENETUNREACH
}
