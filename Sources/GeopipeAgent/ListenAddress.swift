import ArgumentParser
import NIOCore

/// An address and port for HTTP, or none.
enum ListenAddress: ExpressibleByArgument, Sendable {
    case at(SocketAddress)
    case nowhere

    /// Port 9353 of the loopback interface.
    static let usualMetrics = ListenAddress(argument: "127.0.0.1:9353")!
    /// Port 9354 of the loopback interface.
    static let usualLive = ListenAddress(argument: "127.0.0.1:9354")!

    /// Parses `ADDRESS:PORT`, with brackets around an IPv6 address, or `none`.
    init?(argument: String) {
        if argument == "none" {
            self = .nowhere
            return
        }
        guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...])
        else {
            return nil
        }
        var host = argument[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let address = try? SocketAddress(ipAddress: String(host), port: Int(port)) else { return nil }
        self = .at(address)
    }

    var defaultValueDescription: String {
        guard case .at(let address) = self, let host = address.ipAddress, let port = address.port else { return "none" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension SocketAddress {
    /// Whether only programs on this machine can reach it: 127.0.0.0/8, also in ::ffff:0:0/96, and ::1.
    var isLoopback: Bool {
        switch self {
        case .v4(let address): return UInt32(bigEndian: address.address.sin_addr.s_addr) >> 24 == 127
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
            return isMapped && bytes[12] == 127 || bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
        case .unixDomainSocket: return true
        }
    }
}
