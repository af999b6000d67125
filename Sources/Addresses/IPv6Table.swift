import Platform

/// The IPv6 part of an address table: ranges in blocks, one of which is selected by the first bits of an address.
///
/// There is a block for each /16 of 2000::/3, which is all that is in use on the Internet; one for all other addresses;
/// and one for each split /64, in which a range begins or ends.
@usableFromInline
package struct IPv6Table: Sendable {
    /// The blocks of /16 in ascending order, the block of all other addresses, and those of split /64.
    @usableFromInline let blocks: Column<Block>
    /// The index of each block with several ranges. For each value of the bits after the block's prefix: the last of
    /// the block's ranges that begins at or before the first address with these bits. One more slot marks the end.
    @usableFromInline let slots: Column<UInt32>
    /// The start of each range: 64 bits of its first address, from the end of the block's prefix on. One more element
    /// follows, so that the element after the last range can be read.
    @usableFromInline let starts: Column<UInt64>
    /// The value of each range. A value of `valueCount` marks addresses that are never looked up here; `valueCount + n`
    /// refers to the split /64 of number `n`. Exactly one of the two is in use: `wide` if values do not fit into 16
    /// bits.
    @usableFromInline let narrow: Column<UInt16>
    @usableFromInline let wide: Column<UInt32>
    @usableFromInline let valueCount: UInt32

    @usableFromInline
    struct Block: BitwiseCopyable {
        /// The position of the first range, or the value if the block has only one.
        @usableFromInline var base: UInt32
        /// The number of ranges after the first; 0 if the block has only one value.
        @usableFromInline var further: UInt32
        /// The position of the first slot.
        @usableFromInline var firstSlot: UInt32
        /// The right shift, 48...63, that makes a slot number of the 64 bits after the block's prefix.
        @usableFromInline var shift: UInt16
        /// The scope prefix length, 1...128, if the block has only one value.
        @usableFromInline var scope: UInt16
    }

    /// The number of /16 blocks in 2000::/3.
    @usableFromInline static var blockCount: Int { 1 << 13 }
}

/// Look-ups on a pointer; `AddressTable` explains why.
extension UnsafePointer where Pointee == IPv6Table {
    /// Returns the value of an address, and its scope prefix length, 1...128.
    @inline(never) @usableFromInline
    package func lookup(_ address: UInt128) -> (value: UInt32, scope: UInt8) {
        let high = UInt64(truncatingIfNeeded: address &>> 64)
        let isInUse = high &>> 61 == 1
        let found = search(
            isInUse ? Int(truncatingIfNeeded: high &>> 48 & 0x1fff) : IPv6Table.blockCount,
            isInUse ? high &<< 16 : high,
            level: isInUse ? 16 : 0)
        // `valueCount` itself: an address that is looked up as IPv4, or in a damaged image. Above it: a split /64.
        guard found.value >= pointee.valueCount else { return found }
        guard found.value > pointee.valueCount else { return (0, found.scope) }
        let inside = search(
            IPv6Table.blockCount + Int(truncatingIfNeeded: found.value &- pointee.valueCount),
            UInt64(truncatingIfNeeded: address),
            level: 64)
        return inside.value < pointee.valueCount ? inside : (0, inside.scope)
    }

    /// Finds the last range of a block that begins at or before an address.
    ///
    /// - Parameter key: the 64 bits of the address that follow its first `level` bits.
    @inline(__always)
    private func search(_ number: Int, _ key: UInt64, level: Int) -> (value: UInt32, scope: UInt8) {
        let block = pointee.blocks[number]
        guard block.further > 0 else { return (block.base, UInt8(truncatingIfNeeded: block.scope)) }
        let slot = pointee.slots.start + Int(block.firstSlot) + Int(truncatingIfNeeded: key &>> UInt64(block.shift))
        let first = pointee.starts.start + Int(block.base)
        var range = first + Int(slot[0])
        var count = Int(slot[1] &- slot[0]) &+ 1
        while count > 16 { halve(&range, &count, key) }
        halve(&range, &count, key)
        halve(&range, &count, key)
        halve(&range, &count, key)
        halve(&range, &count, key)
        let (start, next) = (range[0], range[1])
        let position = range - first
        // The bits that differ from the address before the range, and from the one after it. At least one of these two
        // addresses is in the block. The address that shares more bits gives the smaller number.
        let left = start == 0 ? .max : key ^ (start &- 1)
        let right = position == Int(block.further) ? .max : key ^ next
        let entry = Int(block.base) &+ position
        return (
            pointee.wide.isEmpty ? UInt32(pointee.narrow[entry]) : pointee.wide[entry],
            UInt8(truncatingIfNeeded: level &+ min(left, right).leadingZeroBitCount &+ 1)
        )
    }
}

