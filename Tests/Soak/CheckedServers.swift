import Glibc
import Synchronization

/// Small HTTP servers on 127.1.0.1 and the following addresses, whose health is checked.
final class CheckedServers: Sendable {
    enum Mode: Int, CaseIterable {
        /// 200.
        case well
        /// 500.
        case fails
        /// Accepts connections, but never answers.
        case hangs
        /// Accepts no connections.
        case refuses
    }

    let port: UInt16
    private let modes: Mutex<[Mode]>

    init(count: Int) throws {
        port = try freePort()
        modes = Mutex([Mode](repeating: .well, count: count))
        let context = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            {
                Unmanaged<CheckedServers>.fromOpaque($0!).takeUnretainedValue().run()
                return nil
            }, context)
        pthread_detach(thread)
    }

    func set(_ server: Int, _ mode: Mode) { modes.withLock { $0[server] = mode } }

    private struct Connection {
        var descriptor: CInt
        var server: Int
        var request: [UInt8] = []
    }

    private func run() {
        var listeners = modes.withLock(\.self).map { _ in CInt(-1) }
        var connections: [Connection] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let modes = modes.withLock(\.self)
            for server in modes.indices {
                if modes[server] == .refuses, listeners[server] >= 0 {
                    close(listeners[server])
                    listeners[server] = -1
                } else if modes[server] != .refuses, listeners[server] < 0 {
                    listeners[server] = listen(server)
                }
            }
            var requests = (listeners + connections.map(\.descriptor)).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            poll(&requests, nfds_t(requests.count), 20)
            for (number, connection) in connections.enumerated().reversed()
            where requests[listeners.count + number].revents != 0 {
                let count = read(connection.descriptor, &buffer, buffer.count)
                if count > 0 { connections[number].request += buffer[..<count] }
                let isWhole = connections[number].request.suffix(4).elementsEqual("\r\n\r\n".utf8)
                if isWhole, modes[connection.server] == .hangs { continue }
                if isWhole {
                    let status = modes[connection.server] == .well ? "200 OK" : "500 Internal Server Error"
                    let answer = "HTTP/1.1 \(status)\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
                    _ = answer.withCString { send(connection.descriptor, $0, strlen($0), CInt(MSG_NOSIGNAL)) }
                }
                if isWhole || count <= 0 {
                    close(connection.descriptor)
                    connections.remove(at: number)
                }
            }
            for server in listeners.indices where requests[server].revents != 0 {
                let descriptor = accept(listeners[server], nil, nil)
                if descriptor >= 0 { connections.append(Connection(descriptor: descriptor, server: server)) }
            }
        }
    }

    private func listen(_ server: Int) -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var yes: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        if bindLoopback(descriptor, address: 0x7f01_0001 + UInt32(server), port: port),
            Glibc.listen(descriptor, 64) == 0
        {
            return descriptor
        }
        close(descriptor)
        return -1
    }
}
