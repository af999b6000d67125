import Foundation
import Support
import Synchronization

/// A server that reads a request, and sends the same raw bytes to all clients. The connection stays open until the
/// client closes it.
final class RawServer: Sendable {
    let port: UInt16
    private let listener: CInt

    init(_ answer: String) throws {
        struct Unavailable: Error {}
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard withLoopback(0, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else { throw Unavailable() }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isNamed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) == 0 }
        }
        guard isNamed else { throw Unavailable() }
        port = UInt16(bigEndian: address.sin_port)
        self.listener = listener
        let bytes = Array(answer.utf8)
        Thread.detachNewThread {
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                Thread.detachNewThread {
                    defer { close(connection) }
                    var chunk = [UInt8](repeating: 0, count: 65_536)
                    guard recv(connection, &chunk, chunk.count, 0) > 0 else { return }
                    var sent = 0
                    while sent < bytes.count {
                        let count = bytes[sent...].withUnsafeBytes {
                            send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                        }
                        guard count > 0 else { return }
                        sent += count
                    }
                    while recv(connection, &chunk, chunk.count, 0) > 0 {}
                }
            }
        }
    }

    deinit {
        // Wakes the thread that accepts.
        shutdown(listener, CInt(SHUT_RDWR))
        close(listener)
    }
}
