import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform
import State
import Synchronization

/// Serves the live view: a page for people, and its data for programs. Limits connections and memory, so that no client
/// affects another.
final class LiveServer: Sendable {
    let view: LiveView
    let questions: (any LiveQuestions)?
    /// The player of a replay; `nil` for live traffic.
    let playback: (any LivePlayback)?
    let page: LivePage

    /// The maximum size of the head and body of a request, in bytes.
    static let (headLimit, bodyLimit) = (8_192, 1_024)
    /// The maximum duration of a request, of a response, and of closing the connection.
    static let (requestPatience, answerPatience, endPatience) = (
        TimeAmount.seconds(2), TimeAmount.seconds(30), TimeAmount.seconds(1)
    )
    /// How long a viewer may read nothing.
    let stallPatience: TimeAmount
    /// The interval of pings on a stream.
    static let pingInterval = TimeAmount.seconds(10)
    /// The maximum number of viewers of the stream at each address.
    static let viewerLimit = 64
    /// The maximum number of open files, with connections that are being closed.
    static let fileLimit = 2 * LiveConnections.limit + 64
    /// Seconds for which a state is reused.
    private static let freshness = 0.2

    private let state = Mutex<(text: String, time: Double)?>(nil)
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(
        _ view: LiveView, _ questions: (any LiveQuestions)? = nil, playback: (any LivePlayback)? = nil,
        page: LivePage = .own, stallPatience: TimeAmount = .seconds(30)
    ) {
        (self.view, self.questions, self.playback, self.page) = (view, questions, playback, page)
        self.stallPatience = stallPatience
    }

    /// An address at which it listens.
    final class Listener: Sendable {
        /// `nil` if file permissions already decide who may connect.
        let access: LiveAccess?
        let connections = LiveConnections()
        let viewers = ConnectionLimit(LiveServer.viewerLimit)

        init(_ access: LiveAccess?) { self.access = access }
    }

    /// Serves at an address until the task is cancelled.
    ///
    /// - Parameters:
    ///   - options: the access rules.
    ///   - consolation: what continues while it cannot serve.
    func run(at address: SocketAddress, _ options: LiveOptions, consolation: String) async {
        let name = ListenAddress.at(address).defaultValueDescription
        await keepListening(for: "the live view", at: name, consolation: consolation) {
            let door = Listener(try options.access(at: address))
            let channel = try await bootstrap(door).bind(to: address).get()
            let actual = channel.localAddress.map { ListenAddress.at($0).defaultValueDescription } ?? name
            log.info("the live view is at http://\(actual)/")
            return channel
        }
        closeAll()
    }

    /// Serves at an address until the task is cancelled, or fails if it cannot listen.
    ///
    /// - Parameter announce: gets the URL once it is served.
    func serve(at address: SocketAddress, _ options: LiveOptions, announce: (String) -> Void)
        async throws(ListenFailure)
    {
        let channel: any Channel
        do {
            channel = try await bootstrap(Listener(try options.access(at: address))).bind(to: address).get()
        } catch {
            throw ListenFailure(error)
        }
        announce("http://\(ListenAddress.at(channel.localAddress ?? address).defaultValueDescription)/")
        await untilCancelled()
        try? await channel.close()
        closeAll()
    }

    /// Serves at a Unix socket until the task is cancelled; makes the socket again if it is removed.
    ///
    /// - Parameter directory: the folder of the socket, whose owner gets it; `nil` for the user of this process.
    func run(atSocket path: String, in directory: StateDirectory?, consolation: String) async {
        // The inode of the socket, to see whether it still exists.
        let made = Mutex<UInt64?>(nil)
        await keepListening(for: "the live view", at: path, consolation: consolation) {
            let socket: CInt
            do throws(UnixSocket.Failure) {
                socket = try UnixSocket.bind(SOCK_STREAM, at: path, in: directory)
            } catch {
                throw ListenFailure(reason: error.description)
            }
            made.withLock { $0 = UnixSocket.inode(path) }
            return try await bootstrap(Listener(nil)).withBoundSocket(socket).get()
        } isInPlace: {
            UnixSocket.inode(path) == made.withLock { $0 }
        }
        if let made = made.withLock({ $0 }), UnixSocket.inode(path) == made { unlink(path) }
        closeAll()
    }

    private func bootstrap(_ door: Listener) -> ServerBootstrap {
        httpServer { [self] channel in
            try addHandlers(to: channel, door)
        }
        .serverChannelOption(.backlog, value: 64)
        // A small buffer shows early that a viewer does not read, and limits kernel memory.
        .childChannelOption(.socketOption(.so_sndbuf), value: 65_536)
        .childChannelOption(.writeBufferWaterMark, value: .init(low: 16_384, high: 65_536))
    }

    /// Adds the handlers of a connection.
    func addHandlers(to channel: any Channel, _ door: Listener) throws {
        let handler = LiveHandler(self, door)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HeaderLimitHandler(Self.headLimit, of: handler))
        try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false, withErrorHandling: false)
        try pipeline.addHandler(handler)
    }

    /// Returns the state, made at most a few times a second.
    func stateText() -> String {
        let now = monotonicTime()
        if let made = state.withLock({ $0 }), now - made.time < Self.freshness { return made.text }
        let text = view.state()
        state.withLock { $0 = (text, now) }
        return text
    }

    /// Makes the next request compute the state.
    func forgetState() { state.withLock { $0 = nil } }

    func note(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = channel } }

    func forget(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = nil } }

    private func closeAll() {
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }
}

/// A player of past hits.
protocol LivePlayback: Sendable {
    /// Pauses, continues, or changes speed or position.
    ///
    /// - Returns: the new position and settings.
    func order(_ order: ReplayOrder) async throws(LiveRefusal) -> LiveReplay
}

/// A change of a replay; `nil` members stay as they are.
struct ReplayOrder: Equatable, Sendable {
    var isPaused: Bool?
    /// The speed: seconds of the log in one second.
    var speed: Double?
    /// Seconds since 1970.
    var position: Double?

    static let speeds = 0.1...1_000.0

    init(isPaused: Bool? = nil, speed: Double? = nil, position: Double? = nil) {
        (self.isPaused, self.speed, self.position) = (isPaused, speed, position)
    }

    /// Reads the body of a request, such as `{"paused":true,"speed":10}`.
    init(reading body: [UInt8]) throws(LiveRefusal) {
        guard let json = try? JSON(reading: body), case .object(let members) = json else {
            throw LiveRefusal(status: 400, message: "write an object of JSON, such as {\"paused\":true}")
        }
        for (name, value) in members {
            switch name {
            case "paused":
                guard let isPaused = value.bool else {
                    throw LiveRefusal(status: 400, message: "paused is true or false")
                }
                self.isPaused = isPaused
            case "speed":
                guard let speed = value.double, Self.speeds ~= speed else {
                    throw LiveRefusal(status: 400, message: "speed is a number from 0.1 to 1000")
                }
                self.speed = speed
            case "position":
                guard let position = value.double, position.isFinite else {
                    throw LiveRefusal(status: 400, message: "position is a time in seconds since 1970")
                }
                self.position = position
            default:
                throw LiveRefusal(
                    status: 400, message: "'\(visible(name))' is not paused, speed or position")
            }
        }
    }
}
