import Platform

/// The values of one of several tables that share their ranges: addresses that no table tells apart are of one class, and a table has a
/// value for each class. Where its value changes is a bit for each range, so that a table of a million ranges takes a tenth
/// of what it would take by itself.
@usableFromInline
struct AddressClasses: Sendable {
    @usableFromInline let ranges: SharedRanges
    /// A bit for each range that has another value than the range before, for the first of each family, and for the end.
    @usableFromInline let boundaries: Column<UInt64>
    /// A bit for each word of `boundaries` that is not zero.
    @usableFromInline let summary: Column<UInt64>
    /// The value of each class. One of these is used: the wide one if there are too many for the narrow one.
    @usableFromInline let narrow: Column<UInt16>
    @usableFromInline let wide: Column<UInt32>

    /// The value of a range, and the scope of an address in it.
    @usableFromInline
    func resolveIPv4(_ range: UInt32, _ address: UInt32) -> (value: UInt32, scope: UInt8) {
        let range = Int(range)
        let (first, next) = (boundary(upTo: range), boundary(after: range))
        let left = first == 0 ? 0 : (address ^ (ranges.ipv4Starts[first] &- 1)).leadingZeroBitCount
        let right =
            next == ranges.ipv4Starts.count ? 0 : (address ^ ranges.ipv4Starts[next]).leadingZeroBitCount
        return (value(of: range), UInt8(min(max(left, right) + 1, 32)))
    }

    /// The value of a range, and the scope of an address in it.
    @usableFromInline
    func resolveIPv6(_ range: UInt32, _ address: UInt128) -> (value: UInt32, scope: UInt8) {
        let base = ranges.ipv4Starts.count
        let range = max(Int(range), base)
        let (first, next) = (boundary(upTo: range) - base, boundary(after: range) - base)
        let left = first == 0 ? 0 : (address ^ (ranges.ipv6Starts[first] &- 1)).leadingZeroBitCount
        let right =
            next == ranges.ipv6Starts.count ? 0 : (address ^ ranges.ipv6Starts[next]).leadingZeroBitCount
        return (value(of: range), UInt8(min(max(left, right) + 1, 128)))
    }

    private func value(of range: Int) -> UInt32 {
        let number = Int(ranges.classes[range])
        return wide.isEmpty ? UInt32(narrow[number]) : wide[number]
    }

    /// The last boundary up to a range.
    private func boundary(upTo range: Int) -> Int {
        let word = range >> 6
        let bits = boundaries[word] & (.max >> UInt64(63 - range & 63))
        if bits != 0 { return word << 6 + 63 - bits.leadingZeroBitCount }
        var group = word >> 6
        var words = summary[group] & ((1 << UInt64(word & 63)) - 1)
        while words == 0 {
            group -= 1
            words = summary[group]
        }
        let found = group << 6 + 63 - words.leadingZeroBitCount
        return found << 6 + 63 - boundaries[found].leadingZeroBitCount
    }

    /// The first boundary after a range.
    private func boundary(after range: Int) -> Int {
        let next = range + 1
        let word = next >> 6
        let bits = boundaries[word] & (.max << UInt64(next & 63))
        if bits != 0 { return word << 6 + bits.trailingZeroBitCount }
        var group = (word + 1) >> 6
        var words = summary[group] & (.max << UInt64((word + 1) & 63))
        while words == 0 {
            group += 1
            words = summary[group]
        }
        let found = group << 6 + words.trailingZeroBitCount
        return found << 6 + boundaries[found].trailingZeroBitCount
    }

    /// Reads and checks the values of a table, which are below `valueCount`.
    init(from reader: inout ColumnReader, _ ranges: SharedRanges, valueCount: Int) throws(MalformedColumns) {
        self.ranges = ranges
        boundaries = try reader.read()
        summary = try reader.read()
        narrow = try reader.read()
        wide = try reader.read()
        let end = ranges.classes.count
        let (boundaries, summary) = (boundaries, summary)
        func isBoundary(_ range: Int) -> Bool { boundaries[range >> 6] >> UInt64(range & 63) & 1 == 1 }
        guard boundaries.count == end >> 6 + 1, summary.count == end >> 12 + 1, isBoundary(0),
            isBoundary(ranges.ipv4Starts.count), isBoundary(end),
            boundaries[end >> 6] & ~(.max >> UInt64(63 - end & 63)) == 0,
            Self.summary(of: boundaries.buffer).elementsEqual(summary.buffer),
            narrow.count + wide.count == ranges.classCount, narrow.isEmpty || wide.isEmpty,
            narrow.buffer.allSatisfy({ $0 < valueCount }), wide.buffer.allSatisfy({ $0 < valueCount })
        else { throw MalformedColumns("an address table of classes is damaged") }
    }

    private static func summary(of boundaries: UnsafeBufferPointer<UInt64>) -> [UInt64] {
        var summary = [UInt64](repeating: 0, count: boundaries.count >> 6 + (boundaries.count & 63 == 0 ? 0 : 1))
        for (word, bits) in boundaries.enumerated() where bits != 0 { summary[word >> 6] |= 1 << UInt64(word & 63) }
        return summary
    }

    /// Lays out the values of a table.
    static func write(_ boundaries: [UInt64], _ values: [UInt32], valueCount: Int, to writer: inout ColumnWriter) {
        writer.add(boundaries)
        writer.add(boundaries.withUnsafeBufferPointer { summary(of: $0) })
        let isNarrow = valueCount <= 1 << 16
        writer.add(isNarrow ? values.map { UInt16($0) } : [])
        writer.add(isNarrow ? [] : values)
    }
}

/// The ranges that several tables share, in the order of their addresses: first those of IPv4, then those of IPv6.
@usableFromInline
struct SharedRanges: Sendable {
    @usableFromInline let classes: Column<UInt32>
    @usableFromInline let ipv4Starts: Column<UInt32>
    @usableFromInline let ipv6Starts: Column<UInt128>
    /// Above all classes.
    let classCount: Int

    /// Reads and checks the ranges.
    init(from reader: inout ColumnReader) throws(MalformedColumns) {
        classes = try reader.read()
        ipv4Starts = try reader.read()
        ipv6Starts = try reader.read()
        let count = try reader.read(UInt32.self)
        guard count.count == 1, !ipv4Starts.isEmpty, ipv4Starts[0] == 0, !ipv6Starts.isEmpty, ipv6Starts[0] == 0,
            ipv4Starts.count + ipv6Starts.count == classes.count,
            zip(ipv4Starts.buffer, ipv4Starts.buffer.dropFirst()).allSatisfy({ $0 < $1 }),
            zip(ipv6Starts.buffer, ipv6Starts.buffer.dropFirst()).allSatisfy({ $0 < $1 }),
            classes.buffer.allSatisfy({ $0 < count[0] })
        else { throw MalformedColumns("the ranges of address tables are damaged") }
        classCount = Int(count[0])
    }
}
