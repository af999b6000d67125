import Platform

/// The IPv4 part of an address table, laid out as DXR does (Zec, Rizzo, Mikuc: "DXR: Towards a Billion Routing Lookups
/// Per Second in Software", 2012). There is an entry for each value of an address's first 16 bits. It holds the value,
/// or says where the ranges of that chunk are.
@usableFromInline
package struct IPv4Table: Sendable {
    /// A chunk for each value of the first 16 bits; a single one if all addresses have one value.
    @usableFromInline let chunks: Column<Chunk>
    /// Masks the first 16 bits of an address: 0xffff, or 0 if there is a single chunk.
    @usableFromInline let mask: UInt32
    /// For each range of a chunk: the last 16 bits of its first address, and its value, 16 bits each. One more element
    /// follows, so that the element after the last range can be read. Empty if values do not fit into 16 bits, or if
    /// there are no ranges.
    @usableFromInline let narrow: Column<UInt32>
    /// The same with 32 bits each.
    @usableFromInline let wide: Column<UInt64>

    @usableFromInline
    struct Chunk: BitwiseCopyable {
        /// The position of the first range, or the value if the chunk has only one.
        @usableFromInline var base: UInt32
        /// The number of ranges after the first; 0 if the chunk has only one value.
        @usableFromInline var further: UInt16
        /// The scope prefix length, 1...32, if the chunk has only one value.
        @usableFromInline var scope: UInt16
    }

    /// Returns the value of an address, and its scope, 1...32; see `AddressTable`.
    @inlinable @inline(__always)
    package func lookup(_ address: UInt32) -> (value: UInt32, scope: UInt8) {
        let chunk = chunks[Int(address &>> 16 & mask)]
        guard chunk.further > 0 else { return (chunk.base, UInt8(truncatingIfNeeded: chunk.scope)) }
        return wide.isEmpty ? search(narrow, chunk, address & 0xffff) : search(wide, chunk, address & 0xffff)
    }

    /// Finds the last range of a chunk that begins at or before an address, given its last 16 bits.
    @inlinable @inline(__always)
    func search<Range: FixedWidthInteger & BitwiseCopyable>(
        _ ranges: Column<Range>, _ chunk: Chunk, _ address: UInt32
    ) -> (value: UInt32, scope: UInt8) {
        let half = Range(truncatingIfNeeded: Range.bitWidth / 2)
        let key = Range(truncatingIfNeeded: address) &<< half | Range.max &>> half
        let first = ranges.start + Int(chunk.base)
        var range = first
        var count = Int(chunk.further) &+ 1
        while count > 32 { halve(&range, &count, key) }
        halve(&range, &count, key)
        halve(&range, &count, key)
        halve(&range, &count, key)
        halve(&range, &count, key)
        halve(&range, &count, key)
        let start = UInt32(truncatingIfNeeded: range[0] &>> half)
        let next = UInt32(truncatingIfNeeded: range[1] &>> half)
        let isLast = range - first == Int(chunk.further)
        // The first 16 bits are zero in all of these, because all ranges of a chunk share them. The range before the
        // chunk's first one is in another chunk, so that the address shares more bits with the range after it. `start
        // &- 1` is then 0xffff_ffff, which shares none. For the last range it is the other way round.
        let left = address ^ (start &- 1)
        let right = isLast ? .max : address ^ next
        return (
            UInt32(truncatingIfNeeded: range[0] & (Range.max &>> half)),
            UInt8(truncatingIfNeeded: min(left, right).leadingZeroBitCount &+ 1)
        )
    }
}

extension IPv4Table {
    /// Reads and checks a table whose values are below `valueCount`.
    init(from reader: inout ColumnReader, valueCount: Int) throws(MalformedColumns) {
        chunks = try reader.read()
        narrow = try reader.read()
        wide = try reader.read()
        mask = chunks.count == 1 ? 0 : 0xffff
        guard chunks.count == 1 || chunks.count == 1 << 16, narrow.isEmpty || wide.isEmpty else { throw malformed }
        try wide.isEmpty ? check(narrow, valueCount) : check(wide, valueCount)
    }

