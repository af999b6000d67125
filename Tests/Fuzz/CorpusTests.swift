import Glibc
import Testing

/// The initial inputs of `make fuzz`, with each input that has found a bug.
@Suite("Kept inputs", .serialized)
struct CorpusTests {
    @Test("are read without harm", arguments: targets.keys.sorted())
    func harmless(name: String) throws {
        let files = try #require(FolderEntries(Scratch.project + "/Tests/Fuzz/corpus/\(name)"))
        #expect(!files.paths.isEmpty)
        let target = try #require(targets[name]).type.init()
        for path in files.paths { target.run(try #require(contents(of: path))) }
    }
}

/// The files of a folder.
private struct FolderEntries {
    var paths: [String] = []

    init?(_ folder: String) {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { paths.append("\(folder)/\(name)") }
        }
    }
}

private func contents(of path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = read(descriptor, &bytes, bytes.count)
    return count >= 0 ? Array(bytes[..<count]) : nil
}
