import Platform

/// Ranges as a trie that takes 16 bits of the address at a time, laid out for looking up.
///
/// A node has the ranges of one block of addresses by their next 16 bits; where a range begins or ends farther in, a child
/// has the ranges of that part. So each range takes four bytes, as in DXR, whatever the family.
struct StrideTable<Address: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    /// Where each entry of a node begins, by the node's 16 bits; the first begins at 0. In front of the entries of a large
    /// node is an index: by the first bits, from which entry on to search.
    private var starts: [UInt16] = []
    /// For each entry its value, or, from `valueCount` on, the number of its child. One of these is used: the wide one if
    /// there are too many for the narrow one.
    private var narrow: [UInt16] = []
    private var wide: [UInt32] = []
    private let valueCount: UInt32
    /// Where each node begins in `starts`; it ends where the next one begins.
    private var nodes: [UInt32] = [0]
    private var shapes: [Shape] = []
    private var root = 0

    private struct Shape {
        /// How many bits the node's first address shares with the address before its range, if that is outside the node.
        var left: UInt8
        /// How many bits the node's last address shares with the address behind its range, if that is outside the node.
        var right: UInt8
        /// What the node's 16 bits are shifted by for its index; 16 if it has none.
        var indexShift: UInt8
    }

    /// A node of more entries has an index.
    private static var fewEntries: Int { 64 }

    /// Lays out ranges whose values are below `valueCount`.
    init(_ ranges: AddressRanges<Address>, valueCount: UInt32) {
        self.valueCount = valueCount
        root = addNode(ranges, 0...(ranges.starts.count - 1), first: 0, level: 0)
        if Int(valueCount) + shapes.count <= 1 << 16 {
            narrow = wide.map { UInt16($0) }
            wide = []
        }
    }

    /// Lays out the block of addresses from `first` on that share their first `level` bits.
    ///
    /// - Parameter block: the ranges that have addresses in it.
    /// - Returns: the number of the node.
    private mutating func addNode(
        _ ranges: AddressRanges<Address>, _ block: ClosedRange<Int>, first: Address, level: Int
    ) -> Int {
        let shift = Address(Address.bitWidth - 16 - level)
        let pieceMask: Address = (1 << shift) &- 1
        func last(_ range: Int) -> Address { range + 1 < ranges.starts.count ? ranges.starts[range + 1] - 1 : .max }

        giveWay(at: shapes.count)
        var entries: [(start: UInt16, value: UInt32)] = []
        var range = block.lowerBound
        var piece = 0
        while piece < 1 << 16 {
            let pieceFirst = first | Address(piece) << shift
            let pieceLast = pieceFirst | pieceMask
            while last(range) < pieceFirst { range += 1 }
            if last(range) >= pieceLast {
                entries.append((UInt16(piece), ranges.values[range]))
                // On to the first piece that is not wholly in the range.
                let blockLast = first | (Address.max >> Address(level))
                guard last(range) < blockLast else { break }
                piece = Int(truncatingIfNeeded: (last(range) + 1 - first) >> shift)
            } else {
                let inside = range
                while last(range) < pieceLast { range += 1 }
                let child = addNode(ranges, inside...range, first: pieceFirst, level: level + 16)
                entries.append((UInt16(piece), valueCount + UInt32(child)))
                piece += 1
            }
        }

        let indexBits = entries.count > Self.fewEntries ? Int.bitWidth - (entries.count - 1).leadingZeroBitCount : 0
        if indexBits > 0 {
            var entry = 0
            for slot in 0..<(1 << indexBits) {
                while entry + 1 < entries.count, Int(entries[entry + 1].start) <= slot << (16 - indexBits) {
                    entry += 1
                }
                starts.append(UInt16(entry))
                wide.append(0)
            }
        }
        for entry in entries {
            starts.append(entry.start)
            wide.append(entry.value)
        }
        let (before, behind) = (ranges.starts[block.lowerBound], last(block.upperBound))
        let blockLast = first | (level == 0 ? .max : .max >> Address(level))
        shapes.append(
            Shape(
                left: before == 0 ? 0 : UInt8((first ^ (before - 1)).leadingZeroBitCount),
                right: behind == .max ? 0 : UInt8((blockLast ^ (behind + 1)).leadingZeroBitCount),
                indexShift: UInt8(16 - indexBits)))
        nodes.append(UInt32(starts.count))
        return shapes.count - 1
    }

    /// The value of an address, and the length of the widest prefix around it that lies in its range, at least 1.
    func lookup(_ address: Address) -> (list: UInt32, scope: UInt8) {
        let (starts, nodes, shapes) = (starts.span, nodes.span, shapes.span)
        let (narrow, wide) = (narrow.span, wide.span)
        var node = root
        var level = 0
        while true {
            let piece = UInt16(
                truncatingIfNeeded: address &>> Address(truncatingIfNeeded: Address.bitWidth &- 16 &- level))
            let shape = shapes[unchecked: node]
            var first = Int(nodes[unchecked: node])
            let last = Int(nodes[unchecked: node &+ 1]) &- 1
            var entry = first
            var count = last &- first &+ 1
            if shape.indexShift < 16 {
                let slot = first &+ Int(piece &>> UInt16(shape.indexShift))
                first &+= 1 &<< (16 &- Int(shape.indexShift))
                entry = first &+ Int(starts[unchecked: slot])
                let end = slot &+ 1 < first ? first &+ Int(starts[unchecked: slot &+ 1]) : last
                count = end &- entry &+ 1
            }
            // The entry is the last that begins at or before the address. Which half it is in cannot be foreseen, so that a
            // sign's bits, which need no branch, choose it.
            while count > 1 {
                let half = count &>> 1
                let isBefore = (Int(piece) &- Int(starts[unchecked: entry &+ half])) &>> 63
                entry &+= half & ~isBefore
                count &-= half
            }
            let value = narrow.isEmpty ? wide[unchecked: entry] : UInt32(narrow[unchecked: entry])
            guard value < valueCount else {
                node = Int(value &- valueCount)
                level &+= 16
                continue
            }
            let left =
                entry == first
                ? Int(shape.left)
                : level &+ (piece ^ (starts[unchecked: entry] &- 1)).leadingZeroBitCount
            let right =
                entry == last
                ? Int(shape.right) : level &+ (piece ^ starts[unchecked: entry &+ 1]).leadingZeroBitCount
            return (value, UInt8(truncatingIfNeeded: max(left, right) &+ 1))
        }
    }

    /// The number of bytes that the table takes.
    var byteCount: Int {
        starts.count * 2 + narrow.count * 2 + wide.count * 4 + nodes.count * 4 + shapes.count
            * MemoryLayout<Shape>.stride
    }
}