    /// Checks that the ranges of the chunks follow one another, begin at the first address of their chunk, and ascend.
    private func check<Range: FixedWidthInteger & UnsignedInteger>(
        _ ranges: Column<Range>, _ valueCount: Int
    ) throws(MalformedColumns) {
        let half = Range(Range.bitWidth / 2)
        let chunkLimit = UInt32(clamping: valueCount)
        let valueCount = Range(clamping: valueCount)
        var position = 0
        for chunk in chunks.buffer {
            guard chunk.further > 0 else {
                guard chunk.base < chunkLimit, 1...32 ~= chunk.scope else { throw malformed }
                continue
            }
            let end = position + Int(chunk.further) + 1
            guard chunk.base == position, end < ranges.count, chunks.count > 1, ranges[position] >> half == 0 else {
                throw malformed
            }
            // The loop counts faults and never exits early, so that the compiler can vectorize it. The first range
            // has been checked above.
            var faults = 0
            let mask: Range = .max >> half
            for range in position..<end {
                let (value, start) = (ranges[range] & mask, ranges[range] >> half)
                faults &+= value < valueCount ? 0 : 1
                faults &+= start <= 0xffff ? 0 : 1
                if range > position { faults &+= ranges[range &- 1] >> half < start ? 0 : 1 }
            }
            guard faults == 0 else { throw malformed }
            position = end
        }
    }

    private var malformed: MalformedColumns { MalformedColumns("an IPv4 address table is damaged") }

    static func write(_ ranges: AddressRanges<UInt32>, valueCount: Int, to writer: inout ColumnWriter) {
        if valueCount <= 1 << 16 {
            write(ranges, UInt32.self, to: &writer)
        } else {
            write(ranges, UInt64.self, to: &writer)
        }
    }

    private static func write<Range: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ ranges: AddressRanges<UInt32>, _ type: Range.Type, to writer: inout ColumnWriter
    ) {
        var chunks: [Chunk] = []
        var laidOut: [Range] = []
        ranges.starts.withUnsafeBufferPointer { starts in
            ranges.values.withUnsafeBufferPointer { values in
                guard starts.count > 1 else { return chunks.append(Chunk(base: values[0], further: 0, scope: 1)) }
                chunks.reserveCapacity(1 << 16)
                laidOut.reserveCapacity(starts.count + 1 << 16)
                let half = Range(Range.bitWidth / 2)
                // The range that contains the chunk's first address, and the start of the next range.
                var range = 0
                func next() -> UInt64 { range + 1 < starts.count ? UInt64(starts[range + 1]) : 1 << 32 }
                for number in 0..<UInt32(1 << 16) {
                    let (first, last) = (number << 16, number << 16 | 0xffff)
                    if next() == UInt64(first) { range += 1 }
                    guard next() <= UInt64(last) else {
                        let left = starts[range] == 0 ? 0 : (first ^ (starts[range] - 1)).leadingZeroBitCount
                        let right = next() > .max >> 32 ? 0 : (last ^ UInt32(next())).leadingZeroBitCount
                        chunks.append(Chunk(base: values[range], further: 0, scope: UInt16(max(left, right) + 1)))
                        continue
                    }
                    let base = laidOut.count
                    laidOut.append(Range(values[range]))
                    while next() <= UInt64(last) {
                        range += 1
                        laidOut.append(Range(starts[range] & 0xffff) << half | Range(values[range]))
                    }
                    chunks.append(
                        Chunk(base: UInt32(base), further: UInt16(laidOut.count - base - 1), scope: 0))
                }
            }
        }
        if !laidOut.isEmpty { laidOut.append(0) }
        writer.add(chunks)
        if Range.self == UInt64.self { writer.add([UInt32]()) }
        writer.add(laidOut)
        if Range.self == UInt32.self { writer.add([UInt64]()) }
    }
}
