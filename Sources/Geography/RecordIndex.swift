/// Numbers for records, in the order of the file: a bitmap of where they begin, and how many there are before each part of it. It
/// takes a quarter of the data section, whatever is in it.
struct RecordIndex {
    /// Where records begin in the data section: a bit for each byte.
    private var starts: [UInt64]
    /// The number of records before each word of `starts`; empty until `number`.
    private var before: [UInt32] = []

    /// An index without records, for a data section of that length in bytes.
    init(dataCount: UInt32) { starts = Array(repeating: 0, count: Int(dataCount >> 6) + 1) }

    /// Adds the records that a tree leads to.
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
    /// - Returns: how many there are.
    mutating func number() -> Int {
        var count = 0
        before.reserveCapacity(starts.count)
        for word in starts {
            before.append(UInt32(count))
            count += word.nonzeroBitCount
        }
        return count
    }

    /// Calls `body` with the offset of each record, the first of the file first, as long as it returns true.
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

    /// Calls `body` with what finds the number of a record, given its offset. The record was inserted before.
    @inline(__always)
    func withNumbers<Result>(_ body: ((_ offset: UInt64) -> Int) -> Result) -> Result {
        starts.withUnsafeBufferPointer { starts in
            before.withUnsafeBufferPointer { before in
                body { offset in
                    let word = Int(truncatingIfNeeded: offset &>> 6)
                    let below = starts[word] & (1 &<< (offset & 63) &- 1)
                    return Int(truncatingIfNeeded: before[word]) &+ below.nonzeroBitCount
                }
            }
        }
    }
}
