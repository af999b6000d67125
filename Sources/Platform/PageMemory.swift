import CLinux
import Glibc

/// Zeroed memory in whole pages. It grows without being copied, because the kernel moves the pages.
public enum PageMemory {
    /// Allocates at least one page. Ends the program if there is no memory.
    public static func allocate(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        let length = rounded(byteCount)
        let start = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
        return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    }

    /// Grows memory, and moves it if necessary. The new bytes are zero. Ends the program if there is no memory.
    static func grow(_ memory: UnsafeMutableRawBufferPointer, to byteCount: Int) -> UnsafeMutableRawBufferPointer {
        let length = rounded(byteCount)
        let start = grow_mapping(memory.baseAddress!, rounded(memory.count), length)
        guard let start, start != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
        // Fewer and larger pages are faster to allocate.
        if length >= 4 << 20, coresToUse > 1 { _ = madvise(start, length, CInt(MADV_HUGEPAGE)) }
        return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    }

    /// Reserves address space for `count` elements; pages are committed on first use. Asks for huge pages, which are
    /// faster to allocate.
    public static func reserve<Element: BitwiseCopyable>(_ count: Int, in array: inout [Element]) {
        array.reserveCapacity(count)
        let byteCount = array.capacity * MemoryLayout<Element>.stride
        guard byteCount >= 4 << 20 else { return }
        array.withUnsafeMutableBytes { elements in
            guard let start = elements.baseAddress else { return }
            let page = Int(getpagesize())
            let first = (Int(bitPattern: start) + page - 1) / page * page
            let end = (Int(bitPattern: start) + byteCount) / page * page
            // The kernel clears a huge page without a pause while others wait for the core, so a process of low
            // priority does without.
            if coresToUse > 1 {
                _ = madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, CInt(MADV_HUGEPAGE))
            }
        }
    }

    /// Frees memory that `allocate` or `grow` returned.
    public static func free(_ memory: UnsafeMutableRawBufferPointer) {
        munmap(memory.baseAddress!, rounded(memory.count))
    }

    /// Frees the pages after the first `byteCount` bytes.
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
