import Glibc

/// Returns a port of 127.0.0.1 that no process uses, neither for TCP nor for UDP; `nil` if none is found.
package func freePort() -> UInt16? {
    // The range is below the ephemeral ports, which the kernel assigns itself.
    (0..<100).lazy.map { _ in UInt16.random(in: 20_000..<32_000) }.first { port in
        [SOCK_STREAM, SOCK_DGRAM].allSatisfy { kind in
            let socket = socket(AF_INET, CInt(kind.rawValue), 0)
            defer { close(socket) }
            return withLoopback(port) { bind(socket, $0, $1) } == 0
        }
    }
}

/// Calls `body` with the socket address of a port of 127.0.0.1.
package func withLoopback<R>(
    _ port: UInt16, address text: String = "127.0.0.1", _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
) -> R {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr(text)
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
