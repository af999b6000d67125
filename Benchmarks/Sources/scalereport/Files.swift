import Glibc

struct FileFault: Error, CustomStringConvertible {
    let description: String

    init(_ path: String, _ what: String) { description = "\(path): \(what): \(String(cString: strerror(errno)))" }
}

/// Returns the text of a file; `nil` if there is none.
func text(of path: String) throws -> String? {
    guard let file = fopen(path, "r") else {
        if errno == ENOENT { return nil }
        throw FileFault(path, "cannot be read")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&part, 1, part.count, file), count > 0 { bytes += part[..<count] }
    guard ferror(file) == 0 else { throw FileFault(path, "cannot be read") }
    return String(decoding: bytes, as: UTF8.self)
}

/// Writes a file, and replaces an existing one with a rename.
func write(_ text: String, to path: String) throws {
    let new = path + ".new"
    guard let file = fopen(new, "w") else { throw FileFault(new, "cannot be written") }
    var copy = text
    let written = copy.withUTF8 { fwrite($0.baseAddress, 1, $0.count, file) }
    guard fclose(file) == 0, written == text.utf8.count, rename(new, path) == 0 else {
        throw FileFault(path, "cannot be written")
    }
}
