import Synchronization

/// The connections at one address of the live view.
///
/// Clients that connect and send nothing cannot keep others out: when all places are taken, the connection that has
/// waited longest for the head of its request is closed for the new one. Some places are reserved for this machine.
final class LiveConnections: Sendable {
    /// The maximum number of connections, and the number of them that are reserved for this machine.
    static let (limit, kept) = (128, 16)

    private struct Connection {
        let isLocal: Bool
        let close: @Sendable () -> Void
    }

    private struct State {
        /// Connections with a place.
        var open: [ObjectIdentifier: Connection] = [:]
        /// Those whose request has no head yet, the oldest first.
        var waiting: [ObjectIdentifier] = []
        /// The number of connections from other machines.
        var remoteCount = 0

        mutating func remove(_ connection: ObjectIdentifier) -> Connection? {
            guard let removed = open.removeValue(forKey: connection) else { return nil }
            if !removed.isLocal { remoteCount -= 1 }
            waiting.removeAll { $0 == connection }
            return removed
        }
    }

    private let state = Mutex(State())

    /// Gives a new connection a place, if necessary that of another connection, which is closed.
    ///
    /// - Parameters:
    ///   - isLocal: whether it comes from this machine.
    ///   - close: closes it; any thread may call it.
    /// - Returns: false if all places are taken by connections with requests.
    func admit(_ connection: AnyObject, isLocal: Bool, close: @escaping @Sendable () -> Void) -> Bool {
        let connection = ObjectIdentifier(connection)
        let (isAdmitted, other) = state.withLock { state -> (Bool, Connection?) in
            var other: Connection?
            let hasRoom = state.open.count < Self.limit && (isLocal || state.remoteCount < Self.limit - Self.kept)
            if !hasRoom {
                let remote = state.waiting.first { state.open[$0]?.isLocal == false }
                guard let oldest = remote ?? (isLocal ? state.waiting.first : nil) else { return (false, nil) }
                other = state.remove(oldest)
            }
            state.open[connection] = Connection(isLocal: isLocal, close: close)
            state.waiting.append(connection)
            if !isLocal { state.remoteCount += 1 }
            return (true, other)
        }
        other?.close()
        return isAdmitted
    }

    /// Lets a connection keep its place until it ends: the head of its request is complete.
    func keep(_ connection: AnyObject) {
        let connection = ObjectIdentifier(connection)
        state.withLock { state in state.waiting.removeAll { $0 == connection } }
    }

    /// Frees the place of a connection, if it has one.
    func remove(_ connection: AnyObject) {
        let connection = ObjectIdentifier(connection)
        state.withLock { state in _ = state.remove(connection) }
    }
}
