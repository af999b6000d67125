import Glibc
import Platform
import State
import Synchronization
import Telemetry

/// Adds up what the coprocesses tell, and hands on their hits: takes datagrams at a socket in the state directory, whatever they are.
final class Receiver: Sendable {
    private let directory: StateDirectory
    private let path: String
    private let onHits: @Sendable ([SampledHit]) -> Void
    private let state = Mutex(State())

    private struct State {
        var totals = Totals(start: Int(ProcessMetrics.start * 1e9))
        var isOver = false
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
    var totals: Totals {
        state.withLock { state in
            state.totals.forgetEnded(at: time(nil))
            return state.totals
        }
    }

    /// The sums of that.
    var counts: Totals.Counts {
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
            if !state.isOver { unlink(path) }
            state.isOver = true
        }
    }

    /// Receives until it is over; makes the socket anew if somebody has removed it.
    private func receive() {
        var complaint: String?
        while !state.withLock({ $0.isOver }) {
            do throws(Failure) {
                let socket = try open()
                complaint = nil
                receive(socket)
                close(socket)
            } catch {
                if error.description != complaint { log.error("\(error); coprocesses are not counted") }
                complaint = error.description
                sleep(1)
            }
        }
    }

    private func receive(_ socket: CInt) {
        let inode = inode
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
            if self.inode != inode { return }
        }
    }

    /// Of what is at the path; `nil` if nothing is.
    private var inode: UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// A socket at the path, in place of what is there: nobody else is the agent of this folder.
    private func open() throws(Failure) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isShort = withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            guard path.utf8.count < bytes.count else { return false }
            bytes.copyBytes(from: path.utf8)
            return true
        }
        guard isShort else { throw Failure(description: "\(path) is too long for a socket") }
        let socket = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Failure(description: "cannot make a socket: \(systemError())") }
        var size = Self.bufferSize
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        // Somebody has to look now and then whether it is over.
        var patience = timeval(tv_sec: 0, tv_usec: 500_000)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let bind = { [path] () throws(StateDirectory.Failure) -> Bool in
            unlink(path)
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            // For the coprocesses, whom the folder belongs to, and nobody else.
            if result == 0 { chmod(path, 0o660) }
            return result == 0
        }
        let isBound = state.withLock { state in
            guard !state.isOver else { return true }
            return (try? directory.asOwner(bind)) ?? false
        }
        guard isBound else {
            let failure = Failure(description: "cannot make \(path): \(systemError())")
            close(socket)
            throw failure
        }
        return socket
    }
}
