import Foundation
import Synchronization

/// A stand-in for the agent's `live.sock`: it serves one state, and streams the events of the test.
final class LiveStandIn: Sendable {
    private let listener: CInt
    private let path: String
    private let streams = Mutex<[CInt]>([])
    private let isStopped = Atomic<Bool>(false)

    struct Failure: Error {
        let call: String
        let reason = errno
    }

    /// - Parameters:
    ///   - state: JSON, or anything else.
    ///   - isSilent: whether it accepts no connection, and so never answers.
    init(at path: String, state: String, status: Int = 200, isSilent: Bool = false) throws {
        unlink(path)
        self.path = path
        listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw Failure(call: "socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, listen(listener, 16) == 0 else { throw Failure(call: "bind") }
        if isSilent { return }
        Thread.detachNewThread { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                serve(connection, state, status)
            }
        }
    }

    /// The streams that are open.
    var streamCount: Int { streams.withLock { $0.count } }

    /// Sends an event to all streams.
    func tell(_ event: String, _ data: String) {
        streams.withLock { for stream in $0 { Self.send("event: \(event)\ndata: \(data)\n\n", stream) } }
    }

    /// Ends all streams, and stops listening.
    func stop() {
        guard isStopped.exchange(true, ordering: .relaxed) == false else { return }
        unlink(path)
        // This ends the accepting thread.
        shutdown(listener, CInt(SHUT_RDWR))
        close(listener)
        streams.withLock {
            for stream in $0 { close(stream) }
            $0 = []
        }
    }

    deinit { stop() }

    private func serve(_ connection: CInt, _ state: String, _ status: Int) {
        var request = ""
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while !request.hasSuffix("\r\n\r\n") {
            let count = recv(connection, &bytes, bytes.count, 0)
            guard count > 0 else {
                close(connection)
                return
            }
            request += String(decoding: bytes[..<count], as: UTF8.self)
        }
        guard request.hasPrefix("GET /api/stream ") else {
            Self.send(
                "HTTP/1.1 \(status) As it is\r\nContent-Length: \(state.utf8.count)\r\nConnection: close\r\n\r\n\(state)",
                connection)
            close(connection)
            return
        }
        Self.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n", connection)
        streams.withLock { $0.append(connection) }
    }

    private static func send(_ text: String, _ connection: CInt) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }
}