extension IPv6Table {
    /// Reads and checks a table whose values are below `valueCount`.
    init(from reader: inout ColumnReader, valueCount: Int) throws(MalformedColumns) {
        blocks = try reader.read()
        slots = try reader.read()
        starts = try reader.read()
        narrow = try reader.read()
        wide = try reader.read()
        self.valueCount = UInt32(valueCount)
        try check()
    }

    private func check() throws(MalformedColumns) {
        guard blocks.count > Self.blockCount, narrow.isEmpty || wide.isEmpty,
            narrow.count + wide.count == max(starts.count, 1) - 1
        else { throw malformed }
        let limit = valueCount + UInt32(blocks.count - Self.blockCount)
        guard narrow.areAll(below: Int(limit)), wide.areAll(below: Int(limit)) else {
            throw malformed
        }
        // Counting ranges and slots bounds the work: each belongs to one block.
        var (rangeCount, slotCount) = (0, 0)
        for block in blocks.buffer {
            guard block.further > 0 else {
                guard block.base <= valueCount, 1...128 ~= block.scope else { throw malformed }
                continue
            }
            let ranges = Int(block.base)..<(Int(block.base) + Int(block.further) + 1)
            rangeCount += ranges.count
            guard ranges.upperBound < starts.count, rangeCount < starts.count, starts[ranges.lowerBound] == 0,
                48...63 ~= block.shift
            else { throw malformed }
            for range in ranges.dropFirst() where starts[range - 1] >= starts[range] { throw malformed }
            let last = 1 << (64 - Int(block.shift))
            slotCount += last + 1
            guard slotCount <= slots.count, Int(block.firstSlot) <= slots.count - last - 1,
                slots[Int(block.firstSlot) + last] == block.further
            else { throw malformed }
            for slot in 0..<last {
                let key = UInt64(slot) << UInt64(block.shift)
                let range = slots[Int(block.firstSlot) + slot]
                guard range <= block.further, starts[ranges.lowerBound + Int(range)] <= key,
                    range == block.further || starts[ranges.lowerBound + Int(range) + 1] > key
                else { throw malformed }
            }
        }
    }

    private var malformed: MalformedColumns { MalformedColumns("an IPv6 address table is damaged") }

    /// - Parameter isSmall: whether to make one slot for four to eight ranges instead of two to four.
    static func write(
        _ ranges: AddressRanges<UInt128>, valueCount: Int, isSmall: Bool = false, to writer: inout ColumnWriter
    ) {
        var layout = Layout(valueCount: UInt32(valueCount), isSmall: isSmall)
        layout.lay(out: ranges)
        writer.add(layout.blocks)
        writer.add(layout.slots)
        writer.add(layout.starts)
        let isNarrow = valueCount + layout.blocks.count - blockCount <= 1 << 16
        writer.add(isNarrow ? layout.values.map { UInt16($0) } : [])
        writer.add(isNarrow ? [] : layout.values)
    }

    /// A table that is being built.
    private struct Layout {
        let valueCount: UInt32
        let isSmall: Bool
        var blocks: [Block] = []
        var slots: [UInt32] = []
        var starts: [UInt64] = []
        var values: [UInt32] = []

        /// Ranges in memory that does not move.
        struct Ranges {
            let starts: UnsafeBufferPointer<UInt128>
            let values: UnsafeBufferPointer<UInt32>

