import CLinux
import Glibc

private let seals = CInt(seal_seal | seal_shrink | seal_grow | seal_write)

/// Lets nobody change any more what a memfd holds, so that other processes can trust it.
func sealMemory(_ descriptor: CInt) { _ = fcntl(descriptor, CInt(fcntl_add_seals), seals) }

/// A memfd of that name which a process of this program and user has open and has sealed; `nil` if there is none. The caller is to
/// close it.
func sealedMemory(named name: String) -> CInt? {
    guard let program = identity(of: "/proc/self/exe") else { return nil }
    for process in names(in: "/proc") where Int(process) != nil {
        guard let other = identity(of: "/proc/\(process)/exe"), other == program else { continue }
        for file in names(in: "/proc/\(process)/fd") {
            let path = "/proc/\(process)/fd/\(file)"
            guard isLink(path, to: "/memfd:\(name) (deleted)") else { continue }
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if fcntl(descriptor, CInt(fcntl_get_seals)) == seals { return descriptor }
            close(descriptor)
        }
    }
    return nil
}

/// What is another for another file; `nil` if there is none, or nothing may be known of it.
private func identity(of path: String) -> [UInt]? {
    var status = stat()
    return stat(path, &status) == 0 ? [UInt(status.st_dev), UInt(status.st_ino)] : nil
}

private func isLink(_ path: String, to target: String) -> Bool {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = bytes.withUnsafeMutableBytes { readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count) }
    return count >= 0 && bytes[..<count].elementsEqual(target.utf8)
}

private func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        names.append(
            withUnsafeBytes(of: &entry.pointee.d_name) { String(cString: $0.bindMemory(to: CChar.self).baseAddress!) })
    }
    return names
}
