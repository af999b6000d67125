import Glibc
import Platform
import State

/// A socket in a folder, for the programs of this machine that may open it.
enum UnixSocket {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Makes a socket at a path that its owner and group may use (mode 0660). One that is there is replaced; anything else stays, and
    /// is the reason of a failure.
    ///
    /// - Parameters:
    ///   - type: `SOCK_DGRAM` or `SOCK_STREAM`.
    ///   - directory: the folder that the path is in, whose owner gets the socket; `nil` for the user of this process.
    /// - Returns: its descriptor, for the caller to close.
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
            // For those whom the folder belongs to, and no others.
            if result == 0 { chmod(path, 0o660) }
            return result == 0
        }
        guard (try? directory?.asOwner(bind) ?? bind()) ?? false else {
            let reason =
                isOther ? "something is there that is no socket; remove it, or choose another path" : systemError()
            let failure = Failure(description: "cannot make \(path): \(reason)")
            close(socket)
            throw failure
        }
        return socket
    }

    /// Whether anything but a socket is at a path.
    private static func isTakenByOther(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFSOCK
    }

    /// Why a person must choose another path for a stream socket; `nil` if nothing is at the path, or a socket at which nothing listens.
    static func reasonAgainst(_ path: String) -> String? {
        if isTakenByOther(path) { return "something is there that is no socket" }
        let socket = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(socket) }
        guard let address = sockaddr_un(path: path) else { return "the path is too long for a socket" }
        let result = address.withSocketAddress { connect(socket, $0, $1) }
        switch result == 0 ? 0 : errno {
        case ECONNREFUSED, ENOENT: return nil
        // One whose queue is full has a listener, too, and so has one of datagrams.
        case 0, EAGAIN, EPROTOTYPE: return "another program listens there"
        default: return systemError()
        }
    }

    /// The inode at the path; `nil` if nothing is there.
    static func inode(_ path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
