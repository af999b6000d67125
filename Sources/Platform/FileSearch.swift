import CLinux
import Glibc

/// Whether a regular file contains the bytes of `text`; `nil` if it cannot be read or is empty.
public func file(at path: String, contains text: String) -> Bool? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0,
        let start = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED
    else { return nil }
    defer { munmap(start, Int(status.st_size)) }
    return memmem(start, Int(status.st_size), text, text.utf8.count) != nil
}
