import Glibc
import Platform

/// Returns an identity of a file's content, regardless of its other attributes; `none` if it cannot be read.
package func contentIdentity(ofFile path: String) -> String {
    contentHash(ofFile: path).map { String($0, radix: 16) } ?? "none"
}

/// Returns a hash of a file's content; `nil` if it cannot be read.
package func contentHash(ofFile path: String) -> UInt64? {
    let descriptor = openRegularFile(path)
    guard descriptor >= 0 else { return nil }
    guard let file = fdopen(descriptor, "r") else {
        close(descriptor)
        return nil
    }
    defer { fclose(file) }
    // FNV-1a over 64-bit words: a database of 60 MB takes 20 ms.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    let words = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: 1 << 16)
    defer { words.deallocate() }
    while true {
        words.update(repeating: 0)
        let count = fread(words.baseAddress!, 1, words.count * 8, file)
        guard count > 0 else { break }
        for word in words[..<((count + 7) / 8)] {
            hash = (hash ^ word) &* 0x100_0000_01b3
            hash ^= hash >> 29
        }
        hash = (hash ^ UInt64(count)) &* 0x100_0000_01b3
    }
    return ferror(file) == 0 ? hash : nil
}