            func last(_ range: Int) -> UInt128 { range + 1 < starts.count ? starts[range + 1] - 1 : .max }

            func scope(of range: Int, first: UInt128, last: UInt128) -> UInt16 {
                let (start, end) = (starts[range], self.last(range))
                let left = start == 0 ? 0 : (first ^ (start - 1)).leadingZeroBitCount
                let right = end == .max ? 0 : (last ^ (end + 1)).leadingZeroBitCount
                return UInt16(max(left, right) + 1)
            }
        }

        init(valueCount: UInt32, isSmall: Bool) {
            self.valueCount = valueCount
            self.isSmall = isSmall
        }

        mutating func lay(out all: AddressRanges<UInt128>) {
            blocks = Array(
                repeating: Block(base: 0, further: 0, firstSlot: 0, shift: 48, scope: 1),
                count: IPv6Table.blockCount + 1)
            all.withBuffers { starts, values in
                let ranges = Ranges(starts: starts, values: values)
                var range = 0
                for number in 0..<IPv6Table.blockCount {
                    let first = UInt128(0x2000 + number) << 112
                    while ranges.last(range) < first { range += 1 }
                    blocks[number] = block(ranges, &range, first: first, last: first | .max >> 16, level: 16)
                }
            }
            all.outside(first: 0x2000 << 112, last: .max >> 2).withBuffers { starts, values in
                var range = 0
                blocks[IPv6Table.blockCount] = block(
                    Ranges(starts: starts, values: values), &range, first: 0, last: .max, level: 0)
            }
            if !starts.isEmpty { starts.append(0) }
        }

        /// Lays out the addresses `first...last`, which share their first `level` bits.
        ///
        /// - Parameter range: the range that contains `first`; on return, the one that contains `last`.
        private mutating func block(
            _ ranges: Ranges, _ range: inout Int, first: UInt128, last: UInt128, level: Int
        ) -> Block {
            guard ranges.last(range) < last else {
                return Block(
                    base: ranges.values[range], further: 0, firstSlot: 0, shift: 48,
                    scope: ranges.scope(of: range, first: first, last: last))
            }
            var entries: [(key: UInt64, value: UInt32)] = []
            // Addresses that differ only after the 64 bits of the key form one piece.
            let inPiece = level == 64 ? 0 : UInt128(UInt64.max)
            var piece = first
            while true {
                let key = UInt64(truncatingIfNeeded: (piece << UInt128(level)) >> 64)
                if ranges.last(range) >= piece | inPiece {
                    entries.append((key, ranges.values[range]))
                    guard ranges.last(range) < last else { break }
                    // Go on with the first piece that is not completely in the range.
                    piece = (ranges.last(range) + 1) & ~inPiece
                } else {
                    let inside = block(ranges, &range, first: piece, last: piece | inPiece, level: 64)
                    blocks.append(inside)
                    entries.append((key, valueCount + UInt32(blocks.count - 1 - IPv6Table.blockCount)))
                    guard piece | inPiece < last else { break }
                    piece = (piece | inPiece) + 1
                }
                if ranges.last(range) < piece { range += 1 }
            }
            return add(entries)
        }

        private mutating func add(_ entries: [(key: UInt64, value: UInt32)]) -> Block {
            let bits = max(1, min(16, Int.bitWidth - (isSmall ? 3 : 2) - entries.count.leadingZeroBitCount))
            let block = Block(
                base: UInt32(starts.count), further: UInt32(entries.count - 1), firstSlot: UInt32(slots.count),
                shift: UInt16(64 - bits), scope: 0)
            var entry = 0
            for slot in 0..<UInt64(1 << bits) {
                let key = slot << UInt64(block.shift)
                while entry + 1 < entries.count, entries[entry + 1].key <= key { entry += 1 }
                slots.append(UInt32(entry))
            }
            slots.append(UInt32(entries.count - 1))
            for entry in entries {
                starts.append(entry.key)
                values.append(entry.value)
            }
            return block
        }
    }
}
