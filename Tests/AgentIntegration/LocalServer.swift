import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Support
import Synchronization

/// A web server, on a port that the system gives it.
///
/// `/status/CODE` responds with that status, `/hang` never, `/trickle` without an end, `/large` with 100,000 bytes and
/// then the text, `/rude` with bytes that are not HTTP, `/silent` closes the connection; all others have the status
/// that is set. The text is `Host: ` and the Host of the request.
final class LocalServer: Sendable {
    private let state = State()
    private let channel: any Channel

    fileprivate final class State: Sendable {
        let status = Atomic<Int>(200)
        let requests = Mutex<[HTTPRequestHead]>([])
        let bodies = Mutex<[String: String]>([:])
    }

    /// - Parameters:
    ///   - address: an address of the loopback network.
    ///   - certificate: its certificate for TLS.
    init(_ address: String = "127.0.0.1", certificate: Certificate? = nil) throws {
        let context = try certificate.map { certificate in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: NIOSSLCertificate.fromPEMFile(certificate.file).map { .certificate($0) },
                    privateKey: .privateKey(NIOSSLPrivateKey(file: certificate.keyFile, format: .pem))))
        }
        channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { [state] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Handler(state))
                }
            }
            .bind(to: SocketAddress(ipAddress: address, port: 0)).wait()
    }

    deinit { channel.close(promise: nil) }

    var port: Int { channel.localAddress?.port ?? 0 }

    /// The status of most responses.
    var status: Int {
        get { state.status.load(ordering: .relaxed) }
        set { state.status.store(newValue, ordering: .relaxed) }
    }

    /// All requests so far.
    var requests: [HTTPRequestHead] { state.requests.withLock { $0 } }

    /// The body and fields of the requests for a path.
    func body(of path: String) -> String? { state.bodies.withLock { $0[path] } }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let state: State
        private var uri = ""

        init(_ state: State) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if case .body(let part) = unwrapInboundIn(data) {
                state.bodies.withLock { $0[uri, default: ""] += String(buffer: part) }
            }
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            uri = head.uri
            state.requests.withLock { $0.append(head) }
            let words = head.uri.split(separator: "/")
            if head.uri == "/hang" { return }
            if head.uri == "/silent" { return context.close(promise: nil) }
            if head.uri == "/rude" {
                let greeting = ByteBuffer(string: "220 mail.example.com ESMTP\r\n")
                // After the encoder, so that the bytes are sent unchanged.
                let encoder = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
                encoder?.writeAndFlush(NIOAny(greeting), promise: nil)
                return
            }
            let code = words.first == "status" ? Int(words[1])! : state.status.load(ordering: .relaxed)
            var response = HTTPResponseHead(version: .http1_1, status: .init(statusCode: code))
            if 300..<400 ~= code { response.headers.add(name: "Location", value: "/status/500") }
            var text = "Host: \(head.headers["Host"].joined(separator: ", "))\n"
            if head.uri == "/large" { text = String(repeating: "0123456789", count: 10_000) + text }
            response.headers.add(name: "Content-Length", value: "\(text.utf8.count + (head.uri == "/trickle" ? 1 : 0))")
            context.write(wrapOutboundOut(.head(response)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            if head.uri == "/trickle" { return }
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// A self-signed certificate, and its key.
struct Certificate {
    let file: String
    let keyFile: String

    /// - Parameter names: its subjects, such as `DNS:www.example.com` or `IP:127.0.0.1`.
    init(_ names: String, in folder: Folder) throws {
        let path = folder.unique("certificate")
        (file, keyFile) = (path + ".pem", path + ".key")
        let result = try Tool("openssl").run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=\(names.hash)", "-addext", "subjectAltName=\(names)", "-keyout", keyFile, "-out", file,
        ])
        struct Failed: Error { var output: String }
        guard result.status == 0 else { throw Failed(output: result.output) }
    }
}
