/// Numbers for the records that a search tree leads to, in the order of the file: a bitmap of where they begin, and how many there
/// are before each part of it. It takes a quarter of the data section, whatever is in it.
struct RecordIndex {
    private var parts: [Part]
    /// The number of records.
    private(set) var count = 0

    private struct Part {
        /// Where records begin in 64 bytes of the data section.
        var starts: UInt64 = 0
        /// The number of records before.
        var before: UInt32 = 0
    }

    init(_ tree: SearchTree) {
        parts = Array(repeating: Part(), count: Int(tree.dataCount >> 6) + 1)
        parts.withUnsafeMutableBufferPointer { parts in
            tree.forEachDataOffset { parts[Int($0 >> 6)].starts |= 1 << UInt64($0 & 63) }
            for i in parts.indices {
                parts[i].before = UInt32(count)
                count += parts[i].starts.nonzeroBitCount
            }
        }
    }

    /// The number, below `count`, of the record at an offset that the tree leads to.
    @inline(__always)
    func number(of offset: UInt32) -> Int {
        let part = parts[Int(offset >> 6)]
        return Int(part.before) + (part.starts & (1 << UInt64(offset & 63) - 1)).nonzeroBitCount
    }
}
