import NIOCore
import NIOPosix
import Synchronization

/// Why something cannot be served, as part of a sentence.
struct ListenFailure: Error {
    var reason: String

    init(reason: String) { self.reason = reason }

    /// What an attempt to listen has thrown.
    init(_ error: any Error) {
        switch error {
        case let failure as ListenFailure: self = failure
        case let error as IOError: reason = systemError(error.errnoCode)
        default: reason = "\(error)"
        }
    }
}

/// Listens until the task is cancelled. If that is not possible, says why, once for each reason, and tries again.
///
/// - Parameters:
///   - what: what is served, such as `metrics`.
///   - place: the address or path, as log lines name it.
///   - consolation: what goes on without it.
///   - listen: opens the channel that takes connections.
///   - isInPlace: asked once a second; if it is false, the channel is closed and opened again.
func keepListening(
    for what: String, at place: String, consolation: String, _ listen: () async throws -> any Channel,
    isInPlace: @escaping @Sendable () -> Bool = { true }
) async {
    /// Between two attempts to listen.
    let pause = Duration.seconds(5)
    var diagnostic: String?
    while !Task.isCancelled {
        do {
            let channel = try await listen()
            diagnostic = nil
            await withTaskCancellationHandler {
                while !Task.isCancelled, channel.isActive, isInPlace() { try? await Task.sleep(for: .seconds(1)) }
            } onCancel: {
                channel.close(promise: nil)
            }
            try? await channel.close()
        } catch {
            let reason = ListenFailure(error).reason
            if reason != diagnostic { log.error("cannot serve \(what) at \(place): \(reason); \(consolation)") }
            diagnostic = reason
            try? await Task.sleep(for: pause)
        }
    }
}

/// A server that listens nowhere yet.
///
/// - Parameter prepare: has a connection speak HTTP, and adds the handler that answers.
func httpServer(_ prepare: @escaping @Sendable (any Channel) throws -> Void) -> ServerBootstrap {
    ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try prepare(channel) } }
}

/// Places of which only a limited number may be taken at a time, such as for connections.
final class ConnectionLimit: Sendable {
    let limit: Int
    private let taken = Atomic<Int>(0)

    init(_ limit: Int) { self.limit = limit }

    /// Takes one, which must be given back by `free`; false if all are taken.
    func take() -> Bool {
        if taken.add(1, ordering: .relaxed).newValue <= limit { return true }
        free()
        return false
    }

    func free() { taken.subtract(1, ordering: .relaxed) }

    /// How many are taken.
    var count: Int { taken.load(ordering: .relaxed) }
}
