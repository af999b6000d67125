import Glibc

extension sockaddr_un {
    /// The address of a Unix socket (unix(7)); `nil` if the path is too long for one: 107 bytes at most.
    public init?(path: String) {
        self.init()
        sun_family = sa_family_t(AF_UNIX)
        let isShort = withUnsafeMutableBytes(of: &sun_path) { bytes in
            guard path.utf8.count < bytes.count else { return false }
            bytes.copyBytes(from: path.utf8)
            return true
        }
        guard isShort else { return nil }
    }

    /// Gives a call of the system the address as it wants it: bind(2), connect(2), sendto(2).
    public func withSocketAddress<Result>(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: self) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
