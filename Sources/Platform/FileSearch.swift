import CLinux
import Glibc

/// Whether a regular file has the bytes of `word` in it; `nil` if it cannot be read.
public func file(at path: String, contains word: String) -> Bool? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0,
        let start = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED
    else { return nil }
    defer { munmap(start, Int(status.st_size)) }
    return memmem(start, Int(status.st_size), word, word.utf8.count) != nil
}
