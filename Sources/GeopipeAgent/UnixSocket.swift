import Glibc
import State

/// A socket in a folder, for the programs of this machine that may open it.
enum UnixSocket {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Makes a socket at a path, in place of what is there, that its owner and group may use (mode 0660).
    ///
    /// - Parameters:
    ///   - type: `SOCK_DGRAM` or `SOCK_STREAM`.
    ///   - directory: the folder that the path is in, whose owner gets the socket; `nil` for the user of this process.
    /// - Returns: its descriptor, for the caller to close.
    static func bind(
        _ type: __socket_type, at path: String, in directory: StateDirectory?
    ) throws(Failure) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isShort = withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            guard path.utf8.count < bytes.count else { return false }
            bytes.copyBytes(from: path.utf8)
            return true
        }
        guard isShort else { throw Failure(description: "\(path) is too long for a socket") }
        let socket = socket(AF_UNIX, CInt(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Failure(description: "cannot make a socket: \(systemError())") }
        let bind = { () throws(StateDirectory.Failure) -> Bool in
            unlink(path)
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            // For those whom the folder belongs to, and nobody else.
            if result == 0 { chmod(path, 0o660) }
            return result == 0
        }
        guard (try? directory?.asOwner(bind) ?? bind()) ?? false else {
            let failure = Failure(description: "cannot make \(path): \(systemError())")
            close(socket)
            throw failure
        }
        return socket
    }

    /// Of what is at the path; `nil` if nothing is.
    static func inode(_ path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
