import Glibc
import Platform

/// Files for inputs.
enum Scratch {
    /// The root of the sources.
    static let project: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Replaces the content of an open file.
    static func fill(_ descriptor: CInt, _ bytes: [UInt8]) {
        ftruncate(descriptor, off_t(bytes.count))
        require(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, "no room for a file")
        lseek(descriptor, 0, SEEK_SET)
    }
}

/// A file that can be opened by its path, in a folder that is removed at the end of the process.
struct ScratchFile {
    private static let folder: String = {
        // Files in memory are faster.
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var folder = Array("\(parent)/geopipe-fuzz-XXXXXX".utf8CString)
        require(mkdtemp(&folder) != nil, "no folder can be made in \(parent)")
        atexit { ScratchFile.removeFolder() }
        return String(decoding: folder.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()
    nonisolated(unsafe) private static var paths: [String] = []

    let descriptor: CInt
    let path: String

    /// Its folder.
    var folder: String { Self.folder }

    /// - Parameter name: the end of its name, which begins with a number.
    init(_ name: String, _ text: String = "") {
        self.init(named: "\(Self.paths.count)-\(name)")
        write(Array(text.utf8))
    }

    /// An empty file of that exact name.
    init(named name: String) {
        path = "\(Self.folder)/\(name)"
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        require(descriptor >= 0, "cannot write \(path)")
        Self.paths.append(path)
    }

    /// Replaces its content.
    func write(_ bytes: [UInt8]) { Scratch.fill(descriptor, bytes) }

    private static func removeFolder() {
        for path in paths { unlink(path) }
        rmdir(folder)
    }
}

extension [UInt8] {
    /// Selects some inputs for slow work: always the same ones.
    func isChosen(oneIn count: UInt64) -> Bool {
        // FNV-1a; its lowest bits do not depend on the higher bits of the bytes.
        reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } >> 32 % count == 0
    }
}
