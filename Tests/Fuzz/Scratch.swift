import Glibc

/// Files that inputs are written to, in the folder that the environment names.
enum Scratch {
    static let folder = getenv("FUZZ_FOLDER").map { String(cString: $0) } ?? "/tmp"

    /// The root of the sources.
    static let project: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Writes a file in the place of what it had.
    ///
    /// - Returns: its path.
    @discardableResult
    static func write(_ bytes: some Collection<UInt8>, to name: String) -> String {
        let path = "\(folder)/\(name)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        require(descriptor >= 0, "cannot write \(path)")
        fill(descriptor, bytes)
        close(descriptor)
        return path
    }

    /// Gives an open file another content.
    static func fill(_ descriptor: CInt, _ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        ftruncate(descriptor, off_t(bytes.count))
        require(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, "no room for a file")
        lseek(descriptor, 0, SEEK_SET)
    }
}
