import Glibc

/// The result of `openRegularFile` if the path leads to something else than a regular file.
public let notRegularFile: CInt = -2

/// Opens a regular file for reading, and nothing else. A FIFO would wait for a writer, and a device may act when it is opened, such
/// as a watchdog: a path that another user can change must lead to neither.
///
/// - Returns: a descriptor for the caller to close; -1 with a reason in `errno`, or `notRegularFile`.
public func openRegularFile(_ path: String) -> CInt {
    // O_PATH, which finds a file and does not open it: open(2).
    let place = open(path, 0o10_000_000 | O_CLOEXEC)
    guard place >= 0 else { return -1 }
    defer {
        let reason = errno
        close(place)
        errno = reason
    }
    var status = stat()
    guard fstat(place, &status) == 0 else { return -1 }
    guard status.st_mode & S_IFMT == S_IFREG else { return notRegularFile }
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let descriptor = open("/proc/self/fd/\(place)", flags)
    // Without /proc, what is at the path may have changed since.
    return descriptor < 0 && errno == ENOENT ? open(path, flags) : descriptor
}
