import Glibc
import Synchronization

/// Counters by position. One thread counts; other threads may read at the same time, and no thread ever waits.
///
/// There may be many millions of counters: pages are committed only for those that are used, and a reader finds these
/// without reading all.
public final class CounterTable: Sendable {
    public let writer: Writer

    /// The view of the thread that counts, without references; valid as long as the table.
    public struct Writer: @unchecked Sendable {
        /// The number of counters.
        @usableFromInline let count: Int
        @usableFromInline let counters: UnsafeMutablePointer<Atomic<Int>>
        /// The positions of the used counters, in the order of their first use.
        fileprivate let used: UnsafeMutablePointer<Atomic<UInt32>>
        fileprivate let countOfUsed: UnsafeMutablePointer<Atomic<Int>>

        /// Adds to a counter. Ignores positions that are out of range. Only one thread may call this.
        @inlinable @inline(__always)
        public func add(_ number: Int, at position: Int) {
            guard position >= 0, position < count else { return }
            let value = counters[position].load(ordering: .relaxed)
            if value == 0, number > 0 { noteUse(of: position) }
            counters[position].store(value &+ number, ordering: .relaxed)
        }

        @inline(never) @usableFromInline
        func noteUse(of position: Int) {
            let end = countOfUsed.pointee.load(ordering: .relaxed)
            used[end].store(UInt32(truncatingIfNeeded: position), ordering: .relaxed)
            countOfUsed.pointee.store(end + 1, ordering: .releasing)
        }

        /// Returns the number of bytes for a number of counters and their positions.
        fileprivate static func size(_ count: Int) -> Int {
            (count + 1) * MemoryLayout<Atomic<Int>>.stride + count * MemoryLayout<Atomic<UInt32>>.stride
        }

        fileprivate init(_ memory: UnsafeMutableRawPointer, count: Int) {
            self.count = count
            countOfUsed = memory.bindMemory(to: Atomic<Int>.self, capacity: 1)
            let first = memory + MemoryLayout<Atomic<Int>>.stride
            counters = first.bindMemory(to: Atomic<Int>.self, capacity: count)
            used = (first + count * MemoryLayout<Atomic<Int>>.stride)
                .bindMemory(to: Atomic<UInt32>.self, capacity: count)
        }
    }

    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer
    private let size: Int

    /// Makes counters that are all 0.
    ///
    /// - Parameter count: at most 2^32. If there is no address space for them, the table has no counters.
    public init(count: Int) {
        let size = Writer.size(count)
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, mapFlags, -1, 0)
        if let memory, memory != MAP_FAILED {
            // Without huge pages, so that a single counter does not take 2 MiB.
            madvise(memory, size, CInt(MADV_NOHUGEPAGE))
            self.memory = memory
            self.size = size
            writer = Writer(memory, count: count)
        } else {
            self.memory = .allocate(byteCount: Writer.size(0), alignment: MemoryLayout<Atomic<Int>>.alignment)
            self.memory.initializeMemory(as: UInt8.self, repeating: 0, count: Writer.size(0))
            self.size = 0
            writer = Writer(self.memory, count: 0)
        }
    }

    deinit { if size > 0 { munmap(memory, size) } else { memory.deallocate() } }

    /// The number of counters.
    public var count: Int { writer.count }

    /// Adds to a counter, as `Writer.add` does.
    public func add(_ number: Int, at position: Int) { writer.add(number, at: position) }

    /// Calls `body` for each counter that is not 0, in the order of first use, which never changes.
    public func forEachUsed(_ body: (_ order: Int, _ position: Int, _ value: Int) -> Void) {
        for order in 0..<writer.countOfUsed.pointee.load(ordering: .acquiring) {
            let position = Int(writer.used[order].load(ordering: .relaxed))
            body(order, position, writer.counters[position].load(ordering: .relaxed))
        }
    }
}

private let mapFlags = CInt(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
