import Glibc
import Platform
import State
import Synchronization
import Telemetry

/// Adds up what the coprocesses tell, and hands on their hits: takes datagrams at a socket in the state directory, whatever they are.
final class TelemetryReceiver: Sendable {
    private let directory: StateDirectory
    private let path: String
    private let onHits: @Sendable ([SampledHit]) -> Void
    private let state = Mutex(State())

    private struct State {
        var totals = AggregatedMetrics(start: Int(ProcessMetrics.start * 1e9))
        var isOver = false
        /// The socket that was made last.
        var inode: UInt64?
    }

    /// Bytes that may wait; of what comes when it is full, the sender knows that it is lost.
    private static let bufferSize: CInt = 4 << 20

    /// - Parameter onHits: gets hits as they come, and must return soon.
    init(_ directory: StateDirectory, onHits: @escaping @Sendable ([SampledHit]) -> Void = { _ in }) {
        self.directory = directory
        self.onHits = onHits
        path = directory.path + "/agent.sock"
    }

    /// What has been told, until now.
    var totals: AggregatedMetrics {
        state.withLock { state in
            state.totals.forgetEnded(at: time(nil))
            return state.totals
        }
    }

    /// The sums of that.
    var counts: AggregatedMetrics.Counts {
        state.withLock { state in
            state.totals.forgetEnded(at: time(nil))
            return state.totals.counts
        }
    }

    /// Receives, in a thread of its own, until the task is cancelled.
    func run() async {
        startOrRun { self.receive() }
        await untilCancelled()
        stop()
    }

    /// Ends that, and removes the socket. The thread ends within half a second.
    private func stop() {
        state.withLock { state in
            if !state.isOver, let made = state.inode, UnixSocket.inode(path) == made { unlink(path) }
            state.isOver = true
        }
    }

    /// Receives until it is over; makes the socket again if it was removed.
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
                if error.description != diagnostic { log.error("\(error); coprocesses are not counted") }
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
            if count >= 0 { log.trace("a coprocess has told something", metadata: ["bytes": "\(count)"]) }
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

    /// A socket at the path, in place of one that is there: this folder has no other agent.
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
        // The thread looks now and then whether it is over.
        var patience = timeval(tv_sec: 0, tv_usec: 500_000)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return socket
    }
}
