import Platform

/// The values of one of several tables that share their ranges.
///
/// Addresses that no table tells apart are of one class, and a table has a value for each class. A bit for each range
/// says whether the table's value changes there, so that a table of a million ranges takes a tenth of the memory of a
/// table with ranges of its own.
@usableFromInline
struct AddressClasses: Sendable {
    let ranges: SharedRanges
    /// One bit for each range, set if the value differs from that of the previous range. The bits of each family's
    /// first range and of the end are always set, so that a search for a boundary finds one.
    let boundaries: Column<UInt64>
    /// A bit for each word of `boundaries` that is not zero.
    let summary: Column<UInt64>
    /// The value of each class. Exactly one of the two is in use: `wide` if values do not fit into 16 bits.
    let narrow: Column<UInt16>
    let wide: Column<UInt32>

    /// The values of a table that has ranges of its own.
    static var none: AddressClasses { AddressClasses() }

    private init() {
        ranges = .none
        (boundaries, summary, narrow, wide) = (.empty, .empty, .empty, .empty)
    }

    /// Reads the values of a table, and checks that they are below `valueCount`.
    init(from reader: inout ColumnReader, _ ranges: SharedRanges, valueCount: Int) throws(MalformedColumns) {
        self.ranges = ranges
        boundaries = try reader.read()
        summary = try reader.read()
        narrow = try reader.read()
        wide = try reader.read()
        let end = ranges.count
        let (boundaries, summary) = (boundaries, summary)
        func isBoundary(_ range: Int) -> Bool { boundaries[range >> 6] >> UInt64(range & 63) & 1 == 1 }
        guard boundaries.count == end >> 6 + 1, summary.count == end >> 12 + 1, isBoundary(0),
            isBoundary(ranges.ipv4.count), isBoundary(end),
            boundaries[end >> 6] & ~(.max >> UInt64(63 - end & 63)) == 0,
            Self.summary(of: boundaries.buffer).elementsEqual(summary.buffer),
            narrow.count + wide.count == ranges.classCount, narrow.isEmpty || wide.isEmpty,
            narrow.areAll(below: valueCount), wide.areAll(below: valueCount)
        else { throw MalformedColumns("an address table of classes is damaged") }
    }

    private static func summary(of boundaries: UnsafeBufferPointer<UInt64>) -> [UInt64] {
        var summary = [UInt64](repeating: 0, count: boundaries.count >> 6 + (boundaries.count & 63 == 0 ? 0 : 1))
        for (word, bits) in boundaries.enumerated() where bits != 0 { summary[word >> 6] |= 1 << UInt64(word & 63) }
        return summary
    }

    /// Writes the values of a table.
    static func write(_ boundaries: [UInt64], _ values: [UInt32], valueCount: Int, to writer: inout ColumnWriter) {
        writer.add(boundaries)
        writer.add(boundaries.withUnsafeBufferPointer { summary(of: $0) })
        let isNarrow = valueCount <= 1 << 16
        writer.add(isNarrow ? values.map { UInt16($0) } : [])
        writer.add(isNarrow ? [] : values)
    }
}

/// Look-ups on a pointer; `AddressTable` explains why.
extension UnsafePointer where Pointee == AddressClasses {
    /// Returns the value of an address, and its scope prefix length, 1...32.
    @inline(__always)
    func lookupIPv4(_ address: UInt32) -> (value: UInt32, scope: UInt8) {
        let range = pointee.ranges.ipv4Range(of: address)
        let (first, next) = (boundary(upTo: range), boundary(after: range))
        // See `IPv6Table.search`. No address is before the first range or after the last one.
        let left = first == 0 ? .max : address ^ (pointee.ranges.ipv4[first].start &- 1)
        let right = next == pointee.ranges.ipv4.count ? .max : address ^ pointee.ranges.ipv4[next].start
        let scope = min(left, right).leadingZeroBitCount &+ 1
        return (value(of: pointee.ranges.ipv4[range].value), UInt8(truncatingIfNeeded: scope))
    }

