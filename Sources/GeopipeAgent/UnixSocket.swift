import Glibc
import Platform
import State

/// A Unix socket in a folder, for programs of this machine with the right to open it.
enum UnixSocket {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Creates a socket at a path, for its owner and group (mode 0660). Replaces an existing socket; anything else at
    /// the path is an error.
    ///
    /// - Parameters:
    ///   - type: `SOCK_DGRAM` or `SOCK_STREAM`.
    ///   - directory: the folder of the path, whose owner gets the socket; `nil` for the user of this process.
    /// - Returns: its descriptor, which the caller closes.
    static func bind(
        _ type: __socket_type, at path: String, in directory: StateDirectory?
    ) throws(Failure) -> CInt {
        guard let address = sockaddr_un(path: path) else {
            throw Failure(description: "\(path) is too long for a socket")
        }
        let socket = socket(AF_UNIX, CInt(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Failure(description: "cannot make a socket: \(systemError())") }
        var isOther = false
        let bind = { () throws(StateDirectory.Failure) -> Bool in
            isOther = isTakenByOther(path)
            guard !isOther else { return false }
            unlink(path)
            let result = address.withSocketAddress { Glibc.bind(socket, $0, $1) }
            // Accessible to the owner and group of the folder only.
            if result == 0 { chmod(path, 0o660) }
            return result == 0
        }
        guard (try? directory?.asOwner(bind) ?? bind()) ?? false else {
            let reason =
                isOther ? "something other than a socket is there; remove it, or choose another path" : systemError()
            let failure = Failure(description: "cannot make \(path): \(reason)")
            close(socket)
            throw failure
        }
        return socket
    }

    /// Returns whether something other than a socket is at a path.
    private static func isTakenByOther(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFSOCK
    }

    /// Says why a stream socket needs another path; `nil` if nothing is at the path, or a socket without a listener.
    static func reasonAgainst(_ path: String) -> String? {
        if isTakenByOther(path) { return "something other than a socket is there" }
        let socket = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(socket) }
        guard let address = sockaddr_un(path: path) else { return "the path is too long for a socket" }
        let result = address.withSocketAddress { connect(socket, $0, $1) }
        switch result == 0 ? 0 : errno {
        case ECONNREFUSED, ENOENT: return nil
        // A socket whose queue is full has a listener, too, and so does a datagram socket.
        case 0, EAGAIN, EPROTOTYPE: return "another program listens there"
        default: return systemError()
        }
    }

    /// Returns the inode at the path; `nil` if there is none.
    static func inode(_ path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
