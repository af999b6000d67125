import ArgumentParser
import Configuration
import Glibc
import Journal
import Logging
import Platform
import ServiceLifecycle

struct ReplayCommand: ParsableCommand, Sendable {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Replay the hits of a log on the page of the live view.",
        discussion: """
            Reads a hits log (TSV or JSON) or a recording of geopipe replay --record, and serves the page until Ctrl-C. The page \
            can pause the replay, and change its speed and position. With a configuration it knows the locations of datacenters. Exits 2 if the file has no hits, or the address is in use.
            """)

    @Argument(help: "The hits log; - for standard input.")
    var hits: String

    @OptionGroup var configuration: ConfigurationOption

    @Option(
        help: ArgumentHelp("The speed: seconds of the log in one second, from 0.1 to 1000.", valueName: "number"))
    var speed = 1.0

    @Flag(help: "Begin paused.")
    var paused = false

    @Option(help: ArgumentHelp("Also serve it at a Unix socket with this path.", valueName: "file"))
    var socket: String?

    /// The socket's folder exists only for the socket, and is removed with it.
    @Option(
        help: ArgumentHelp(
            "A descriptor of a pipe: when its other end is closed, remove the socket and its folder, and exit.",
            visibility: .hidden))
    var lifeline: Int32?

    @OptionGroup var live: LiveOptions

    @OptionGroup var logs: LogOptions

    func validate() throws {
        guard ReplayOrder.speeds ~= speed else { throw ValidationError("--speed is a number from 0.1 to 1000") }
        if case .nowhere = live.address, socket == nil {
            throw ValidationError("--live none needs --socket")
        }
        guard lifeline == nil || socket != nil else { throw ValidationError("--lifeline needs --socket") }
    }

    /// Plays until a signal ends it.
    ///
    /// - Parameter endsAtHangUp: whether SIGHUP ends it.
    func play(endsAtHangUp: Bool) async throws {
        if let lifeline, let socket { Self.end(withOtherEndOf: lifeline, socket) }
        if let socket, let reason = UnixSocket.reasonAgainst(socket) {
            throw StartFailure(
                code: .unusable,
                message: "cannot show it at \(visible(socket)): \(reason); choose another path for --socket")
        }
        let file: HitsFile
        do throws(HitsFile.Unusable) {
            file = try HitsFile(hits)
        } catch {
            throw StartFailure(code: .unusable, message: error.description)
        }
        let datacenters =
            try configuration.file.map { path throws(StartFailure) in try Self.datacenters(of: path) } ?? []
        let view = LiveView(.replay, host: LiveFeeder.hostName, start: Double(file.first) / 1_000)
        let player = Player(file, view, datacenters: datacenters, speed: speed, isPaused: paused)
        let server = LiveServer(view, playback: player)
        var parts = [part("replay") { await player.run() }]
        if case .at(let address) = live.address {
            parts.append(
                part("live view") { [live] in
                    do throws(ListenFailure) {
                        try await server.serve(at: address, live) { Self.announce(file, $0) }
                    } catch {
                        throw StartFailure(
                            code: .unusable,
                            message:
                                "cannot show it at \(live.address.defaultValueDescription): \(error.reason); the agent may be listening there: choose another port, such as --live 127.0.0.1:9355"
                        )
                    }
                })
        }
        if let socket {
            parts.append(
                part("live socket") {
                    await server.run(atSocket: socket, in: nil, consolation: "the replay continues")
                })
        }
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: parts,
                gracefulShutdownSignals: endsAtHangUp ? [.sigterm, .sigint, .sighup] : [.sigterm, .sigint], logger: log)
        ).run()
    }

    /// Ends this process when the process that started it ends for any reason, and removes the socket and its folder.
    private static func end(withOtherEndOf pipe: Int32, _ socket: String) {
        startThread {
            var byte: UInt8 = 0
            while case let count = read(pipe, &byte, 1), count > 0 || count < 0 && errno == EINTR {}
            var status = stat()
            if lstat(socket, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(socket) }
            if let slash = socket.lastIndex(of: "/") { rmdir(String(socket[..<slash])) }
            _exit(0)
        }
    }

    private static func announce(_ file: HitsFile, _ url: String) {
        print(
            "\(visible(file.name)): \(Timestamp.text(milliseconds: file.first)) to \(Timestamp.text(milliseconds: file.last))"
        )
        print("Watch it at \(url) until Ctrl-C.")
        fflush(nil)
    }

    private static func datacenters(of path: String) throws(StartFailure) -> [LiveScene.Datacenter] {
        do throws(ConfigurationError) {
            return try Configuration.load(path, hasZones: false, parsesZones: false, advises: false).datacenters.map {
                LiveScene.Datacenter(
                    name: $0.name, coordinates: $0.location, state: "in_use", capacity: $0.capacity)
            }
        } catch {
            throw StartFailure(code: .unusable, message: error.description)
        }
    }
}
