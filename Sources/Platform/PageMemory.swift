import CLinux
import Glibc

/// Zeroed memory in whole pages, which grows without being copied: the kernel moves its pages.
public enum PageMemory {
    /// At least one page. Ends the program if there is no memory.
    public static func allocate(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        let length = rounded(byteCount)
        let start = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
        return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    }

    /// The same memory with more bytes, perhaps elsewhere. Those that are new are zero.
    static func grow(_ memory: UnsafeMutableRawBufferPointer, to byteCount: Int) -> UnsafeMutableRawBufferPointer {
        let length = rounded(byteCount)
        let start = grow_mapping(memory.baseAddress!, rounded(memory.count), length)
        guard let start, start != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
        // Fewer and larger pages take less time to get.
        if length >= 4 << 20 { _ = madvise(start, length, CInt(MADV_HUGEPAGE)) }
        return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    }

    /// Gives memory back to the kernel.
    public static func free(_ memory: UnsafeMutableRawBufferPointer) {
        munmap(memory.baseAddress!, rounded(memory.count))
    }

    /// Gives the pages back that lie after the first `byteCount` bytes.
    static func free(rest memory: UnsafeMutableRawBufferPointer, after byteCount: Int) {
        let kept = rounded(byteCount)
        let length = rounded(memory.count)
        if kept < length { munmap(memory.baseAddress! + kept, length - kept) }
    }

    private static func rounded(_ byteCount: Int) -> Int {
        let page = Int(getpagesize())
        return (max(byteCount, 1) + page - 1) / page * page
    }
}
