import Glibc
import Platform
import State
import Synchronization
import Telemetry

/// Sums up the counts of coprocesses, and passes on their hits: receives any datagrams on a socket in the state
/// directory.
final class TelemetryReceiver: Sendable {
    private let directory: StateDirectory
    private let path: String
    private let onHits: @Sendable ([SampledHit]) -> Void
    private let state = Mutex(State())

    private struct State {
        var totals = AggregatedMetrics(start: Int(ProcessMetrics.start * 1e9))
        var isOver = false
        /// The inode of the current socket.
        var inode: UInt64?
    }

    /// The size of the receive buffer in bytes; senders notice when it is full, and count lost datagrams.
    private static let bufferSize: CInt = 4 << 20

    /// - Parameter onHits: gets hits as they arrive, and must return soon.
    init(_ directory: StateDirectory, onHits: @escaping @Sendable ([SampledHit]) -> Void = { _ in }) {
        self.directory = directory
        self.onHits = onHits
        path = directory.path + "/agent.sock"
    }

    /// The counts so far.
    var totals: AggregatedMetrics {
        state.withLock { state in
            state.totals.forgetEnded(at: time(nil))
            return state.totals
        }
    }

    /// The sums of the counts so far.
    var counts: AggregatedMetrics.Counts {
        state.withLock { state in
            state.totals.forgetEnded(at: time(nil))
            return state.totals.counts
        }
    }

    /// Receives on a thread of its own, until the task is cancelled.
    func run() async {
        startOrRun { self.receive() }
        await untilCancelled()
        stop()
    }

    /// Ends the thread within half a second, and removes the socket.
    private func stop() {
        state.withLock { state in
            if !state.isOver, let made = state.inode, UnixSocket.inode(path) == made { unlink(path) }
            state.isOver = true
        }
    }

    /// Receives until it is stopped; makes the socket again if it was removed.
    private func receive() {
        var diagnostic: String?
        while !state.withLock({ $0.isOver }) {
            do throws(UnixSocket.Failure) {
                let socket = try open()
                diagnostic = nil
                receive(socket)
                close(socket)
            } catch {
                if state.withLock({ $0.isOver }) { return }
                if error.description != diagnostic { log.error("\(error); no metrics of coprocesses") }
                diagnostic = error.description
                sleep(1)
            }
        }
    }

    private func receive(_ socket: CInt) {
        let inode = UnixSocket.inode(path)
        var bytes = [UInt8](repeating: 0, count: Report.sizeLimit + 1)
        var lastLook = monotonicTime()
        while true {
            let count = recv(socket, &bytes, bytes.count, 0)
            if count >= 0 { log.trace("received a datagram of a coprocess", metadata: ["bytes": "\(count)"]) }
            let hasHits = count >= 0 && HitReport.isTitled(bytes.prefix(count))
            let hits = hasHits ? HitReport(bytes.prefix(count)) : nil
            if let hits { onHits(hits.hits) }
            let isOver = state.withLock { state in
                if hasHits, hits == nil { state.totals.ignoreDatagram() }
                if !hasHits, count >= 0 { state.totals.take(bytes.prefix(count), at: time(nil)) }
                return state.isOver
            }
            if isOver { return }
            guard monotonicTime() - lastLook >= 1 else { continue }
            lastLook = monotonicTime()
            if UnixSocket.inode(path) != inode { return }
        }
    }

    /// Opens a socket at the path, and replaces an existing one: this folder has no other agent.
    private func open() throws(UnixSocket.Failure) -> CInt {
        let socket: CInt? = try state.withLock { state throws(UnixSocket.Failure) in
            guard !state.isOver else { return nil }
            let socket = try UnixSocket.bind(SOCK_DGRAM, at: path, in: directory)
            state.inode = UnixSocket.inode(path)
            return socket
        }
        guard let socket else { throw UnixSocket.Failure(description: "the agent ends") }
        var size = Self.bufferSize
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        // The thread checks regularly whether it is stopped.
        var timeout = timeval(tv_sec: 0, tv_usec: 500_000)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        return socket
    }
}
