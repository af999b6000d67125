import Glibc
import Synchronization

/// Counters by position. One thread counts; any other may read meanwhile, and none ever waits.
///
/// There may be many millions: memory is taken for those that are used, a page at a time, and a reader finds these without
/// going through all.
public final class CounterTable: Sendable {
    /// How many counters there are.
    public let count: Int
    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer?
    private nonisolated(unsafe) let counters: UnsafeMutablePointer<Atomic<Int>>
    /// The positions of counters in the order in which they were used first.
    private nonisolated(unsafe) let used: UnsafeMutablePointer<Atomic<UInt32>>
    private let countOfUsed = Atomic<Int>(0)

    /// Counters that are all 0.
    ///
    /// - Parameter count: at most 2^32. Without the address space for them there are none.
    public init(count: Int) {
        let size = count * (MemoryLayout<Atomic<Int>>.stride + MemoryLayout<Atomic<UInt32>>.stride)
        let memory = size > 0 ? mmap(nil, size, PROT_READ | PROT_WRITE, mapFlags, -1, 0) : MAP_FAILED
        guard let memory, memory != MAP_FAILED else {
            self.count = 0
            self.memory = nil
            // Never read, since there is no position.
            counters = UnsafeMutablePointer(bitPattern: MemoryLayout<Atomic<Int>>.alignment)!
            used = UnsafeMutablePointer(bitPattern: MemoryLayout<Atomic<UInt32>>.alignment)!
            return
        }
        // One counter is not to take 2 MiB.
        madvise(memory, size, CInt(MADV_NOHUGEPAGE))
        self.count = count
        self.memory = memory
        counters = memory.bindMemory(to: Atomic<Int>.self, capacity: count)
        used = (memory + count * MemoryLayout<Atomic<Int>>.stride)
            .bindMemory(to: Atomic<UInt32>.self, capacity: count)
    }

    deinit {
        if let memory {
            munmap(memory, count * (MemoryLayout<Atomic<Int>>.stride + MemoryLayout<Atomic<UInt32>>.stride))
        }
    }

    /// Adds to a counter; to none for a position that there is not. Only one thread may do this.
    @inline(__always)
    public func add(_ number: Int, at position: Int) {
        guard position >= 0, position < count else { return }
        let value = counters[position].load(ordering: .relaxed)
        if value == 0, number > 0 { noteUse(of: position) }
        counters[position].store(value &+ number, ordering: .relaxed)
    }

    @inline(never)
    private func noteUse(of position: Int) {
        let end = countOfUsed.load(ordering: .relaxed)
        used[end].store(UInt32(truncatingIfNeeded: position), ordering: .relaxed)
        countOfUsed.store(end + 1, ordering: .releasing)
    }

    /// The positions of the counters that are not 0, in the order in which they came to be so: what was there stays in its place.
    public func forEachUsed(_ body: (_ order: Int, _ position: Int, _ value: Int) -> Void) {
        for order in 0..<countOfUsed.load(ordering: .acquiring) {
            let position = Int(used[order].load(ordering: .relaxed))
            body(order, position, counters[position].load(ordering: .relaxed))
        }
    }

    public subscript(position: Int) -> Int {
        position >= 0 && position < count ? counters[position].load(ordering: .relaxed) : 0
    }
}

private let mapFlags = CInt(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
