import Platform

/// Numbers records in the order of the file, by a bitmap of their offsets with a rank table. It takes three eighths of
/// the size of the data section for any content.
struct RecordIndex {
    /// A bit for each byte of the data section, set if a record begins there.
    private var starts: [UInt64]
    /// For each 32 bytes of the data section: their bits of `starts` in the lower half, and the number of records
    /// before them in the upper half. A look-up reads one element. Empty until `number` is called.
    private var parts: [UInt64] = []

    /// Makes an empty index.
    ///
    /// - Parameter dataCount: the length of the data section in bytes.
    init(dataCount: UInt32) { starts = Array(repeating: 0, count: Int(dataCount >> 6) + 1) }

    /// Inserts the records that a tree points to.
    mutating func insert(
        _ records: UnsafeBufferPointer<UInt32>, of tree: SearchTree
    ) throws(DataSection.Malformed) {
        let areInside = starts.withUnsafeMutableBufferPointer { starts in
            for record in records where record != tree.count {
                let offset = tree.offset(ofRecord: record)
                guard offset < UInt64(tree.dataCount) else { return false }
                starts[Int(truncatingIfNeeded: offset &>> 6)] |= 1 &<< (offset & 63)
            }
            return true
        }
        guard areInside else { throw SearchTree.leadsOutside }
    }

    /// Numbers the records.
    ///
    /// - Returns: the number of records.
    mutating func number() -> Int {
        var count = 0
        PageMemory.reserve(2 * starts.count, in: &parts)
        for word in starts {
            for part in 0..<UInt64(2) {
                let half = word >> (32 * part) & 0xffff_ffff
                parts.append(UInt64(count) << 32 | half)
                count += half.nonzeroBitCount
            }
        }
        return count
    }

    /// Calls `body` with the offset of each record in the order of the file, as long as it returns true.
    @inline(__always)
    func forEach(_ body: (_ offset: UInt32) throws(DataSection.Malformed) -> Bool) throws(DataSection.Malformed) {
        for (position, word) in starts.enumerated() {
            var word = word
            while word != 0 {
                guard try body(UInt32(position << 6 + word.trailingZeroBitCount)) else { return }
                word &= word &- 1
            }
        }
    }

    /// Calls `body` with a function that returns the number of a record by its offset. The record must have been
    /// inserted.
    @inline(__always)
    func withNumbers<Result>(_ body: ((_ offset: UInt64) -> Int) -> Result) -> Result {
        parts.withUnsafeBufferPointer { parts in
            body { offset in
                let part = parts[Int(truncatingIfNeeded: offset &>> 5)]
                let below = UInt32(truncatingIfNeeded: part) & (1 &<< UInt32(truncatingIfNeeded: offset & 31) &- 1)
                return Int(truncatingIfNeeded: part &>> 32) &+ below.nonzeroBitCount
            }
        }
    }
}
