import Configuration
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1

@testable import State

/// The log of the agent's files that are linked here.
let log = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }

extension EmbeddedChannel {
    /// Passes bytes to the channel in pieces.
    fileprivate func receive(_ bytes: ArraySlice<UInt8>, pieceSize: Int) {
        var rest = bytes
        while !rest.isEmpty, isActive {
            _ = try? writeInbound(ByteBuffer(bytes: rest.prefix(pieceSize)))
            rest = rest.dropFirst(pieceSize)
        }
    }

    /// All bytes that were sent.
    fileprivate func sent() -> [UInt8] {
        var bytes: [UInt8] = []
        while let buffer = try? readOutbound(as: ByteBuffer.self) { bytes += buffer.readableBytesView }
        return bytes
    }
}

/// The number of bytes at a time: all, or few.
private func pieceSize(_ byte: UInt8) -> Int { byte < 128 ? .max : byte < 192 ? 1 : Int(byte) - 191 }

/// The response of a checked server. The first byte gives the expectations, the second the pieces, and whether the
/// connection is closed at the end.
struct HTTPAnswerTarget: FuzzTarget {
    func run(_ input: [UInt8]) {
        guard input.count >= 2 else { return }
        var http = HealthCheck.HTTP(isSecure: false)
        if input[0] & 1 != 0 { http.match = "ok" }
        if input[0] & 2 != 0 { http.noMatch = "error" }
        if input[0] & 4 != 0 { http.weightHeader = "X-Weight" }
        if input[0] & 8 != 0 { http.method = .head }
        if input[0] & 16 != 0 { (http.method, http.body) = (.post, "ping") }
        if input[0] & 32 != 0 { http.expected = [200...200, 404...404] }
        let channel = EmbeddedChannel()
        let promise = channel.eventLoop.makePromise(of: Outcome.self)
        let conversation = ProbeConversation(promise, (http, "example.com"), 5)
        do {
            try channel.pipeline.syncOperations.addHandlers(ProbeConversation.httpHandlers + [conversation])
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
        } catch {
            fatalError("\(error)")
        }
        channel.receive(input.dropFirst(2), pieceSize: pieceSize(input[1]))
        if input[1] & 1 == 0 {
            _ = try? channel.close().wait()
        } else {
            channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        }
        guard let outcome = conversation.outcome else { fatalError("a check without an end") }
        _ = try? channel.finish()
        // Closing a closed channel runs nothing, and its handlers would hold each other.
        channel.embeddedEventLoop.run()
        // The reason is stored in a file, and shown to people.
        var judgement = HealthReport.State(isUp: false, since: 0, reportedAt: 1_000, reason: "", weight: 100)
        switch outcome {
        case .success(let reason, let weight):
            require(1...100 ~= weight, "a weight of \(weight)")
            (judgement.isUp, judgement.reason, judgement.weight) = (true, reason, weight)
        case .failure(let reason), .error(let reason): judgement.reason = reason
        }
        let report = HealthReport(time: 1_000, process: 1, states: ["tcp 192.0.2.1": judgement])
        guard let again = try? HealthReport(report.text) else { fatalError("a report that cannot be read") }
        require(again.states.keys.elementsEqual(report.states.keys), "a report with other addresses")
        require(again.states.values.first?.isUp == judgement.isUp, "up has become down")
    }
}

/// Requests to the live view or for metrics. The first byte selects the server and the pieces.
final class HTTPRequestTarget: FuzzTarget {
    private let live: LiveServer
    private let metrics = MetricsServer { "" }
    private let doors: [LiveServer.Listener]
    private let token = LiveToken("0123456789abcdef")

    init() {
        let page = LivePage(frame: "<html>", style: "", script: "", outlines: "")
        live = LiveServer(LiveView(.live, host: "here", start: 0), page: page)
        doors = [
            LiveServer.Listener(nil), LiveServer.Listener(LiveAccess(names: ["geo.example.com"])),
            LiveServer.Listener(LiveAccess(names: ["geo.example.com"], token: token)),
        ]
    }

    func run(_ input: [UInt8]) {
        guard input.count >= 2 else { return }
        let place = Int(input[0]) % 4
        let channel = EmbeddedChannel()
        do {
            if place < 3 {
                try live.addHandlers(to: channel, doors[place])
            } else {
                try metrics.addHandlers(to: channel)
            }
            let pipeline = channel.pipeline.syncOperations
            let last: any ChannelHandler =
                try place < 3 ? pipeline.handler(type: LiveHandler.self) : pipeline.handler(type: MetricsHandler.self)
            try pipeline.addHandler(Doorkeeper(), position: .before(last))
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
        } catch {
            fatalError("\(error)")
        }
        channel.receive(input.dropFirst(2), pieceSize: pieceSize(input[1]))
        judge(channel.sent(), to: input, place)
        if input[1] & 1 == 0 { _ = try? channel.close().wait() }
        channel.embeddedEventLoop.advanceTime(by: .seconds(45))
        _ = channel.sent()
        _ = try? channel.finish()
        channel.embeddedEventLoop.run()
        require(place == 3 || doors[place].viewers.count == 0, "a viewer stays")
    }

    private func judge(_ answer: [UInt8], to input: [UInt8], _ place: Int) {
        guard !answer.isEmpty else { return }
        let words = answer.prefix { $0 != 0x0d }.split(separator: 0x20)
        require(answer.starts(with: "HTTP/1.".utf8) && words.count > 1, "no answer of HTTP")
        guard place == 2, words[1].elementsEqual("200".utf8) else { return }
        require(
            input.contains(Array("0123456789abcdef".utf8)) || input.contains(Array(token.cookie.utf8)),
            "let in without the token")
    }
}

/// Hides the end of requests that other threads would answer, and reads the body as they would.
private final class Doorkeeper: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private var isKept = false
    private var body: [UInt8] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            let path = head.uri.prefix { $0 != "?" }
            isKept = ["/api/state", "/api/explain", "/api/destinations", "/api/replay", "/metrics"].contains(path)
        case .body(let part): if isKept { body += part.readableBytesView }
        case .end:
            guard isKept else { break }
            _ = try? ReplayOrder(reading: body)
            return
        }
        context.fireChannelRead(data)
    }
}
