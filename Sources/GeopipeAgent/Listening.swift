import NIOCore
import NIOPosix
import Synchronization

/// A reason why listening fails, as part of a sentence.
struct ListenFailure: Error {
    var reason: String

    init(reason: String) { self.reason = reason }

    /// Describes an error of an attempt to listen.
    init(_ error: any Error) {
        switch error {
        case let failure as ListenFailure: self = failure
        case let error as IOError: reason = systemError(error.errnoCode)
        default: reason = "\(error)"
        }
    }
}

/// Listens until the task is cancelled. On failure logs each reason once, and tries again.
///
/// - Parameters:
///   - what: the service, such as `metrics`.
///   - place: the address or path for log lines.
///   - consolation: what continues without it.
///   - listen: opens the channel that accepts connections.
///   - isInPlace: called once a second; if it returns false, the channel is closed and opened again.
func keepListening(
    for what: String, at place: String, consolation: String, _ listen: () async throws -> any Channel,
    isInPlace: @escaping @Sendable () -> Bool = { true }
) async {
    /// The pause between attempts.
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

/// Returns a server that does not listen yet.
///
/// - Parameter prepare: adds the HTTP handlers and the handler that responds to a connection.
func httpServer(_ prepare: @escaping @Sendable (any Channel) throws -> Void) -> ServerBootstrap {
    ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try prepare(channel) } }
}

/// A limit on the number of simultaneous connections.
final class ConnectionLimit: Sendable {
    let limit: Int
    private let taken = Atomic<Int>(0)

    init(_ limit: Int) { self.limit = limit }

    /// Takes a place, which the caller must return by `free`; false if all are taken.
    func take() -> Bool {
        if taken.add(1, ordering: .relaxed).newValue <= limit { return true }
        free()
        return false
    }

    func free() { taken.subtract(1, ordering: .relaxed) }

    /// The number of taken places.
    var count: Int { taken.load(ordering: .relaxed) }
}