    /// Returns the value of a range, and the scope prefix length, 1...128, of an address in it.
    @inline(__always)
    func resolveIPv6(_ range: UInt32, _ address: UInt128) -> (value: UInt32, scope: UInt8) {
        let base = pointee.ranges.ipv4.count
        let range = max(Int(range), base)
        let (first, next) = (boundary(upTo: range) &- base, boundary(after: range) &- base)
        let left = first == 0 ? .max : address ^ (pointee.ranges.ipv6Starts[first] &- 1)
        let right = next == pointee.ranges.ipv6Starts.count ? .max : address ^ pointee.ranges.ipv6Starts[next]
        // In a damaged image a boundary may be the address itself; the scope must still be a valid length.
        let scope = min(min(left, right).leadingZeroBitCount, 127) &+ 1
        return (value(of: pointee.ranges.ipv6Classes[range &- base]), UInt8(truncatingIfNeeded: scope))
    }

    @inline(__always)
    private func value(of number: UInt32) -> UInt32 {
        pointee.wide.isEmpty ? UInt32(pointee.narrow[Int(number)]) : pointee.wide[Int(number)]
    }

    /// Returns the last boundary at or before a range.
    @inline(__always)
    private func boundary(upTo range: Int) -> Int {
        let word = range &>> 6
        let bits = pointee.boundaries[word] & (.max &>> UInt64(truncatingIfNeeded: 63 &- range & 63))
        guard bits == 0 else { return word &<< 6 &+ 63 &- bits.leadingZeroBitCount }
        return boundary(inWordsBefore: word)
    }

    /// Returns the first boundary after a range.
    @inline(__always)
    private func boundary(after range: Int) -> Int {
        let next = range &+ 1
        let word = next &>> 6
        let bits = pointee.boundaries[word] & (.max &<< UInt64(truncatingIfNeeded: next & 63))
        guard bits == 0 else { return word &<< 6 &+ bits.trailingZeroBitCount }
        return boundary(inWordsFrom: word &+ 1)
    }

    /// Returns the last boundary in the words of `boundaries` before `word`. There is one, since bit 0 is set.
    @inline(never)
    private func boundary(inWordsBefore word: Int) -> Int {
        var group = word >> 6
        var words = pointee.summary[group] & ((1 << UInt64(word & 63)) - 1)
        while words == 0 {
            group -= 1
            words = pointee.summary[group]
        }
        let found = group << 6 + 63 - words.leadingZeroBitCount
        return found << 6 + 63 - pointee.boundaries[found].leadingZeroBitCount
    }

    /// Returns the first boundary in `word` or a later word of `boundaries`. There is one, since the bit of the end
    /// is set.
    @inline(never)
    private func boundary(inWordsFrom word: Int) -> Int {
        var group = word >> 6
        var words = pointee.summary[group] & (.max << UInt64(word & 63))
        while words == 0 {
            group += 1
            words = pointee.summary[group]
        }
        let found = group << 6 + words.trailingZeroBitCount
        return found << 6 + pointee.boundaries[found].trailingZeroBitCount
    }
}

/// The ranges that several tables share, in the order of their addresses: first those of IPv4, then those of IPv6.
@usableFromInline
struct SharedRanges: Sendable {
    /// For each value of the first 18 bits of an IPv4 address: the range that contains the first address with these
    /// bits. One more entry is the last range. This index takes 1 MiB for all tables together and so stays in the
    /// cache. The few ranges that remain to be searched are next to each other in memory.
    private let firsts: Column<UInt32>
    /// The first address and the class of each IPv4 range, side by side: a look-up needs both.
    let ipv4: Column<IPv4Range>
    let ipv6Starts: Column<UInt128>
    let ipv6Classes: Column<UInt32>
    /// One more than the largest class.
    let classCount: Int

    /// The number of ranges of both families.
    var count: Int { ipv4.count + ipv6Starts.count }

    private static var indexBits: UInt32 { 18 }

    /// A range as one number, which compares as its first address does.
    struct IPv4Range: BitwiseCopyable {
        var bits: UInt64

        init(start: UInt32, value: UInt32) { bits = UInt64(start) << 32 | UInt64(value) }

