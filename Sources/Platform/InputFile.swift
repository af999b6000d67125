import CLinux
import Glibc

/// Opens a file or a pipe for reading, without waiting: a FIFO without a writer would block the caller for ever.
///
/// - Returns: a descriptor for the caller to close, which `readFirst` must read first; -1 with a reason in `errno`.
public func openInput(_ path: String) -> CInt { open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }

/// Reads the first bytes of what `openInput` opened. Afterwards reads wait, as usual.
///
/// - Parameter patience: how long a pipe may have no writer, in milliseconds.
/// - Returns: the number of bytes, 0 for an empty file; -1 with a reason in `errno`: ETIMEDOUT if no process has
///   written to a pipe, or has it open for writing.
public func readFirst(_ descriptor: CInt, into bytes: inout [UInt8], patience: Int = 5_000) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return -1 }
    let isPipe = status.st_mode & S_IFMT == S_IFIFO
    let end = milliseconds() + patience
    var hasWriter = false
    while true {
        let count = read(descriptor, &bytes, bytes.count)
        if count < 0, errno == EINTR { continue }
        if count == 0, isPipe, !hasWriter {
            guard milliseconds() < end else {
                errno = ETIMEDOUT
                return -1
            }
            usleep(20_000)
            continue
        }
        guard count > 0 || count < 0 && errno == EAGAIN && !hasWriter else { return count }
        hasWriter = true
        let flags = fcntl(descriptor, F_GETFL)
        guard fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0 else { return -1 }
        if count > 0 { return count }
    }
}
