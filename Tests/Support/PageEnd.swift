import Glibc

/// Calls `body` with bytes that end where readable memory ends, so that reading past them is a fault.
package func withBytesAtPageEnd<R, E: Error>(_ bytes: [UInt8], _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    let page = Int(sysconf(CInt(_SC_PAGESIZE)))
    let length = (bytes.count / page + 1) * page
    let memory = mmap(nil, length + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    precondition(memory != MAP_FAILED && mprotect(memory + length, page, PROT_NONE) == 0)
    defer { munmap(memory, length + page) }
    let place = memory + length - bytes.count
    bytes.withUnsafeBytes { place.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(place), byteCount: bytes.count) }
    let text = UnsafeBufferPointer(start: UnsafePointer(place.assumingMemoryBound(to: UInt8.self)), count: bytes.count)
    return try body(text.span)
}
