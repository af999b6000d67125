import Glibc

extension sockaddr_un {
    /// Makes the address of a Unix socket (unix(7)); `nil` if the path is longer than 107 bytes.
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

    /// Passes the address to a system call such as bind(2), connect(2) or sendto(2).
    public func withSocketAddress<Result>(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: self) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
