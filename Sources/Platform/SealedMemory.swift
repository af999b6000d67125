import CLinux
import Glibc

/// Memory that processes share: a file without name (memfd_create(2)), which nobody can change once it is sealed. Processes of
/// the same program and user find it among each other's open files, and it is gone with the last of them.
public enum SealedMemory {
    private static let seals = CInt(seal_seal | seal_shrink | seal_grow | seal_write)

    /// An empty file, to be filled and then sealed; the caller is to close it.
    ///
    /// - Returns: -1 if there is none to be had; errno says why.
    public static func make(_ name: String) -> CInt { memfd_create(name, UInt32(memfd_cloexec | memfd_allow_sealing)) }

    /// Lets nobody change any more what a file holds, so that others can trust it. False if that is not possible.
    public static func seal(_ descriptor: CInt) -> Bool { fcntl(descriptor, CInt(fcntl_add_seals), seals) == 0 }

    /// What processes of this program and user, this one too, have sealed under that name. The caller is to close it.
    ///
    /// - Parameter limit: how many are wanted at most.
    public static func found(named name: String, limit: Int = .max) -> [CInt] {
        guard let program = identity(of: "/proc/self/exe") else { return [] }
        var found: [CInt] = []
        var known: Set<[UInt]> = []
        for process in names(in: "/proc") where Int(process) != nil {
            guard let other = identity(of: "/proc/\(process)/exe"), other == program else { continue }
            for file in names(in: "/proc/\(process)/fd") {
                let path = "/proc/\(process)/fd/\(file)"
                guard isLink(path, to: "/memfd:\(name) (deleted)"), let file = identity(of: path), !known.contains(file)
                else { continue }
                let descriptor = open(path, O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { continue }
                // Without the seals it is not ready, or not what it seems.
                guard fcntl(descriptor, CInt(fcntl_get_seals)) == seals else {
                    close(descriptor)
                    continue
                }
                known.insert(file)
                found.append(descriptor)
                if found.count == limit { return found }
            }
        }
        return found
    }

    /// What is another for another file; `nil` if there is none, or nothing may be known of it.
    private static func identity(of path: String) -> [UInt]? {
        var status = stat()
        return stat(path, &status) == 0 ? [UInt(status.st_dev), UInt(status.st_ino)] : nil
    }

    private static func isLink(_ path: String, to target: String) -> Bool {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = bytes.withUnsafeMutableBytes {
            readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        return count >= 0 && bytes[..<count].elementsEqual(target.utf8)
    }

    private static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(cString: $0.bindMemory(to: CChar.self).baseAddress!)
                })
        }
        return names
    }
}
