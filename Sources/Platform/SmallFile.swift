import Glibc

/// Returns the first 4096 bytes of a file, such as a file in /proc, whose size is not known before it is read; `nil` if
/// it cannot be read or is empty.
public func contents(ofSmallFile path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    return count > 0 ? Array(bytes[..<count]) : nil
}