        var start: UInt32 { UInt32(truncatingIfNeeded: bits &>> 32) }
        var value: UInt32 { UInt32(truncatingIfNeeded: bits) }
    }

    /// Returns the number of the range that contains an address.
    @inline(__always)
    func ipv4Range(of address: UInt32) -> Int {
        let chunk = Int(address &>> (32 &- Self.indexBits))
        let first = UnsafeRawPointer(ipv4.start).assumingMemoryBound(to: UInt64.self)
        let key = UInt64(address) &<< 32 | .max &>> 32
        var range = first + Int(firsts[chunk])
        var count = Int(firsts[chunk &+ 1] &- firsts[chunk]) &+ 1
        while count > 16 { halve(&range, &count, key) }
        halve(&range, &count, key)
        halve(&range, &count, key)
        halve(&range, &count, key)
        halve(&range, &count, key)
        return range - first
    }

    /// No ranges.
    static var none: SharedRanges { SharedRanges() }

    private init() {
        (firsts, ipv4, ipv6Starts, ipv6Classes) = (.empty, .empty, .empty, .empty)
        classCount = 0
    }

    /// Reads the ranges, and checks that a look-up of any address stays inside them.
    init(from reader: inout ColumnReader) throws(MalformedColumns) {
        firsts = try reader.read()
        ipv4 = try reader.read()
        ipv6Starts = try reader.read()
        ipv6Classes = try reader.read()
        let classes = try reader.read(UInt32.self)
        guard classes.count == 1, firsts.count == 1 << Self.indexBits + 1, !ipv4.isEmpty, ipv4[0].start == 0,
            !ipv6Starts.isEmpty,
            ipv6Starts[0] == 0, ipv6Starts.count == ipv6Classes.count
        else { throw Self.malformed }
        classCount = Int(classes[0])
        guard areRangesSound, isIndexSound, ipv6Classes.areAll(below: classCount) else { throw Self.malformed }
    }

    private static var malformed: MalformedColumns { MalformedColumns("the ranges of address tables are damaged") }

    /// Whether the ranges ascend, and have classes that exist.
    private var areRangesSound: Bool {
        // The loops count faults and never exit early, so that the compiler can vectorize them.
        let limit = UInt32(classCount)
        var faults = ipv4[0].value < limit ? 0 : 1
        for range in 1..<ipv4.count {
            let (last, next) = (ipv4[range &- 1], ipv4[range])
            faults &+= last.start < next.start ? 0 : 1
            faults &+= next.value < limit ? 0 : 1
        }
        for range in 1..<ipv6Starts.count { faults &+= ipv6Starts[range &- 1] < ipv6Starts[range] ? 0 : 1 }
        return faults == 0
    }

    /// Whether each entry of the index is the range that contains the first address with its bits.
    private var isIndexSound: Bool {
        let last = ipv4.count - 1
        guard firsts[firsts.count - 1] == UInt32(last) else { return false }
        for chunk in 0..<(firsts.count - 1) {
            let address = UInt32(chunk) << (32 - Self.indexBits)
            let first = Int(firsts[chunk])
            guard first <= last, ipv4[first].start <= address, first == last || ipv4[first + 1].start > address else {
                return false
            }
        }
        return true
    }

    /// Writes ranges of classes that are below `classCount`.
    static func write(
        _ ipv4: AddressRanges<UInt32>, _ ipv6: AddressRanges<UInt128>, classCount: UInt32, to writer: inout ColumnWriter
    ) {
        var firsts: [UInt32] = []
        firsts.reserveCapacity(1 << indexBits + 1)
        var range = 0
        for chunk in 0..<UInt32(1 << indexBits) {
            let address = chunk << (32 - indexBits)
            while range + 1 < ipv4.starts.count, ipv4.starts[range + 1] <= address { range += 1 }
            firsts.append(UInt32(range))
        }
        firsts.append(UInt32(ipv4.starts.count - 1))
        writer.add(firsts)
        writer.add(zip(ipv4.starts, ipv4.values).map { IPv4Range(start: $0, value: $1) })
        writer.add(ipv6.starts)
        writer.add(ipv6.values)
        writer.add([classCount])
    }
}
